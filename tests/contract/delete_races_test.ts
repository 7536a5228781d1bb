import assert from "node:assert/strict";
import { test } from "node:test";
import { type Deleting, type Incident, type Lab, problem, startLab } from "./deletion_lab.ts";
import { image, serve } from "./oci_content.ts";
import { assertRun } from "./run_against.ts";

const A = image({ annotations: { name: "a" } });
const B = image({ annotations: { name: "b" } });
/** What somebody else pushes in between. */
const NEW = image({ annotations: { name: "new" } });
const DELETE_1 = ["delete", "HOST/app:1", "--yes"];
const DELETE_A = ["delete", `HOST/app@${A.digest}`, "--yes"];

/** A registry where `1` and `2` are one image, and `3` is another. */
async function start(deleting: Deleting): Promise<Lab> {
  const lab = await startLab({ tags: { 1: A, 2: A, 3: B }, deleting });
  lab.name({ A, B, NEW });
  return lab;
}

const changes = (log: readonly string[]) => log.filter((line) => /^(PUT|DELETE) /.test(line));

const MOVED = {
  exitCode: 8,
  stdout: "moved    HOST/app:1\n",
  stderr: `error: "HOST/app:1" has moved to ${NEW.digest} meanwhile, and was left alone\n`,
};

/** The manifest has gone, its tags are still listed, and the answer is that of a stumble. */
function stumble(lab: Lab, also: () => void = () => {}): Incident {
  return {
    reply: { status: 500 },
    act: ({ path }) => {
      lab.lose(path.replace(/.*\//, ""));
      also();
    },
  };
}

test("F21: a digest that stumbled takes its ghosts along, and not what was pushed to its tags", async () => {
  await using lab = await start("digests");
  lab.on("DELETE", "@A", stumble(lab, () => lab.push("1", NEW)));
  const run = await lab.run(DELETE_A);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(changes(run.log), ["DELETE @A", "DELETE @A", "PUT 2", "DELETE @A"]);
  assert.equal(run.requests.find(({ method }) => method === "PUT")?.body, A.bytes.toString());
  assert.deepEqual(lab.state(), { 1: "@NEW", 3: "@B" });
});

test("F21: a digest that stumbled where all its tags were pushed again is done", async () => {
  await using lab = await start("digests");
  lab.on(
    "DELETE",
    "@A",
    stumble(lab, () => {
      for (const tag of ["1", "2"]) lab.push(tag, NEW);
    }),
  );
  const run = await lab.run(DELETE_A);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(changes(run.log), ["DELETE @A", "DELETE @A"]);
  assert.deepEqual(lab.state(), { 1: "@NEW", 2: "@NEW", 3: "@B" });
});

test("a copy that stumbled leaves no ghost", async () => {
  await using lab = await start("digests");
  lab.on("DELETE", "@copy", stumble(lab));
  const run = await lab.run(DELETE_1);
  assert.deepEqual([run.exitCode, run.stdout], [0, `deleted  HOST/app:1  ${A.digest}\n`]);
  assert.deepEqual(changes(run.log).slice(2), [
    ...["PUT 1", "DELETE @copy", "DELETE @copy"],
    ...["PUT 1", "DELETE @copy"],
  ]);
  assert.deepEqual(lab.state(), { 2: "@A", 3: "@B" });
});

test("F21: what is pushed while the deletion of a copy is repeated stays", async () => {
  await using lab = await start("digests");
  lab.on("DELETE", "@copy", stumble(lab, () => lab.push("1", NEW)));
  const run = await lab.run(DELETE_1);
  assertRun(run, MOVED);
  assert.deepEqual(changes(run.log).slice(2), ["PUT 1", "DELETE @copy", "DELETE @copy"]);
  assert.deepEqual(lab.state(), { 1: "@NEW", 2: "@A", 3: "@B" });
  assert.equal((await lab.run(["undo", "--yes"])).exitCode, 3);
});

test("F21: a tag is not deleted again where somebody has pushed it meanwhile", async () => {
  for (const status of [504, 500, 408]) {
    await using lab = await start("tags");
    lab.on("DELETE", "1", { reply: { status }, act: () => lab.push("1", NEW) });
    const run = await lab.run(DELETE_1);
    assertRun(run, MOVED);
    assert.deepEqual(run.log.slice(3), ["DELETE 1", "HEAD 1", "GET 1"]);
    assert.deepEqual(lab.state(), { 1: "@NEW", 2: "@A", 3: "@B" });
  }
});

test("44: a tag whose deletion timed out is deleted again where it is still there", async () => {
  const cases = [
    [() => {}, ["DELETE 1", "HEAD 1", "DELETE 1"]],
    [(lab: Lab) => void lab.tags.delete("1"), ["DELETE 1", "HEAD 1", "GET 1"]],
  ] as const;
  for (const [act, log] of cases) {
    await using lab = await start("tags");
    lab.on("DELETE", "1", { reply: { status: 504 }, act: () => act(lab) });
    const run = await lab.run(DELETE_1);
    assertRun(run, { exitCode: 0, stdout: `deleted  HOST/app:1  ${A.digest}\n`, stderr: "" });
    assert.deepEqual(run.log.slice(3, 6), log);
    assert.deepEqual(lab.state(), { 2: "@A", 3: "@B" });
  }
});

test("F21: a copy is not pushed again where somebody has pushed meanwhile", async () => {
  for (const status of [429, 503, 500]) {
    await using lab = await start("digests");
    lab.on("PUT", "1", { reply: { status }, act: () => lab.push("1", NEW) });
    const run = await lab.run(DELETE_1);
    assertRun(run, MOVED);
    assert.deepEqual(changes(run.log).slice(2), ["PUT 1"]);
    assert.deepEqual(lab.state(), { 1: "@NEW", 2: "@A", 3: "@B" });
  }
});

test("a copy that was not taken at once is pushed again", async () => {
  await using lab = await start("digests");
  lab.on("PUT", "1", { reply: { status: 429 } });
  const run = await lab.run(DELETE_1);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(run.log.slice(5, 10), ["HEAD 1", "PUT 1", "HEAD 1", "PUT 1", "DELETE @copy"]);
  assert.deepEqual(lab.state(), { 2: "@A", 3: "@B" });
});

test("F21: a tag is looked at right before it is moved to a copy, each time", async () => {
  const cases: readonly (readonly [(lab: Lab) => void, string, number])[] = [
    [(lab) => lab.push("3", NEW), "moved    HOST/app:3", 8],
    [(lab) => void lab.tags.delete("3"), `gone     HOST/app:3  ${B.digest}`, 0],
  ];
  for (const [act, line, exitCode] of cases) {
    await using lab = await start("digests");
    // That of `3` was read by then, and its turn comes after that of `1`.
    lab.on("GET", "3", { act: () => lab.on("HEAD", "3", { act: () => act(lab) }) });
    const run = await lab.run([...DELETE_1, "HOST/app:3", "--concurrency", "1"]);
    assert.deepEqual([run.exitCode, run.stdout], [
      exitCode,
      `deleted  HOST/app:1  ${A.digest}\n${line}\n`,
    ]);
    assert.deepEqual(changes(run.log).slice(2), ["PUT 1", "DELETE @copy"]);
    assert.equal(lab.state()["3"], exitCode === 8 ? "@NEW" : undefined);
  }
});

test("44: what was refused after an answer in doubt is not known to have stayed", async () => {
  const denied = { reply: problem(403, "DENIED") };
  const doubts: readonly Incident[] = [{ reply: { status: 504 } }, { lost: "before" }];
  for (const doubt of doubts) {
    await using lab = await start("tags");
    lab.on("DELETE", "1", {
      ...doubt,
      act: () => {
        lab.tags.delete("1");
        // One that does not know it yet.
        lab.on("HEAD", "1", { reply: serve(A) });
        lab.on("DELETE", "1", denied);
      },
    });
    const run = await lab.run(DELETE_1);
    assert.deepEqual([run.exitCode, run.stdout], [4, "failed   HOST/app:1\n"]);
    assert.deepEqual((await lab.journal()).flatMap(Object.keys), ["journal", "removal"]);
    assert.equal((await lab.run(["undo", "--yes"])).exitCode, 0);
    assert.equal(lab.state()["1"], "@A");
  }
});

test("44: nor is a manifest", async () => {
  await using lab = await start("tags");
  const act = () => {
    for (const tag of ["1", "2"]) lab.tags.delete(tag);
    lab.manifests.delete(A.digest);
    lab.on("DELETE", "@A", { reply: problem(403, "DENIED") });
  };
  lab.on("DELETE", "@A", { reply: { status: 504 }, act });
  const run = await lab.run(DELETE_A);
  assert.equal(run.exitCode, 4, run.stderr);
  assert.deepEqual((await lab.journal()).flatMap(Object.keys), ["journal", "removal"]);
  assert.equal((await lab.run(["undo", "--yes"])).exitCode, 0);
  assert.deepEqual(lab.state(), { 3: "@B", 1: "@A", 2: "@A" });
});

test("what was refused at once is known to have stayed", async () => {
  await using lab = await start("tags");
  lab.on("DELETE", "1", { reply: problem(403, "DENIED") });
  lab.on("DELETE", "@B", { reply: problem(403, "DENIED") });
  await lab.run([...DELETE_1, `HOST/app@${B.digest}`]);
  const kept = (await lab.journal()).flatMap((line) => line["kept"] ?? []);
  assert.deepEqual(kept, [
    { removal: 1, tags: ["1"], manifest: false },
    { removal: 2, tags: ["3"], manifest: true },
  ]);
});

test("what is being deleted at the same moment was not taken along", async () => {
  await using lab = await startLab({ tags: { 1: A, 2: A, 3: A, keep: B }, deleting: "lastTags" });
  lab.name({ A, B });
  const third = Promise.withResolvers<void>();
  const look = Promise.withResolvers<void>();
  // `3` goes before `2`, and its answer comes when the tags are looked at because of `2`.
  lab.on("DELETE", "3", {
    reply: { status: 202 },
    act: async () => {
      lab.tags.delete("3");
      third.resolve();
      await look.promise;
    },
  });
  lab.on("DELETE", "2", { act: () => third.promise });
  lab.on("HEAD", "keep", { act: () => look.resolve() });
  const words = ["HOST/app:1", "HOST/app:2", "HOST/app:3", "--yes"];
  const run = await lab.run(["delete", ...words]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.deepEqual(changes(run.log).filter((line) => line.startsWith("PUT")), []);
  assert.deepEqual(lab.state(), { keep: "@B" });
});
