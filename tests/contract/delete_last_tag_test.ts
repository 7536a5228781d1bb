import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, kept } from "./apply_lab.ts";
import { problem, startLab } from "./deletion_lab.ts";
import { type Content, image, index, pointTo } from "./oci_content.ts";
import { assertRun } from "./run_against.ts";

const A = image({ annotations: { name: "a" } });
const B = image({ annotations: { name: "b" } });
const INDEX = index([pointTo(A), pointTo(B)]);
const OUTER = index([pointTo(INDEX)]);
const DELETE_1 = ["delete", "HOST/app:1", "--yes"];

/** A registry that deletes a manifest with its last tag; `1` is the only one of its image. */
async function start(tags: Readonly<Record<string, Content>>, untagged: readonly Content[] = []) {
  const lab = await startLab({ tags: { 1: A, ...tags }, untagged, deleting: "lastTags" });
  lab.name({ A, B, INDEX, OUTER });
  return lab;
}

const changes = (log: readonly string[]) => log.filter((line) => /^(PUT|DELETE) /.test(line));

test("39: what goes with its last tag is put back where an index needs it, at any depth", async () => {
  const cases = [
    [{ multi: INDEX, also: INDEX, 3: B }, [], "also, multi"],
    [{ outer: OUTER, 3: B }, [INDEX], "outer"],
  ] as const;
  for (const [tags, untagged, names] of cases) {
    await using lab = await start(tags, untagged);
    const before = lab.state();
    const run = await lab.run(DELETE_1);
    assertRun(run, {
      exitCode: 6,
      stdout: "failed   HOST/app:1\n",
      stderr: 'error: Cannot delete "HOST/app:1" alone: the registry deleted its manifest, ' +
        `which ${names} needs; all was put back\n` +
        `hint: To delete all of it, name the digest: HOST/app@${A.digest}\n`,
    });
    assert.deepEqual(changes(run.log), ["DELETE 1", "PUT @A", "PUT 1"]);
    for (const { body } of run.requests.filter(({ method }) => method === "PUT")) {
      assert.equal(body, A.bytes.toString());
    }
    assert.deepEqual(lab.state(), before);
    assert.ok(lab.manifests.has(A.digest));
  }
});

test("where no index that stays needs it, it goes with its last tag", async () => {
  const other = index([pointTo(B)]);
  const cases = [
    [{ multi: other, 3: B }, []],
    [{ multi: INDEX, 3: B }, ["HOST/app:multi"]],
  ] as const;
  for (const [tags, words] of cases) {
    await using lab = await start(tags);
    const run = await lab.run([...DELETE_1, ...words]);
    assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
    assert.ok(changes(run.log).every((line) => line.startsWith("DELETE ")));
    assert.ok(!lab.manifests.has(A.digest));
  }
});

test("what an index needs and cannot be put back is in the journal, and undo brings it", async () => {
  await using lab = await start({ multi: INDEX, 3: B });
  lab.on("PUT", "@A", { reply: problem(403, "DENIED", "no more today") });
  const run = await lab.run(DELETE_1);
  assert.equal(run.exitCode, 8);
  assert.match(
    run.stderr,
    /which multi needs; not all was put back: .*403 DENIED: no more today\n/,
  );
  assert.match(run.stderr, /\nhint: Put it back with regctl undo\n$/);
  const undone = await lab.run(["undo", "--yes"]);
  assert.equal(undone.exitCode, 0, undone.stderr);
  assert.deepEqual(changes(undone.log), ["PUT @A", "PUT 1"]);
  assert.deepEqual(lab.state(), { multi: "@INDEX", 3: "@B", 1: "@A" });
});

test("F21: what is pushed to the tag while it is put back stays", async () => {
  await using lab = await start({ multi: INDEX, 3: B });
  lab.on("PUT", "@A", { act: () => lab.push("1", B) });
  const run = await lab.run(DELETE_1);
  assert.deepEqual([run.exitCode, changes(run.log)], [6, ["DELETE 1", "PUT @A"]]);
  assert.equal(lab.state()["1"], "@B");
});

test("39: a manifest that stays for a tag which goes next proves nothing", async () => {
  await using lab = await start({ 2: A, multi: INDEX, 3: B });
  const plan = { tags: { 1: A, 2: A, multi: kept(INDEX), 3: kept(B) } };
  const run = await apply(lab, plan, ["--yes", "--max-delete", "100%", "--concurrency", "1"]);
  assert.equal(run.exitCode, 8, run.stderr);
  assert.match(run.stderr, /Cannot delete "HOST\/app:2" alone: [^\n]* which multi needs; all was/);
  assert.ok(lab.manifests.has(A.digest));
  assert.deepEqual(lab.state(), { multi: "@INDEX", 3: "@B", 2: "@A" });
});

test("39: what an index needs that was to go, and could not, is put back too", async () => {
  await using lab = await start({ multi: INDEX, 3: B });
  lab.on("DELETE", "multi", { reply: problem(403, "DENIED") });
  const words = ["HOST/app:multi", "HOST/app:1", "--yes", "--concurrency", "1"];
  const run = await lab.run(["delete", ...words]);
  assert.deepEqual([run.exitCode, run.stdout], [
    8,
    "failed   HOST/app:multi\nfailed   HOST/app:1\n",
  ]);
  assert.match(run.stderr, /Cannot delete "HOST\/app:1" alone: [^\n]* which multi needs; all was/);
  assert.deepEqual(lab.state(), { multi: "@INDEX", 3: "@B", 1: "@A" });
  assert.ok(lab.manifests.has(A.digest));
});
