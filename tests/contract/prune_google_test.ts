import assert from "node:assert/strict";
import { test } from "node:test";
import { type Content, index, manifestStep, pointTo, serve } from "./oci_content.ts";
import {
  assertNoPlan,
  daysAgo,
  decisions,
  goingManifests,
  goingTags,
  googleReading,
  makeImage,
  planFor,
  prune,
  type Reading,
  reading,
} from "./plan_script.ts";
import { answer, page, TAGS_PATH } from "./run_against.ts";

const HOUR_MS = 3_600_000;

/** When a manifest was uploaded, as Google writes it: milliseconds as text. */
function hoursAgo(hours: number): object {
  return { timeUploadedMs: String(Date.now() - hours * HOUR_MS), timeCreatedMs: "0" };
}

const A = makeImage("a", daysAgo(300));
const B = makeImage("b", daysAgo(200));
const C = makeImage("c", daysAgo(100));

/** What Google says of each manifest; without an entry, nothing. */
function told(facts: ReadonlyMap<Content, object>) {
  return (one: Content) => [...facts].find(([{ digest }]) => digest === one.digest)?.[1] ?? {};
}

/** The manifests that go by `--untagged`, in any order. */
async function untaggedOf(
  world: Reading,
  facts: ReadonlyMap<Content, object>,
  words: readonly string[] = [],
): Promise<readonly string[]> {
  const plan = await planFor(googleReading(world, told(facts)), ["--untagged", ...words]);
  assert.deepEqual(goingTags(plan), []);
  return goingManifests(plan).toSorted();
}

test("--untagged: a manifest without a tag goes after a day", async () => {
  const world = { tags: { stays: A }, untagged: [B, C] };
  const facts = new Map([[B, hoursAgo(25)], [C, hoursAgo(23)]]);
  assert.deepEqual(await untaggedOf(world, facts), [B.digest]);
  // The day holds whatever --keep-within says; where that is longer, it holds.
  for (const within of ["0h", "1h", "23h"]) {
    const words = ["--keep-within", within, "--protect", "*"];
    assert.deepEqual(await untaggedOf(world, facts, words), [B.digest], within);
  }
  assert.deepEqual(await untaggedOf(world, facts, ["--keep-within", "26h", "--protect", "*"]), []);
  const dated = { ...world, dated: [A] };
  const older = ["--keep-within", "26h", "--allow-empty"];
  const plan = await planFor(googleReading(dated, told(facts)), ["--untagged", ...older]);
  assert.deepEqual([goingTags(plan), goingManifests(plan)], [["stays"], [A.digest]]);
});

test("--untagged: the table has no row for it, but counts it", async () => {
  const world = { tags: { stays: A }, untagged: [B] };
  const run = await prune(
    googleReading(world, told(new Map([[B, hoursAgo(25)]]))),
    ["--untagged"],
  );
  assert.equal(run.exitCode, 0);
  const bytes = B.size + B.config.size + B.layer.size;
  assert.ok(
    run.stdout.endsWith(
      "\n\nHOST/app: 0 of 1 tag may go, with 1 manifest; " +
        `when the registry collects its garbage, that frees ${bytes} B\n`,
    ),
    run.stdout,
  );
  assert.match(run.stdout, /^keep +stays +- +sha256:[0-9a-f]{12} {2}no rule is about tags$/m);
});

test("40: --untagged: a manifest whose upload has no date stays", async () => {
  const world = { tags: { stays: A }, untagged: [B] };
  const future = { timeUploadedMs: String(Date.now() + 90 * 24 * HOUR_MS) };
  const nothing = [
    {},
    { timeUploadedMs: "0" },
    { timeUploadedMs: null },
    { timeUploadedMs: "-62135596800000" },
    { timeUploadedMs: "yesterday" },
    { timeUploadedMs: "1e3" },
    { timeUploadedMs: [1700000000000] },
    future,
  ];
  for (const fact of nothing) {
    assert.deepEqual(await untaggedOf(world, new Map([[B, fact]])), []);
  }
  const numeric = { timeUploadedMs: Date.now() - 25 * HOUR_MS };
  assert.deepEqual(await untaggedOf(world, new Map([[B, numeric]])), [B.digest]);
});

test("39: --untagged: what a staying index lists stays, and its referrers", async () => {
  const stays = index([pointTo(A)]);
  const sbom = makeImage("sbom", undefined, { subject: pointTo(A) });
  const ofGoing = makeImage("sbom of b", undefined, { subject: pointTo(B) });
  const world = { tags: { stays }, untagged: [A, sbom, B, ofGoing] };
  const facts = new Map([A, sbom, B, ofGoing].map((one) => [one, hoursAgo(1000)]));
  assert.deepEqual(await untaggedOf(world, facts), [B.digest, ofGoing.digest].toSorted());
});

test("39: --untagged: what a young index without a tag lists stays, as it may get one", async () => {
  const young = index([pointTo(A)]);
  const old = index([pointTo(A), pointTo(B)]);
  const world = { tags: { stays: C }, untagged: [young, old, A, B] };
  const facts = new Map([
    [young, hoursAgo(1)],
    ...[old, A, B].map((one) => [one, hoursAgo(99)] as const),
  ]);
  assert.deepEqual(await untaggedOf(world, facts), [old.digest, B.digest].toSorted());
});

test("--untagged goes with other rules, and in order", async () => {
  const old = index([pointTo(A)]);
  const world = { tags: { stays: C, "old-1": B }, untagged: [old, A], dated: [B] };
  const facts = new Map([...[old, A, B].map((one) => [one, hoursAgo(99)] as const)]);
  const plan = await planFor(
    googleReading(world, told(facts)),
    ["--untagged", "--match", "old*"],
  );
  assert.deepEqual(goingTags(plan), ["old-1"]);
  const going = goingManifests(plan);
  assert.deepEqual(going.toSorted(), [A.digest, B.digest, old.digest].toSorted());
  assert.ok(going.indexOf(old.digest) < going.indexOf(A.digest));
});

test("without --untagged they stay, and are not read", async () => {
  const tags = { stays: C, "old-1": B };
  const script = googleReading({ tags, untagged: [A], dated: [B] }).filter(({ path }) =>
    path !== `/v2/app/manifests/${A.digest}`
  );
  const plan = await planFor(script, ["--match", "old*"]);
  assert.deepEqual(goingManifests(plan), [B.digest]);
});

test("a tag is read by the digest that the list tells, so that two of one need one request", async () => {
  const tags = { 1: A, 2: A, 3: B };
  const script = googleReading({ tags, dated: [A, B] });
  const plan = await planFor(script, ["--keep", "1", "--concurrency", "1"]);
  assert.deepEqual(goingTags(plan), ["1", "2"]);
});

test("40: an upload that is later than the image's own date counts", async () => {
  const undated = makeImage("undated", "1970-01-01T00:00:00Z");
  const tags = { a: A, b: B, c: C, undated };
  const facts = new Map<Content, object>([
    [A, hoursAgo(2)],
    // Made 200 days ago, pushed earlier than that by some clock: the later one counts.
    [B, hoursAgo(24 * 250)],
    [undated, hoursAgo(3)],
  ]);
  const script = googleReading({ tags, dated: [A, B, C, undated] }, told(facts));
  const plan = await planFor(script, ["--keep-within", "30d"]);
  assert.deepEqual(decisions(plan), [
    "a keep keep-within: younger than 30d",
    "b delete keep-within: older than 30d",
    "c delete keep-within: older than 30d",
    "undated keep keep-within: younger than 30d",
  ]);
  const created = plan.repositories[0]?.tags.map(({ created }) => created?.slice(0, 10));
  assert.equal(created?.[1], daysAgo(200).slice(0, 10));
});

test("--untagged: a registry that does not tell is said so, and nothing is planned", async () => {
  for (const more of [[], ["--match", "*"]]) {
    const run = await prune([page(["1"])], ["--untagged", ...more]);
    assertNoPlan(
      run,
      6,
      'error: Cannot plan what may go from "HOST/app": HOST does not tell which manifests have no tag\n' +
        "hint: Leave out --untagged; such a registry collects them by itself, or not at all\n",
    );
  }
});

test("41: --untagged: one that is gone or of schema 1 is in no plan, and one that fails leaves none", async () => {
  const world = { tags: { stays: A }, untagged: [B, C] };
  const facts = new Map([[B, hoursAgo(99)], [C, hoursAgo(99)]]);
  const path = `/v2/app/manifests/${C.digest}`;
  const script = googleReading(world, told(facts)).filter((step) => step.path !== path);
  const gone = await planFor([...script, manifestStep(C.digest, { status: 404 })], ["--untagged"]);
  assert.deepEqual(goingManifests(gone), [B.digest]);
  const failing = manifestStep(C.digest, { status: 500 }, { times: 5 });
  const run = await prune([...script, failing], ["--untagged"]);
  assertNoPlan(
    run,
    5,
    /Cannot get the manifest "HOST\/app@sha256:[0-9a-f]{64}": HOST answered 500/,
  );
});

test("what is listed beside the tags may be anything", async () => {
  const odd = [
    null,
    [],
    "x",
    { "not a digest": { tag: [] }, "sha256:00": {}, __proto__: 1 },
    { [`sha256:${"0".repeat(64)}`]: null },
    { [A.digest]: { tag: "1" } },
    { [A.digest]: { tag: [5, null, "other"] } },
  ];
  for (const manifest of odd) {
    const script = [
      answer({ status: 200, body: { tags: ["1"], manifest } }, { path: TAGS_PATH }),
      manifestStep("1", serve(A)),
    ];
    const run = await prune([...script, ...reading({ tags: {}, dated: [A] }).slice(1)], [
      "--keep",
      "1",
    ]);
    assert.equal(run.exitCode, 0, run.stderr);
  }
});

test("42: a list that names another digest than the tag has plans by what it names", async () => {
  const document = { tags: ["1", "old"], manifest: { [B.digest]: { tag: ["old"] } } };
  const script = [
    answer({ status: 200, body: document }),
    manifestStep("1", serve(A)),
    manifestStep(B.digest, serve(C)),
  ];
  const run = await prune(script, ["--match", "old"]);
  assertNoPlan(run, 7, /what came has the digest/);
});
