import assert from "node:assert/strict";
import { test } from "node:test";
import { type Lab, problem, startLab } from "./deletion_lab.ts";
import { type Content, image, index, pointTo } from "./oci_content.ts";

const A = image({ annotations: { name: "a" } });
const B = image({ annotations: { name: "b" } });
const SIGNATURE = image({ annotations: { name: "signature" }, subject: pointTo(A) });
/** It signs the signature. */
const NESTED = image({ annotations: { name: "nested" }, subject: pointTo(SIGNATURE) });
const COSIGN = image({ annotations: { name: "cosign" } });
const LIST = index([pointTo(SIGNATURE)]);

const tagFor = ({ digest }: Content, end = "") => `${digest.replace(":", "-")}${end}`;
const changes = (log: readonly string[]) => log.filter((line) => /^(PUT|DELETE) /.test(line));
const WORDS = ["delete", "HOST/app:1", "--yes"];

/** A registry with these tags beside `1`, a signed image, and `3`, another one. */
async function start(
  tags: Readonly<Record<string, Content>>,
  untagged: readonly Content[],
  hasReferrers = false,
): Promise<Lab> {
  const lab = await startLab({ tags: { 1: A, 3: B, ...tags }, untagged, hasReferrers });
  lab.name({ A, B, SIGNATURE, NESTED, COSIGN, LIST });
  return lab;
}

test("39: signatures stay without --with-referrers", async () => {
  await using lab = await start({ [tagFor(A, ".sig")]: COSIGN, [tagFor(A)]: LIST }, [SIGNATURE]);
  const run = await lab.run(WORDS);
  assert.deepEqual([run.exitCode, changes(run.log)], [0, ["DELETE 1"]]);
  assert.ok(run.log.every((line) => !line.includes("referrers")));
});

test("referrers go after their subject, and theirs after them", async () => {
  await using lab = await start({}, [SIGNATURE, NESTED], true);
  const run = await lab.run([...WORDS, "--with-referrers"]);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(changes(run.log), ["DELETE @A", "DELETE @SIGNATURE", "DELETE @NESTED"]);
  assert.deepEqual([...lab.manifests.keys()], [B.digest]);
});

test("where the registry lists none, the list under the tag counts, and goes too", async () => {
  await using lab = await start(
    {
      [tagFor(A)]: LIST,
      [tagFor(SIGNATURE)]: index([pointTo(NESTED)]),
      [tagFor(A, ".sig")]: COSIGN,
    },
    [SIGNATURE, NESTED],
  );
  const nestedList = lab.tags.get(tagFor(SIGNATURE));
  if (nestedList) lab.name({ nestedList });
  const run = await lab.run([...WORDS, "--with-referrers"]);
  assert.equal(run.exitCode, 0, run.stderr);
  const log = changes(run.log);
  const before = (one: string, other: string) =>
    assert.ok(log.indexOf(`DELETE @${one}`) < log.indexOf(`DELETE @${other}`), `${log}`);
  assert.deepEqual([...log].sort(), [
    ...["DELETE @A", "DELETE @COSIGN", "DELETE @LIST", "DELETE @NESTED", "DELETE @SIGNATURE"],
    "DELETE @nestedList",
  ]);
  before("A", "LIST");
  before("A", "COSIGN");
  before("LIST", "SIGNATURE");
  before("SIGNATURE", "nestedList");
  before("nestedList", "NESTED");
  assert.deepEqual(lab.state(), { 3: "@B" });

  const undone = await lab.run(["undo", "--yes"]);
  assert.equal(undone.exitCode, 0, undone.stdout + undone.stderr);
  assert.deepEqual(lab.state(), {
    ...{ 1: "@A", 3: "@B", [tagFor(A)]: "@LIST", [tagFor(SIGNATURE)]: "@nestedList" },
    [tagFor(A, ".sig")]: "@COSIGN",
  });
  assert.equal(lab.manifests.size, 7);
});

test("an image that keeps another tag keeps its signatures", async () => {
  await using lab = await start({ 2: A, [tagFor(A, ".sig")]: COSIGN }, [SIGNATURE], true);
  const run = await lab.run([...WORDS, "--with-referrers"]);
  assert.deepEqual([run.exitCode, changes(run.log)], [0, ["DELETE 1"]]);
});

test("one that an index needs keeps them too", async () => {
  const parent = index([pointTo(A)]);
  await using lab = await start({ multi: parent, [tagFor(A, ".sig")]: COSIGN }, [SIGNATURE], true);
  const run = await lab.run([...WORDS, "--with-referrers"]);
  assert.deepEqual([run.exitCode, changes(run.log)], [0, ["DELETE 1"]]);
});

test("referrers are skipped where their subject could not be deleted", async () => {
  await using lab = await start({ [tagFor(A, ".sig")]: COSIGN }, [SIGNATURE, NESTED], true);
  lab.on("DELETE", "@A", { reply: problem(500, "BROKEN"), times: 5 });
  const run = await lab.run([...WORDS, "--with-referrers"]);
  assert.equal(run.exitCode, 8);
  assert.deepEqual(new Set(changes(run.log)), new Set(["DELETE @A"]));
  assert.deepEqual(run.stdout.split("\n").map((line) => line.split(" ")[0]), [
    ...["failed", "failed", ""],
  ]);
  assert.match(run.stderr, /\nerror: Cannot delete 6 of 6\n/);
});

test("what has no subject any more goes by naming the digest", async () => {
  await using lab = await start({ [tagFor(NESTED, ".sig")]: COSIGN }, [], true);
  const words = ["delete", `HOST/app@${NESTED.digest}`, "--yes", "--ignore-missing"];
  const run = await lab.run([...words, "--with-referrers"]);
  assert.deepEqual([run.exitCode, changes(run.log)], [0, ["DELETE @COSIGN"]]);
});

test("a list of referrers that does not come keeps everything where it is", async () => {
  await using lab = await start({}, [SIGNATURE], true);
  lab.on("GET", "referrers/@A", { reply: problem(403, "DENIED") });
  const run = await lab.run([...WORDS, "--with-referrers"]);
  assert.deepEqual([run.exitCode, run.stdout, changes(run.log)], [4, "", []]);
});

test("what a list of referrers names is skipped where the list could not be deleted", async () => {
  await using lab = await start({ [tagFor(A)]: LIST }, [SIGNATURE]);
  lab.on("DELETE", "@LIST", { reply: problem(500, "BROKEN"), times: 5 });
  const run = await lab.run([...WORDS, "--with-referrers"]);
  assert.deepEqual([run.exitCode, run.stdout], [
    8,
    `deleted  HOST/app:1  ${A.digest}\ndeleted  HOST/app@${A.digest}\n` +
    `failed   HOST/app:${tagFor(A)}\nfailed   HOST/app@${LIST.digest}\n`,
  ]);
  assert.match(run.stderr, /\nerror: Cannot delete 3 of 5\n/);
});

test("what a pushed list names without being about its subject is left alone", async () => {
  const other = image({ annotations: { name: "other" }, subject: pointTo(B) });
  const list = index([pointTo(SIGNATURE), pointTo(COSIGN), pointTo(other), pointTo(B)]);
  await using lab = await start({ [tagFor(A)]: list }, [SIGNATURE, COSIGN, other]);
  lab.name({ list });
  const run = await lab.run([...WORDS, "--with-referrers"]);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(changes(run.log), ["DELETE @A", "DELETE @list", "DELETE @SIGNATURE"]);
  const left = [B, COSIGN, other].map(({ digest }) => digest);
  assert.deepEqual([...lab.manifests.keys()].sort(), left.sort());
});

test("a referrer that an index needs which stays, stays too", async () => {
  for (const hasReferrers of [true, false]) {
    const list = hasReferrers ? {} : { [tagFor(A)]: index([pointTo(SIGNATURE), pointTo(NESTED)]) };
    const tags = { multi: index([pointTo(SIGNATURE)]), ...list };
    await using lab = await start(tags, [SIGNATURE, NESTED], hasReferrers);
    lab.name(Object.fromEntries(Object.values(list).map((one) => ["list", one])));
    const run = await lab.run([...WORDS, "--with-referrers"]);
    assert.equal(run.exitCode, 0, run.stderr);
    const gone = hasReferrers ? ["DELETE @A"] : ["DELETE @A", "DELETE @list"];
    assert.deepEqual(changes(run.log), gone);
    assert.ok(lab.manifests.has(SIGNATURE.digest) && lab.manifests.has(NESTED.digest));
  }
});
