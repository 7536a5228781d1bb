import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, kept, startNamed } from "./apply_lab.ts";
import { type Deleting, type Lab, type LabRun, problem } from "./deletion_lab.ts";
import { index, pointTo } from "./oci_content.ts";
import { makeImage } from "./plan_script.ts";

const A = makeImage("a");
const B = makeImage("b");
const C = makeImage("c");
const NAMES = { A, B, C };
const IN_ORDER = ["--yes", "--max-delete", "100%", "--concurrency", "1"];

/** `1` and `1-too` go with their manifest, `2` alone, since `3` has the same. */
const TAGS = { 1: A, "1-too": A, 2: B, 3: B };
const PLAN = { tags: { 1: A, "1-too": A, 2: B, 3: kept(B) }, manifests: [A] };
const ALONE = { tags: { 2: B, 3: kept(B) } };
const WHOLE = { tags: { 1: A, "1-too": A, 3: kept(B) }, manifests: [A] };
const start = (deleting: Deleting) => startNamed({ tags: TAGS, untagged: [C], deleting }, NAMES);

/** What a run changed, and tried to. */
function changes({ log }: LabRun): readonly string[] {
  return log.filter((it) => /^(PUT|DELETE) /.test(it));
}

async function keptLines(lab: Lab): Promise<readonly unknown[]> {
  return (await lab.journal()).flatMap(({ kept }) =>
    kept ? [[kept["tags"], kept["manifest"]]] : []
  );
}

test("a manifest that may have no tags loses them first, one by one", async () => {
  for (const deleting of ["untagged", "lastTags"] as const) {
    await using lab = await start(deleting);
    const run = await apply(lab, WHOLE, IN_ORDER);
    assert.equal(run.exitCode, 0, run.stderr);
    assert.deepEqual(changes(run), ["DELETE @A", "DELETE 1", "DELETE 1-too", "DELETE @A"]);
    assert.deepEqual(lab.state(), { 2: "@B", 3: "@B" });
    const undone = await lab.run(["undo", "--yes"]);
    assert.equal(undone.exitCode, 0, undone.stderr);
    assert.deepEqual(lab.state(), { 1: "@A", "1-too": "@A", 2: "@B", 3: "@B" });
  }
});

test("42: of its tags, one that moved stays, and is told once", async () => {
  await using lab = await start("untagged");
  lab.on("DELETE", "1", { act: () => void lab.tags.set("1-too", C) });
  const run = await apply(lab, WHOLE, IN_ORDER);
  assert.equal(run.exitCode, 8);
  assert.deepEqual(lab.state(), { "1-too": "@C", 2: "@B", 3: "@B" });
  assert.deepEqual(
    run.stdout.replaceAll(A.digest, "@A").split("\n"),
    ["deleted  HOST/app:1  @A", "moved    HOST/app:1-too", ""],
  );
  assert.deepEqual(await keptLines(lab), [[["1-too"], false]]);
  const undone = await lab.run(["undo", "--yes"]);
  assert.equal(undone.exitCode, 0, undone.stderr);
  assert.deepEqual(lab.state(), { 1: "@A", "1-too": "@C", 2: "@B", 3: "@B" });
});

test("42: of its tags, one that moved to an index of the manifest keeps that", async () => {
  const both = index([pointTo(A), pointTo(C)]);
  await using lab = await start("untagged");
  lab.name({ both });
  lab.on("DELETE", "1", {
    act: () => {
      lab.tags.set("1-too", both);
      lab.manifests.set(both.digest, both);
    },
  });
  const run = await apply(lab, WHOLE, IN_ORDER);
  assert.equal(run.exitCode, 8);
  assert.deepEqual(changes(run), ["DELETE @A", "DELETE 1"]);
  assert.ok(lab.manifests.has(A.digest));
  assert.match(run.stdout, /^moved {4}HOST\/app:1-too\n$/m);
  assert.ok(run.stderr.includes(`\na tag has come to need ${A.digest} meanwhile\n`), run.stderr);
});

test("a manifest that is refused for any other reason keeps its tags", async () => {
  const refusals = [
    [400, "UNSUPPORTED"],
    [400, "MANIFEST_INVALID"],
    [403, "DENIED"],
    [405, "UNSUPPORTED"],
    [404, "NAME_UNKNOWN"],
  ] as const;
  for (const [status, code] of refusals) {
    await using lab = await start("tags");
    lab.on("DELETE", "@A", { reply: problem(status, code) });
    const run = await apply(lab, WHOLE, IN_ORDER);
    assert.deepEqual(changes(run), ["DELETE @A"]);
    assert.deepEqual(lab.state(), { 1: "@A", "1-too": "@A", 2: "@B", 3: "@B" });
    assert.equal(run.exitCode === 0, status === 404);
  }
});

test("where only digests are deleted, one copy comes after the other", async () => {
  const images = Array.from({ length: 6 }, (_, i) => makeImage(`i${i}`));
  const twice = (suffix: string) =>
    Object.fromEntries(images.map((one, i) => [`t${i}${suffix}`, one]));
  const stay = Object.fromEntries(images.map((one, i) => [`t${i}-stays`, kept(one)]));
  const tags = { ...twice(""), ...twice("-stays") };
  await using lab = await startNamed({ tags, deleting: "digests" }, {});
  const begun: number[] = [];
  let open = 0;
  const linger = async () => {
    for (let i = 0; i < 20; i++) await new Promise((go) => setImmediate(go));
  };
  for (let i = 0; i < images.length; i++) {
    lab.on("PUT", `t${i}`, {
      act: async () => {
        begun.push(++open);
        await linger();
      },
    });
  }
  lab.on("DELETE", "@copy", {
    times: images.length,
    act: async () => {
      await linger();
      open--;
    },
  });
  const run = await apply(lab, { tags: { ...twice(""), ...stay } }, [
    ...["--yes", "--concurrency", "8"],
  ]);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(begun, [1, 1, 1, 1, 1, 1]);
  assert.equal(lab.tags.size, images.length);
});

/**
 * Distribution 2.8 that stumbles: the next deletion of a digest takes the manifest, leaves its tags,
 * which lead nowhere then, and answers 500.
 */
function stumble(lab: Lab, name: string, tags: readonly string[]): void {
  lab.on("DELETE", name, {
    reply: { status: 500 },
    act: ({ path }) => {
      lab.manifests.delete(path.slice(path.lastIndexOf("/") + 1));
      for (const tag of tags) {
        for (const method of ["HEAD", "GET"]) lab.on(method, tag, { reply: { status: 404 } });
      }
    },
  });
}

test("a copy whose tag a stumbling registry has left is pushed again, and goes", async () => {
  await using lab = await start("digests");
  stumble(lab, "@copy", ["2"]);
  const run = await apply(lab, ALONE, IN_ORDER);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.match(run.stdout, /^deleted {2}HOST\/app:2 {2}sha256:/);
  assert.deepEqual(changes(run), [
    ...["DELETE 2", "DELETE @random"],
    ...["PUT 2", "DELETE @copy", "DELETE @copy"],
    ...["PUT 2", "DELETE @copy"],
  ]);
  assert.deepEqual(lab.state(), { 1: "@A", "1-too": "@A", 3: "@B" });
});

test("a manifest whose tags a stumbling registry has left is pushed again, and goes", async () => {
  await using lab = await start("digests");
  stumble(lab, "@A", ["1", "1-too"]);
  const run = await apply(lab, WHOLE, IN_ORDER);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.equal(run.stdout.match(/^deleted /gm)?.length, 2);
  assert.deepEqual(changes(run), [
    ...["DELETE @A", "DELETE @A", "PUT 1", "PUT 1-too", "DELETE @A"],
  ]);
  assert.deepEqual(lab.state(), { 2: "@B", 3: "@B" });
  const put = run.requests.filter(({ method }) => method === "PUT");
  for (const { body } of put) assert.equal(body, A.bytes.toString());
});

test("F21: of tags that a stumbling registry has left, one that was pushed again stays", async () => {
  await using lab = await start("digests");
  stumble(lab, "@A", ["1"]);
  lab.on("HEAD", "3", {
    act: () =>
      lab.on("DELETE", "@A", {
        reply: problem(404, "MANIFEST_UNKNOWN"),
        act: () => void lab.tags.set("1-too", C),
      }),
  });
  const run = await apply(lab, WHOLE, IN_ORDER);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(changes(run), ["DELETE @A", "DELETE @A", "PUT 1", "DELETE @A"]);
  assert.deepEqual(lab.state(), { "1-too": "@C", 2: "@B", 3: "@B" });
});

test("F21: a tag is read again before its deletion is repeated, and before its copy is", async () => {
  const cases: readonly (readonly [Deleting, string, string, readonly string[]])[] = [
    ["tags", "DELETE", "2", ["DELETE 2"]],
    ["digests", "PUT", "2", ["DELETE 2", "DELETE @random", "PUT 2"]],
  ];
  for (const [deleting, method, name, expected] of cases) {
    for (
      const how of [{ reply: { status: 500 } }, { reply: { status: 503 } }, {
        lost: "before" as const,
      }]
    ) {
      await using lab = await start(deleting);
      // Somebody pushes while the program waits for the next try.
      lab.on(method, name, { ...how, act: () => void lab.tags.set("2", C) });
      const run = await apply(lab, ALONE, IN_ORDER);
      assert.equal(run.exitCode, 8, run.stdout);
      assert.match(run.stdout, /^moved {4}HOST\/app:2\n$/);
      assert.deepEqual(changes(run), expected);
      assert.deepEqual(lab.state(), { 1: "@A", "1-too": "@A", 2: "@C", 3: "@B" });
      assert.deepEqual(await keptLines(lab), [[["2"], false]]);

      await using calm = await start(deleting);
      calm.on(method, name, how);
      const repeated = await apply(calm, ALONE, IN_ORDER);
      assert.equal(repeated.exitCode, 0, repeated.stderr);
      assert.deepEqual(calm.state(), { 1: "@A", "1-too": "@A", 3: "@B" });
    }
  }
});

test("F21: a tag that was pushed after a stumble stays", async () => {
  await using lab = await start("digests");
  lab.on("DELETE", "@copy", {
    reply: { status: 500 },
    act: ({ path }) => {
      lab.manifests.delete(path.slice(path.lastIndexOf("/") + 1));
      lab.tags.set("2", C);
    },
  });
  const run = await apply(lab, ALONE, IN_ORDER);
  assert.equal(run.exitCode, 8);
  assert.match(run.stdout, /^moved {4}HOST\/app:2\n$/);
  assert.deepEqual(lab.state(), { 1: "@A", "1-too": "@A", 2: "@C", 3: "@B" });
  assert.equal(changes(run).filter((it) => it === "PUT 2").length, 1);
});

test("what was refused is written down as kept, unless an earlier try may have deleted it", async () => {
  const denied = { reply: problem(403, "DENIED") };
  const cases = [
    [PLAN, "DELETE", "2", [["2"], false]],
    [PLAN, "DELETE", "@A", [["1", "1-too"], true]],
  ] as const;
  for (const [plan, method, name, line] of cases) {
    for (const before of [undefined, { reply: { status: 503 } }]) {
      await using lab = await start("tags");
      if (before) lab.on(method, name, before);
      lab.on(method, name, denied);
      assert.equal((await apply(lab, plan, IN_ORDER)).exitCode, 8);
      assert.deepEqual(await keptLines(lab), [line]);
    }
    for (const before of [{ lost: "before" as const }, { reply: { status: 500 } }]) {
      await using lab = await start("tags");
      lab.on(method, name, before);
      lab.on(method, name, denied);
      assert.equal((await apply(lab, plan, IN_ORDER)).exitCode, 8);
      assert.deepEqual(await keptLines(lab), []);
    }
  }
});
