import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, kept, startNamed } from "./apply_lab.ts";
import { index, pointTo } from "./oci_content.ts";
import { makeImage } from "./plan_script.ts";

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

test("42: a tag that moved stays, is reported, and is for a new plan", async () => {
  await using lab = await start();
  const E = makeImage("e");
  lab.name({ E });
  lab.tags.set("1", E);
  lab.manifests.set(E.digest, E);
  const run = await apply(lab, PLAN);
  assert.equal(run.exitCode, 8);
  assert.match(run.stdout, /^moved {4}HOST\/app:1\n/m);
  assert.match(run.stdout, /^deleted {2}HOST\/app:2 /m);
  assert.equal(
    run.stderr,
    `"HOST/app:1" has moved to ${E.digest} meanwhile, and was left alone\n` +
      "error: Cannot delete 1 of 5\n" +
      "hint: Make a new plan with regctl prune: what has moved stays\n",
  );
  assert.deepEqual(lab.state(), { 1: "@E", 3: "@C", 5: "@D" });
});

test("42: a tag that moves while the others go keeps what it has moved to", async () => {
  await using lab = await start();
  lab.on("DELETE", "@A", { act: () => void lab.tags.set("2", C) });
  const run = await apply(lab, PLAN, IN_ORDER);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(lab.state(), { 2: "@C", 3: "@C", 5: "@D" });
});

test("42: all that go are read again and written down before the first of them goes", async () => {
  await using lab = await start();
  lab.on("GET", "2", { act: () => void lab.tags.set("2", C) });
  const written: unknown[] = [];
  lab.on("DELETE", "@A", {
    act: async () =>
      void written.push((await lab.journal()).map((line) => line["removal"]?.["tags"])),
  });
  const run = await apply(lab, PLAN, IN_ORDER);
  assert.equal(run.exitCode, 8);
  assert.deepEqual(written, [[undefined, ["4"], ["1"], []]]);
  assert.deepEqual(run.log.filter((it) => !it.startsWith("HEAD")), [
    ...["GET tags/list", "GET 4", "DELETE 4"],
    // The other's bytes are asked for by its digest, now that its tag leads elsewhere.
    ...["GET 1", "GET 2", "GET @B"],
    ...["GET tags/list", "DELETE @A", "DELETE @B", "GET tags/list"],
  ]);
  assert.deepEqual(lab.state(), { 2: "@C", 3: "@C", 5: "@D" });
});

/** What a plan for {@linkcode TAGS} leaves where nothing of B may go: its own tag stays with it. */
const WITH_B = { 2: "@B", 3: "@C", 5: "@D" };
const B_STAYS = `"HOST/app:1" has moved to ${B.digest} meanwhile, and was left alone`;

test("F21: a tag that moved onto another manifest of the plan keeps it, whichever goes first", async () => {
  for (const manifests of [[A, B], [B, A]]) {
    for (const concurrency of ["1", "8"]) {
      await using lab = await start();
      lab.tags.set("1", B);
      const run = await apply(lab, { ...PLAN, manifests }, [...YES, "--concurrency", concurrency]);
      assert.equal(run.exitCode, 8);
      assert.deepEqual(lab.state(), { 1: "@B", ...WITH_B });
      assert.ok(lab.manifests.has(B.digest) && !lab.manifests.has(A.digest));
      assert.match(run.stdout, /^moved {4}HOST\/app:1\n/m);
      assert.ok(run.stderr.includes(B_STAYS), run.stderr);
      // Nothing of B went, and so nothing of it comes back.
      const undone = await lab.run(["undo", "--yes"]);
      assert.equal(undone.exitCode, 0, undone.stderr);
      assert.deepEqual(lab.state(), { 1: "@B", ...WITH_B, 4: "@D" });
    }
  }
});

test("F21: a tag that goes alone and moved onto a manifest of the plan keeps it", async () => {
  await using lab = await start();
  lab.on("GET", "4", { act: () => void lab.tags.set("4", B) });
  const run = await apply(lab, PLAN, IN_ORDER);
  assert.equal(run.exitCode, 8);
  assert.deepEqual(lab.state(), { 4: "@B", ...WITH_B });
});

test("F21: a further tag of a manifest that moved onto another one keeps that", async () => {
  const tags = { 1: A, "1-too": A, 2: B, 3: C };
  const plan = { tags: { ...tags, 3: kept(C) }, manifests: [A, B] };
  await using lab = await startNamed({ tags }, NAMES);
  lab.tags.set("1-too", B);
  const run = await apply(lab, plan, IN_ORDER);
  assert.equal(run.exitCode, 8);
  assert.deepEqual(lab.state(), { "1-too": "@B", 2: "@B", 3: "@C" });
  assert.deepEqual(run.log.filter((it) => / (1|1-too|@A)$/.test(it)), [
    ...["GET 1", "HEAD 1-too", "GET 1-too", "DELETE @A"],
  ]);
});

test("F21: a tag that moved onto an index of a manifest of the plan keeps that, at any depth", async () => {
  const both = index([pointTo(B), pointTo(C)]);
  const outer = index([pointTo(both)]);
  for (const target of [both, outer]) {
    for (const manifests of [[A, B], [B, A]]) {
      await using lab = await start();
      lab.name({ both, outer });
      lab.tags.set("1", target);
      for (const one of [both, outer]) lab.manifests.set(one.digest, one);
      const run = await apply(lab, { ...PLAN, manifests }, IN_ORDER);
      assert.equal(run.exitCode, 8);
      assert.deepEqual(lab.state(), { 1: target === both ? "@both" : "@outer", ...WITH_B });
      assert.ok(lab.manifests.has(B.digest) && !lab.manifests.has(A.digest));
    }
  }
});

test("F21: where a tag that goes cannot be read, or what it has moved to, no manifest goes", async () => {
  const inner = index([pointTo(B)]);
  const outer = index([pointTo(inner)]);
  const reply = { status: 500 };
  for (const name of ["1", "@inner"]) {
    await using lab = await start();
    lab.name({ inner, outer });
    lab.tags.set("1", outer);
    for (const one of [inner, outer]) lab.manifests.set(one.digest, one);
    lab.on("GET", name, { reply, times: 5 });
    const run = await apply(lab, PLAN, IN_ORDER);
    assert.equal(run.exitCode, 8);
    assert.deepEqual(lab.state(), { 1: "@outer", ...WITH_B });
    assert.match(
      run.stdout,
      /^failed {3}HOST\/app:1\nfailed {3}HOST\/app@\S+\n$/m,
    );
    assert.match(run.stderr, /^a tag could not be read again, and may have come to need sha256:/m);
    assert.deepEqual(run.log.filter((it) => it.startsWith("DELETE")), ["DELETE 4"]);
    const again = await apply(lab, PLAN, IN_ORDER);
    assert.equal(again.exitCode, 8);
    assert.match(again.stderr, /\nhint: Make a new plan with regctl prune/);
    assert.deepEqual(lab.state(), { 1: "@outer", ...WITH_B });
  }
});

test("F21: what a kept tag has moved to stays, and its own tags go alone", async () => {
  await using lab = await start();
  lab.tags.set("3", A);
  const run = await apply(lab, PLAN);
  assert.deepEqual([run.exitCode, run.stderr], [
    0,
    "note: 1 manifest stays in HOST/app: tags have come to need it\n",
  ]);
  assert.deepEqual(lab.state(), { 3: "@A", 5: "@D" });
  assert.ok(lab.manifests.has(A.digest) && !lab.manifests.has(B.digest));
});

test("F21: what a new tag points to stays", async () => {
  await using lab = await start();
  lab.tags.set("new", B);
  const run = await apply(lab, PLAN);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(lab.state(), { 3: "@C", 5: "@D", new: "@B" });
});

test("F21: what a new index lists stays, at any depth, and what that needs", async () => {
  const inner = index([pointTo(A)]);
  const outer = index([pointTo(inner), pointTo(C)]);
  for (const tag of ["new", "3"]) {
    await using lab = await start();
    lab.name({ inner, outer });
    lab.tags.set(tag, outer);
    for (const one of [inner, outer]) lab.manifests.set(one.digest, one);
    const run = await apply(lab, PLAN, IN_ORDER);
    assert.equal(run.exitCode, 0, run.stderr);
    assert.ok(lab.manifests.has(A.digest), "it is listed");
    assert.ok(!lab.manifests.has(B.digest));
    assert.equal(lab.state()["1"], undefined);
    // Images list nothing, and are not read for it.
    const reads = run.log.slice(0, run.log.indexOf("GET 4")).filter((it) => it.startsWith("GET @"));
    assert.deepEqual(reads, ["GET @outer", "GET @inner"]);
  }
});

test("F21: an index of the plan that a new tag has stays with its children", async () => {
  const old = index([pointTo(A), pointTo(B)]);
  const plan = { tags: { old, 3: kept(C) }, manifests: [old, [A, [old]], [B, [old]]] as const };
  for (const moved of [true, false]) {
    await using lab = await startNamed({ tags: { old, 3: C }, untagged: [A, B] }, {
      ...NAMES,
      old,
    });
    if (moved) lab.tags.set("new", old);
    const run = await apply(lab, plan, IN_ORDER);
    assert.equal(run.exitCode, 0, run.stderr);
    assert.deepEqual(lab.state(), moved ? { 3: "@C", new: "@old" } : { 3: "@C" });
    assert.equal(lab.manifests.size, moved ? 4 : 1);
    const deletions = run.log.filter((it) => it.startsWith("DELETE"));
    assert.deepEqual(deletions, moved ? ["DELETE old"] : ["DELETE @old", "DELETE @A", "DELETE @B"]);
  }
});

test("F21: signatures of what stays after all keep their tags", async () => {
  const tag = `${A.digest.replace(":", "-")}.sig`;
  const tags = { 1: A, 3: C, [tag]: B };
  const plan = { tags: { 1: A, 3: kept(C), [tag]: B }, manifests: [A, [B, [A]]] as const };
  await using lab = await startNamed({ tags }, NAMES);
  lab.tags.set("new", A);
  const run = await apply(lab, plan);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(lab.state(), { 3: "@C", [tag]: "@B", new: "@A" });
  await using other = await startNamed({ tags }, NAMES);
  await apply(other, { ...plan, tags: { ...plan.tags, 1: kept(A) } });
  assert.deepEqual(other.state(), { 1: "@A", 3: "@C", [tag]: "@B" });
  await using third = await startNamed({ tags }, NAMES);
  await apply(third, plan);
  assert.deepEqual(third.state(), { 3: "@C" });
});

test("F21: a signature that stays after all, and has moved, keeps what it has moved to", async () => {
  const tag = `${A.digest.replace(":", "-")}.sig`;
  const tags = { 1: A, 2: D, 3: C, [tag]: B };
  const plan = {
    tags: { 1: A, 2: D, 3: kept(C), [tag]: B },
    manifests: [A, [B, [A]], D] as const,
  };
  await using lab = await startNamed({ tags }, NAMES);
  // A stays, and so the tag of its signature: nothing would read that again.
  lab.tags.set("new", A);
  lab.tags.set(tag, D);
  const run = await apply(lab, plan, IN_ORDER);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(lab.state(), { 3: "@C", [tag]: "@D", new: "@A" });
  assert.deepEqual(run.log.filter((it) => /^(GET|HEAD) /.test(it)).slice(0, 5), [
    ...["GET tags/list", "HEAD 3", "HEAD new"],
    ...["HEAD 1", `HEAD ${tag}`],
  ]);
});

test("F21: a signature that goes alone stays where its image turns out to stay", async () => {
  const tag = `${A.digest.replace(":", "-")}.sig`;
  // The signature has another tag, which stays.
  const tags = { 1: A, 2: D, 3: B, [tag]: B };
  const plan = { tags: { 1: A, 2: D, 3: kept(B), [tag]: B }, manifests: [A, D] };
  await using lab = await startNamed({ tags }, NAMES);
  lab.tags.set("2", A);
  const run = await apply(lab, plan, IN_ORDER);
  assert.equal(run.exitCode, 8);
  assert.deepEqual(lab.state(), { 1: "@A", 2: "@A", 3: "@B", [tag]: "@B" });

  await using calm = await startNamed({ tags }, NAMES);
  const all = await apply(calm, plan, IN_ORDER);
  assert.equal(all.exitCode, 0, all.stderr);
  assert.deepEqual(calm.state(), { 3: "@B" });
  assert.deepEqual(all.log.filter((it) => it.startsWith("DELETE")), [
    ...["DELETE @A", "DELETE @D", `DELETE ${tag}`],
  ]);

  // Where it has moved itself, that is found out before anything goes.
  await using moved = await startNamed({ tags }, NAMES);
  moved.on("GET", "1", { act: () => void moved.tags.set(tag, D) });
  const other = await apply(moved, plan, IN_ORDER);
  assert.equal(other.exitCode, 8);
  assert.deepEqual(moved.state(), { 2: "@D", 3: "@B", [tag]: "@D" });
});
