import assert from "node:assert/strict";
import { test } from "node:test";
import type { CapturedRunOptions } from "../support/capture_host.ts";
import { type Incident, type Lab, type LabRun, problem, startLab } from "./deletion_lab.ts";
import { CONFIG, image, index, pointTo } from "./oci_content.ts";
import { assertRun } from "./run_against.ts";

const SUBJECT = image({ annotations: { name: "subject" } });
const A = image({
  annotations: { name: "a" },
  subject: pointTo(SUBJECT),
  "org.example": [1, null],
});
const B = image({ annotations: { name: "b" } });
const ALL = { 1: "@A", 2: "@A", 3: "@B" };

/** A registry that deletes by digest alone: `1` and `2` are one image, `3` is another. */
async function start(): Promise<Lab> {
  const lab = await startLab({ tags: { 1: A, 2: A, 3: B }, deleting: "digests" });
  lab.name({ A, B });
  return lab;
}

const DELETE_1 = ["delete", "HOST/app:1", "--yes"];
const LOOKS = ["GET tags/list", "HEAD 1", "GET 1", "DELETE 1"];
const PREFLIGHT = [...LOOKS, "DELETE @random"];
const NOTE =
  "note: The registry cannot delete a tag alone: it was done by way of a copy of the manifest; " +
  "the image and its other tags are as they were\n";

/** Runs the deletion of `1`, in which these things happen. */
async function suffer(
  lab: Lab,
  incidents: readonly (readonly [method: string, name: string, incident: Incident])[],
  options: CapturedRunOptions & { readonly words?: readonly string[] } = {},
): Promise<LabRun> {
  for (const incident of incidents) lab.on(...incident);
  return await lab.run([...DELETE_1, ...options.words ?? []], options);
}

test("35: where only digests are deleted, a copy of the manifest takes the tag along", async () => {
  await using lab = await start();
  const run = await lab.run(DELETE_1);
  assertRun(run, { exitCode: 0, stdout: `deleted  HOST/app:1  ${A.digest}\n`, stderr: NOTE });
  assert.deepEqual(run.log, [
    ...PREFLIGHT,
    // It may have moved.
    ...["HEAD 1", "PUT 1"],
    "DELETE @copy",
    // Whether the tag is gone, and its siblings are not.
    ...["HEAD 1", "HEAD @A", "GET tags/list"],
  ]);
  assert.deepEqual(lab.state(), { 2: "@A", 3: "@B" });
});

test("35: the copy has the same fields, one annotation more, no subject, and a digest of its own", async () => {
  const digests = new Set<string>();
  for (let i = 0; i < 2; i++) {
    await using lab = await start();
    const run = await lab.run([...DELETE_1, "-o", "json"]);
    const put = run.requests.find(({ method }) => method === "PUT");
    assert.equal(put?.headers["content-type"], A.mediaType);
    const { subject: _, annotations, ...fields } = JSON.parse(A.bytes.toString());
    const copy = JSON.parse(put?.body ?? "");
    const { "regctl.copy": chance, ...rest } = copy.annotations;
    assert.match(chance, /^[0-9a-f-]{36}$/);
    assert.deepEqual({ ...copy, annotations: rest }, { ...fields, annotations });
    digests.add(run.requests.filter(({ method }) => method === "DELETE").at(-1)?.path ?? "");
    assert.equal(JSON.parse(run.stdout).results[0].way, "copy");
  }
  assert.equal(digests.size, 2);
});

test("35: an index is copied as an index", async () => {
  const parent = index([pointTo(B)]);
  await using lab = await startLab({ tags: { 1: parent, 3: B }, deleting: "digests" });
  const run = await lab.run(DELETE_1);
  assert.equal(run.exitCode, 0, run.stderr);
  const put = run.requests.find(({ method }) => method === "PUT");
  assert.equal(put?.headers["content-type"], parent.mediaType);
  assert.deepEqual(JSON.parse(put?.body ?? "").manifests, [pointTo(B)]);
});

test("the journal is on the disk before a request changes anything", async () => {
  await using lab = await start();
  const seen: unknown[] = [];
  const look = async () => void seen.push((await lab.journal()).flatMap(Object.keys));
  const copies: unknown[] = [];
  const run = await suffer(lab, [
    ["DELETE", "1", { act: look }],
    ["DELETE", "@random", { act: look }],
    ["PUT", "1", { act: look }],
    ["DELETE", "@copy", {
      act: async ({ path }) => {
        const copy = (await lab.journal()).at(-1)?.["copy"];
        copies.push(copy?.["tag"], path.endsWith(String(copy?.["digest"])));
      },
    }],
  ]);
  assert.equal(run.exitCode, 0, run.stderr);
  const begun = ["journal", "removal"];
  assert.deepEqual(seen, [begun, begun, [...begun, "copy"]]);
  assert.deepEqual(copies, ["1", true]);
  const [, line] = await lab.journal();
  assert.deepEqual(line?.["removal"], {
    ...{ id: 1, repository: `${lab.host}/app`, digest: A.digest, mediaType: A.mediaType },
    ...{ tags: ["1"], manifest: false, children: [], data: A.bytes.toString("base64") },
  });
});

test("35: a registry that deletes nothing is left alone", async () => {
  const cases: readonly (readonly [Incident, string])[] = [
    [{ reply: problem(405, "UNSUPPORTED", "off") }, "405 UNSUPPORTED: off"],
    [{ reply: problem(400, "UNSUPPORTED") }, "400 UNSUPPORTED"],
    [{ reply: { status: 404, body: "404 page not found" } }, "404"],
    [{ reply: { status: 404, body: { message: "no Route matched" } } }, "404 no Route matched"],
  ];
  for (const [incident, says] of cases) {
    await using lab = await start();
    const run = await suffer(lab, [["DELETE", "@random", incident]]);
    assertRun(run, {
      exitCode: 6,
      stdout: "failed   HOST/app:1\n",
      stderr: `error: Cannot delete "HOST/app:1": HOST does not delete (${says}); ` +
        "nothing was changed\n" +
        "hint: Enable deleting in the registry; distribution has " +
        "REGISTRY_STORAGE_DELETE_ENABLED for it\n",
    });
    assert.deepEqual(run.log, PREFLIGHT);
  }
});

test("35: a question for deletion that is not answered stops it too", async () => {
  const basic = { "www-authenticate": 'Basic realm="x"' };
  const cases: readonly (readonly [Incident, number])[] = [
    [{ reply: { status: 401, headers: basic } }, 4],
    [{ reply: problem(403, "DENIED") }, 4],
    [{ reply: { status: 500 }, times: 5 }, 5],
    [{ reply: { status: 302, headers: { location: "/" } } }, 7],
    [{ lost: "before", times: 5 }, 5],
  ];
  for (const [incident, exitCode] of cases) {
    await using lab = await start();
    const run = await suffer(lab, [["DELETE", "@random", incident]]);
    assert.equal(run.exitCode, exitCode, run.stderr);
    assert.deepEqual(run.log.filter((line) => line.startsWith("PUT")), []);
    assert.deepEqual(lab.state(), ALL);
  }
});

test("a registry that calls it deleted where there was nothing deletes", async () => {
  await using lab = await start();
  const run = await suffer(lab, [["DELETE", "@random", { reply: { status: 202 } }]]);
  assert.deepEqual([run.exitCode, lab.state()], [0, { 2: "@A", 3: "@B" }]);
});

test("the question and the way are found out once", async () => {
  await using lab = await start();
  const words = ["delete", "HOST/app:1", "HOST/app:2", "HOST/app:3", "--yes", "--allow-empty"];
  for (const more of [[], ["--concurrency", "1"]]) {
    for (const [tag, one] of [["1", A], ["2", A], ["3", B]] as const) lab.tags.set(tag, one);
    lab.manifests.set(A.digest, A).set(B.digest, B);
    // Even where the first one fails.
    lab.on("PUT", "1", { reply: problem(403, "DENIED") });
    const run = await lab.run([...words, ...more]);
    assert.equal(run.exitCode, 8, run.stderr);
    assert.deepEqual(lab.state(), { 1: "@A" });
    const deletes = run.log.filter((line) => line.startsWith("DELETE"));
    assert.deepEqual(deletes, ["DELETE 1", "DELETE @random", "DELETE @copy", "DELETE @copy"]);
  }
});

test("44: a copy that went with a lost connection is gone", async () => {
  for (const words of [[], ["--retries", "0"]]) {
    await using lab = await start();
    const run = await suffer(lab, [["DELETE", "@copy", { lost: "after" }]], { words });
    assertRun(run, { exitCode: 0, stdout: `deleted  HOST/app:1  ${A.digest}\n`, stderr: NOTE });
    assert.deepEqual(lab.state(), { 2: "@A", 3: "@B" });
  }
});

test("F21: what somebody else pushes in between stays", async () => {
  const other = image({ annotations: { name: "new" }, config: pointTo(CONFIG) });
  await using lab = await start();
  lab.name({ other });
  const push = () => {
    lab.tags.set("1", other);
    lab.manifests.set(other.digest, other);
  };
  const run = await suffer(lab, [["DELETE", "@copy", {
    reply: problem(403, "DENIED"),
    act: push,
  }]]);
  assert.equal(run.exitCode, 4);
  assert.deepEqual(run.log.slice(6), ["PUT 1", "DELETE @copy", "HEAD 1"]);
  assert.deepEqual(lab.state(), { ...ALL, 1: "@other" });
});

test("F21: a tag that moves before the copy is pushed keeps what was pushed", async () => {
  await using lab = await start();
  const push = () => void lab.tags.set("1", B);
  const run = await suffer(lab, [["DELETE", "@random", { act: push }]]);
  assert.deepEqual([run.exitCode, run.stdout], [8, "moved    HOST/app:1\n"]);
  assert.deepEqual(run.log.filter((line) => line.startsWith("PUT")), []);
  assert.deepEqual(lab.state(), { ...ALL, 1: "@B" });
  // It is nothing to undo.
  assert.equal((await lab.run(["undo", "--yes"])).exitCode, 3);
});
