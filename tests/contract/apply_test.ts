import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, kept, planned, planText, startNamed } from "./apply_lab.ts";
import { problem } from "./deletion_lab.ts";
import { index, pointTo, serve } from "./oci_content.ts";
import { makeImage } from "./plan_script.ts";
import { assertRun } from "./run_against.ts";

const A = makeImage("a", "2024-01-01T00:00:00Z");
const B = makeImage("b", "2024-02-01T00:00:00Z");
const C = makeImage("c", "2024-03-01T00:00:00Z");
const D = makeImage("d", "2024-04-01T00:00:00Z");
const NAMES = { A, B, C, D };

/** `1` and `2` go with their manifests, `4` alone, since `5` has the same. */
const TAGS = { 1: A, 2: B, 3: C, 4: D, 5: D };
const PLAN = { tags: { 1: A, 2: B, 3: kept(C), 4: D, 5: kept(D) }, manifests: [A, B] };
const start = () => startNamed({ tags: TAGS }, NAMES);
const YES = ["--yes", "--max-delete", "100%"];
const IN_ORDER = [...YES, "--concurrency", "1"];

test("38: a plan goes as it says, tags of what stays alone, and each is read once before", async () => {
  await using lab = await start();
  const run = await apply(lab, PLAN, IN_ORDER);
  assertRun(run, {
    exitCode: 0,
    stdout: `deleted  HOST/app:4  ${D.digest}
deleted  HOST/app:1  ${A.digest}
deleted  HOST/app:2  ${B.digest}
`,
    stderr: "",
  });
  assert.deepEqual(run.log, [
    "GET tags/list",
    ...["HEAD 3", "HEAD 4", "HEAD 5"],
    // Once: whether the registry takes a tag for its manifest.
    ...["GET 4", "DELETE 4", "HEAD @D"],
    ...["GET 1", "GET 2"],
    ...["GET tags/list", "DELETE @A", "DELETE @B"],
    "GET tags/list",
  ]);
  assert.deepEqual(lab.state(), { 3: "@C", 5: "@D" });
  assert.deepEqual([...lab.manifests.keys()], [C.digest, D.digest]);
});

test("an action that is turned into keep is honoured, for all that it needs", async () => {
  const old = index([pointTo(A)]);
  const world = { tags: { old, 2: B, 3: C }, untagged: [A] };
  const manifests = [old, [A, [old]], B] as const;
  await using lab = await startNamed(world, { ...NAMES, old });
  const run = await apply(lab, { tags: { old: kept(old), 2: B, 3: kept(C) }, manifests });
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(lab.state(), { old: "@old", 3: "@C" });
  assert.ok(lab.manifests.has(A.digest));
  await using all = await startNamed(world, NAMES);
  const none = await apply(all, {
    tags: { old: kept(old), 2: kept(B), 3: kept(C) },
    manifests,
  });
  assertRun(none, { exitCode: 0, stdout: "", stderr: "note: The plan deletes nothing\n" });
});

test("a tag that is left out of the plan stays, and what it points to", async () => {
  await using lab = await start();
  const { 1: _, ...tags } = PLAN.tags;
  const run = await apply(lab, { ...PLAN, tags });
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(lab.state(), { 1: "@A", 3: "@C", 5: "@D" });
});

test("43: what fails keeps the rest from nothing, and a second run finishes it", async () => {
  const images = Array.from({ length: 10 }, (_, i) => makeImage(`i${i}`));
  const all = Object.fromEntries(images.map((image, i) => [`t${i}`, image]));
  await using lab = await startNamed({ tags: { ...all, stays: C } }, NAMES);
  const plan = { tags: { ...all, stays: kept(C) }, manifests: images };
  for (const i of [2, 5, 8]) {
    lab.on("DELETE", images[i]?.digest ?? "", { reply: { status: 500 }, times: 5 });
  }
  const run = await apply(lab, plan);
  assert.equal(run.exitCode, 8);
  assert.equal(run.stdout.match(/^failed /gm)?.length, 6);
  assert.equal(run.stdout.match(/^deleted /gm)?.length, 7);
  assert.match(run.stderr, /\nerror: Cannot delete 6 of 20\nhint: Run it again to finish it/);
  assert.deepEqual(Object.keys(lab.state()), ["t2", "t5", "t8", "stays"]);
  const again = await apply(lab, plan);
  assert.equal(again.exitCode, 0, again.stderr);
  assert.equal(again.stdout.match(/^gone /gm)?.length, 7);
  assert.deepEqual(Object.keys(lab.state()), ["stays"]);
});

test("44: what a lost connection has deleted is done", async () => {
  await using lab = await start();
  lab.on("DELETE", "@A", { lost: "after" });
  const run = await apply(lab, PLAN);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.match(run.stdout, new RegExp(`^deleted {2}HOST/app:1 {2}${A.digest}$`, "m"));
});

test("F19: a registry that does not delete is asked once", async () => {
  await using lab = await startNamed({ tags: TAGS, deleting: "never" }, NAMES);
  const run = await apply(lab, PLAN, IN_ORDER);
  assert.equal(run.exitCode, 6);
  assert.match(run.stderr, /^error: [^\n]+\nhint: Enable deleting in the registry/);
  assert.deepEqual(run.log.filter((it) => !/^(GET|HEAD) /.test(it)), [
    "DELETE 4",
    "DELETE @random",
  ]);
  assert.equal(Object.keys(lab.state()).length, 5);
});

test("41: what cannot be looked at again deletes nothing", async () => {
  const cases: readonly (readonly [string, string, number])[] = [
    ["GET", "tags/list", 5],
    ["HEAD", "3", 5],
  ];
  for (const [method, name, exitCode] of cases) {
    await using lab = await start();
    lab.on(method, name, { reply: { status: 500 }, times: 5 });
    const run = await apply(lab, PLAN);
    assert.deepEqual([run.exitCode, run.stdout], [exitCode, ""]);
    assert.ok(run.log.every((it) => !it.startsWith("DELETE")));
  }
  await using lab = await start();
  const added = index([pointTo(A)]);
  lab.tags.set("new", added);
  lab.manifests.set(added.digest, added);
  lab.on("GET", added.digest, { reply: serve(C) });
  const run = await apply(lab, PLAN);
  assert.deepEqual([run.exitCode, run.stdout], [7, ""]);
  assert.ok(run.log.every((it) => !it.startsWith("DELETE")));
});

test("41: a listing that has no honest end deletes nothing", async () => {
  await using lab = await start();
  const headers = { link: '<http://evil.test/>; rel="next"' };
  lab.on("GET", "tags/list", { reply: { status: 200, headers, body: { tags: ["1", "2", "3"] } } });
  const run = await apply(lab, PLAN);
  assert.deepEqual([run.exitCode, run.stdout, run.log], [8, "", ["GET tags/list"]]);
  assert.match(
    run.stderr,
    /elsewhere, at http:\/\/evil\.test\nhint: Tell who runs the registry; a part/,
  );
});

test("a repository that is gone is not taken for one that is done", async () => {
  await using lab = await startNamed({ tags: {} }, NAMES);
  lab.on("GET", "tags/list", { reply: problem(404, "NAME_UNKNOWN") });
  const run = await apply(lab, PLAN);
  assert.deepEqual([run.exitCode, run.stdout, run.log], [3, "", ["GET tags/list"]]);
  assert.match(run.stderr, /^error: None of the tags that the plan has of "HOST\/app" is listed\n/);
});

test("38: manifests go in waves, and what hangs on one that did not go stays", async () => {
  const inner = index([pointTo(A), pointTo(B)]);
  const outer = index([pointTo(inner), pointTo(D)]);
  const world = { tags: { old: outer, 3: C }, untagged: [inner, A, B, D] };
  // As if somebody had sorted them by their digests.
  const manifests = [
    [A, [inner]],
    [B, [inner]],
    [inner, [outer]],
    [D, [outer]],
    outer,
  ] as const;
  const plan = { tags: { old: outer, 3: kept(C) }, manifests };
  const deletions = (log: readonly string[]) => log.filter((it) => it.startsWith("DELETE"));
  await using lab = await startNamed(world, { ...NAMES, inner, outer });
  const run = await apply(lab, plan, IN_ORDER);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(deletions(run.log), [
    ...["DELETE @outer", "DELETE @inner", "DELETE @D", "DELETE @A", "DELETE @B"],
  ]);
  await using other = await startNamed(world, { ...NAMES, inner, outer });
  other.on("DELETE", "@inner", { reply: problem(403, "DENIED") });
  const denied = await apply(other, plan, IN_ORDER);
  assert.equal(denied.exitCode, 8);
  assert.deepEqual(deletions(denied.log), ["DELETE @outer", "DELETE @inner", "DELETE @D"]);
  assert.deepEqual(
    [...other.manifests.keys()].toSorted(),
    [inner, A, B, C].map(({ digest }) => digest).toSorted(),
  );
});

test("a plan of prune is applied and undone", async () => {
  await using lab = await start();
  const dates = (image: typeof A) =>
    lab.on("GET", `blobs/${image.config.digest}`, { reply: serve(image.config), times: Infinity });
  [A, B, C, D].forEach(dates);
  const plan = await lab.run(["prune", "HOST/app", "--keep", "2", "-o", "json"]);
  assert.equal(plan.exitCode, 0, plan.stderr);
  assert.deepEqual(plan.requests.filter(({ method }) => method !== "GET"), []);
  const run = await apply(lab, plan.stdout, ["--yes"]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.deepEqual(lab.state(), { 3: "@C", 4: "@D", 5: "@D" });
  const undone = await lab.run(["undo", "--yes"]);
  assert.equal(undone.exitCode, 0, undone.stderr);
  assert.deepEqual(lab.state(), { 1: "@A", 2: "@B", 3: "@C", 4: "@D", 5: "@D" });
  await apply(lab, plan.stdout, ["--yes", "--no-journal"]);
  assert.equal((await lab.journal()).filter(({ journal }) => journal).length, 1);
});

test("several repositories: nothing is deleted where one of them refuses", async () => {
  await using lab = await start();
  const text = planText(planned(PLAN), planned({ tags: { 1: A } }, "HOST/other"));
  lab.on("GET", "/v2/other/tags/list", { reply: { status: 200, body: { tags: ["1"] } } });
  const run = await apply(lab, text, YES);
  assert.deepEqual([run.exitCode, run.stdout], [6, ""]);
  assert.match(
    run.stderr,
    /^error: It would leave no image in "HOST\/other": nothing was deleted\n/,
  );
  assert.ok(run.log.every((it) => !it.startsWith("DELETE")));
});
