import assert from "node:assert/strict";
import { test } from "node:test";
import type { CapturedRunOptions } from "../support/capture_host.ts";
import { type Incident, type Lab, type LabRun, problem, startLab } from "./deletion_lab.ts";
import { image, pointTo } from "./oci_content.ts";
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
/** Runs the deletion of `1`, in which these things happen. */
async function suffer(
  lab: Lab,
  incidents: readonly (readonly [method: string, name: string, incident: Incident])[],
  options: CapturedRunOptions & { readonly words?: readonly string[] } = {},
): Promise<LabRun> {
  for (const incident of incidents) lab.on(...incident);
  return await lab.run([...DELETE_1, ...options.words ?? []], options);
}

/** The PUTs of a run that were not of a copy: they must be of the very bytes. */
function assertPutBack(run: LabRun): void {
  const [copy, back, ...more] = run.requests.filter(({ method }) => method === "PUT");
  assert.notEqual(copy?.body, A.bytes.toString());
  assert.equal(back?.body, A.bytes.toString());
  assert.equal(back?.headers["content-type"], A.mediaType);
  assert.deepEqual(more, []);
}

test("a PUT that is refused leaves the tag alone", async () => {
  const cases: readonly (readonly [Incident, number, RegExp])[] = [
    [
      { reply: problem(403, "DENIED") },
      4,
      /by moving it to a copy of its manifest: HOST answered 403/,
    ],
    [
      { reply: problem(400, "MANIFEST_BLOB_UNKNOWN") },
      6,
      /hint: Its content is incomplete: delete/,
    ],
    [{ reply: { status: 500 }, times: 5 }, 5, /answered 500 \(5 tries\)/],
    [{ reply: { status: 202 } }, 7, /answered 202/],
    [{ lost: "before", times: 5 }, 5, /closed half-way/],
  ];
  for (const [incident, exitCode, says] of cases) {
    await using lab = await start();
    const run = await suffer(lab, [["PUT", "1", incident]]);
    assert.deepEqual([run.exitCode, run.stdout], [exitCode, "failed   HOST/app:1\n"]);
    assert.match(run.stderr, says);
    assert.deepEqual(lab.state(), ALL);
    const puts = run.log.filter((line) => line === "PUT 1");
    assert.deepEqual([puts.length, run.log.at(-1)], [incident.times ?? 1, "HEAD 1"]);
  }
});

test("a PUT that was lost on the way back is taken back", async () => {
  await using lab = await start();
  const run = await suffer(lab, [["PUT", "1", { lost: "after" }]], { words: ["--retries", "0"] });
  assert.deepEqual([run.exitCode, run.stdout], [5, "failed   HOST/app:1\n"]);
  assertPutBack(run);
  assert.deepEqual(run.log.slice(6), ["PUT 1", "HEAD 1", "PUT 1", "HEAD 1"]);
  assert.deepEqual(lab.state(), ALL);
});

test("a copy that is not deleted is taken back, byte for byte", async () => {
  const cases: readonly (readonly [Incident, number])[] = [
    [{ reply: problem(403, "DENIED") }, 4],
    [{ reply: problem(405, "UNSUPPORTED") }, 6],
    [{ reply: problem(409, "CONFLICT") }, 6],
    [{ reply: problem(404, "MANIFEST_UNKNOWN") }, 3],
    [{ reply: { status: 500 }, times: 5 }, 5],
    [{ reply: { status: 302, headers: { location: "/" } } }, 7],
    [{ reply: { status: 200, headers: { "content-type": "text/html" }, body: "<p>" } }, 7],
    [{ lost: "before", times: 5 }, 5],
    // It said that it did.
    [{ reply: { status: 202 } }, 7],
  ];
  for (const [incident, exitCode] of cases) {
    await using lab = await start();
    const run = await suffer(lab, [["DELETE", "@copy", incident]]);
    assert.deepEqual([run.exitCode, run.stdout], [exitCode, "failed   HOST/app:1\n"], run.stderr);
    assertPutBack(run);
    assert.deepEqual(run.log.slice(-3), ["HEAD 1", "PUT 1", "HEAD 1"]);
    assert.deepEqual(lab.state(), ALL);
  }
});

test("what cannot be put back is said, and undo puts it back later", async () => {
  const cases: readonly (readonly [Incident, string[]])[] = [
    [{ reply: problem(503, "DOWN"), times: 5 }, []],
    [{ reply: problem(403, "DENIED") }, ["--no-journal"]],
    // It says that it did, and is looked at.
    [{ reply: { status: 201 } }, []],
  ];
  for (const [incident, words] of cases) {
    await using lab = await start();
    lab.on("DELETE", "@copy", {
      reply: problem(403, "DENIED"),
      act: () => lab.on("PUT", "1", incident),
    });
    const run = await lab.run([...DELETE_1, ...words]);
    assert.deepEqual([run.exitCode, run.stdout], [8, "failed   HOST/app:1\n"]);
    assert.equal(run.requests.findLast((it) => it.method === "PUT")?.body, A.bytes.toString());
    assert.equal(
      run.stderr,
      'error: Cannot delete "HOST/app:1": HOST answered 403 DENIED; ' +
        `the tag may be left at a copy of its manifest, ${lab.tags.get("1")?.digest}\n` +
        (words.length > 0
          ? `hint: Put it back: regctl manifest HOST/app@${A.digest} | regctl put-manifest HOST/app:1 -\n`
          : "hint: Put it back with regctl undo\n"),
    );
    if (words.length > 0) continue;
    const undone = await lab.run(["undo", "--yes"]);
    assertRun(undone, { exitCode: 0, stdout: `restored HOST/app:1  ${A.digest}\n`, stderr: "" });
    assert.deepEqual(lab.state(), ALL);
  }
});

test("what was refused is nothing to undo", async () => {
  await using lab = await start();
  await suffer(lab, [["PUT", "1", { reply: problem(403, "DENIED") }]]);
  const run = await lab.run(["undo", "--yes"]);
  assert.deepEqual([run.exitCode, run.log], [3, []]);
});

test("F21: a copy is taken back when the registry has time again", async () => {
  await using lab = await start();
  const reply = { ...problem(429, "TOOMANYREQUESTS"), headers: { "retry-after": "12" } };
  const run = await suffer(lab, [["DELETE", "@copy", { reply, times: 5 }]]);
  assert.deepEqual([run.exitCode, run.stdout], [9, "failed   HOST/app:1\n"]);
  assert.doesNotMatch(run.stderr, /may be left at a copy/);
  assertPutBack(run);
  assert.deepEqual(run.log.slice(-3), ["HEAD 1", "PUT 1", "HEAD 1"]);
  // Those of the four tries more, and one before the tag is put back.
  assert.deepEqual(run.waits.filter((ms) => ms > 10_000).length, 5, `${run.waits}`);
  assert.deepEqual(lab.state(), ALL);
});
