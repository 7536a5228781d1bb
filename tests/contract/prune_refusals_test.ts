import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestStep } from "./oci_content.ts";
import { assertNoPlan, makeImage, prune, reading } from "./plan_script.ts";
import { page } from "./run_against.ts";

const OLD = makeImage("old", "2024-01-01T00:00:00Z");
const NEW = makeImage("new", "2024-02-01T00:00:00Z");

/** Policies that would do more than somebody may have meant, or nothing. */
const REFUSED: readonly (readonly [readonly string[], number, string])[] = [
  [
    ["--keep", "0"],
    2,
    "error: --keep 0 keeps nothing\nhint: Add --allow-empty if that is what you want\n",
  ],
  [
    [],
    2,
    "error: A policy needs a rule: --keep, --keep-within, --match or --untagged\n" +
    "hint: Give --keep 10, for example, to keep the ten newest images\n",
  ],
  [
    ["--match", "x", "--group", "version"],
    2,
    "error: A group is of no use without a number to keep\n" +
    "hint: Give --keep, the number of images that stay of each group\n",
  ],
];

for (const [words, exitCode, stderr] of REFUSED) {
  test(`46: a policy of ${words.join(" ") || "nothing"} is refused before anything is asked`, async () => {
    assertNoPlan(await prune([], words), exitCode, stderr);
    const run = await prune([], [...words, "-o", "json"]);
    assert.deepEqual([run.stdout, JSON.parse(run.stderr).error.exitCode], ["", exitCode]);
  });
}

test("46: patterns, numbers and ages that cannot be read are refused before anything is asked", async () => {
  const cases = [
    ["--match", "/(/"],
    ["--exclude", "/a{1,9999}/"],
    ["--protect", ""],
    ["--keep", "-1"],
    ["--keep", "1.5"],
    ["--keep-within", "soon"],
    ["--keep", "1", "--group", "major"],
    ["--keep", "1", "--group", "/nothing captured/"],
  ];
  for (const words of cases) {
    const run = await prune([], ["--keep", "3", ...words]);
    assert.deepEqual([words, run.exitCode, run.stdout], [words, 2, ""]);
    assert.match(run.stderr, /^error: [^\n]+\n(hint: [^\n]+\n)?$/);
  }
});

test("46: a rule that would leave no image refuses, unless that is wanted", async () => {
  const tags = { 1: OLD, 2: NEW };
  const script = reading({ tags, dated: [OLD, NEW] });
  const refusal = 'error: The policy would leave no image in "HOST/app"\n' +
    "hint: Add --allow-empty if that is what you want\n";
  for (const words of [["--match", "*"], ["--keep-within", "1d"]]) {
    assertNoPlan(await prune(script, words), 6, refusal);
    const run = await prune(script, [...words, "--allow-empty"]);
    assert.equal(run.exitCode, 0);
    assert.match(run.stdout, /HOST\/app: 2 of 2 tags may go, with 2 manifests; /);
  }
});

test("46: signatures and tags without a manifest are no images that stay", async () => {
  const signature = makeImage("signature", undefined);
  const tag = `${OLD.digest.replace(":", "-")}.sig`;
  const script = [
    page(["1", "gone", tag]),
    ...reading({ tags: { 1: OLD, [tag]: signature }, dated: [OLD] }).slice(1),
    manifestStep("gone", { status: 404 }),
  ];
  const run = await prune(script, ["--match", "*"]);
  assertNoPlan(run, 6, /^error: The policy would leave no image in "HOST\/app"\n/);
});
