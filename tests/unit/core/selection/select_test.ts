import assert from "node:assert/strict";
import { test } from "node:test";

import { createFilter, type FilterOptions, sortNames } from "../../../../core/selection/select.ts";
import { assertFast, assertRejects } from "../../../support/assert_error.ts";

const TAGS = ["latest", "1", "v1.2", "1.2.3", "1.2.3-rc1", "1.2.3-alpine3.18", "1.10.0", "2.0.0"];
TAGS.push("2024.01.02", "00012", "1.2.3.4", "1.x", "v", "9".repeat(30), "1.2.3-");

async function select(options: FilterOptions): Promise<string> {
  return TAGS.filter(await createFilter(options) ?? (() => true)).join(" ");
}

test("createFilter joins match by or, and takes out what is excluded", async () => {
  assert.equal(await select({}), TAGS.join(" "));
  assert.equal(await select({ match: [], exclude: [] }), TAGS.join(" "));
  assert.equal(await select({ match: ["v*", "latest"] }), "latest v1.2 v");
  assert.equal(await select({ match: ["*"], exclude: ["*[0-9]*", "v"] }), "latest");
  assert.equal(await select({ match: ["v*"], exclude: ["v*"] }), "");
  assert.equal(await select({ match: ["v*", "2*"], semver: "<2" }), "v1.2");
  await assertRejects(() => createFilter({ match: ["ok"], exclude: ["[bad"] }), "USAGE");
});

test("createFilter knows the ranges of Semantic Versioning", async () => {
  const table: readonly (readonly [string, string])[] = [
    ["1", "1 v1.2 1.2.3 1.10.0"],
    ["^1.2", "v1.2 1.2.3 1.10.0"],
    [">=1.2.3 <2 || 2024", "1.2.3 1.10.0 2024.01.02"],
    [">=1.2.3-a <1.2.4", "1.2.3 1.2.3-alpine3.18 1.2.3-rc1"],
    ["12", "00012"],
    [">3000", ""],
    ["=1.2.3-rc1", "1.2.3-rc1"],
  ];
  for (const [semver, expected] of table) {
    const got = (await select({ semver })).split(" ").sort().join(" ");

    assert.equal(got, expected.split(" ").sort().join(" "), semver);
  }
});

test("createFilter refuses what is no range, in short and fast", async () => {
  const size = 64 * 1024;
  const hostile = [
    "latest",
    "1.2.3.4",
    "^^1x",
    "9".repeat(30),
    "a".repeat(size),
    "^1".repeat(size / 2),
  ];
  hostile.push(`${" ".repeat(size)}y`, "- ".repeat(size / 2), "1.2.3-".repeat(size / 6));
  for (const semver of hostile) {
    const start = performance.now();
    const error = await assertRejects(
      () => createFilter({ semver }),
      "USAGE",
      /^Not a version range/,
    );
    assert.ok(performance.now() - start < 1000, semver.slice(0, 20));
    assert.ok(error.message.length < 200);
  }
  const inRange = await createFilter({ semver: "*" });
  for (
    const name of [`1-${"-".repeat(size)}\n`, `1.2.3-${"a.".repeat(size / 2)}`, "1".repeat(size)]
  ) {
    assertFast(name.slice(0, 12), () => inRange?.(name));
  }
});

test("sortNames gives a sorted copy, whole and either way round", () => {
  const names = ["b", "1.10", "1.9", "B", "a", "1.9"];
  const given = [...names];
  assert.deepEqual(sortNames(names, { sort: "name" }), ["1.10", "1.9", "1.9", "B", "a", "b"]);
  assert.deepEqual(sortNames(names, { sort: "version" }), ["1.9", "1.9", "1.10", "B", "a", "b"]);
  assert.deepEqual(sortNames(names, { sort: "version", reverse: true }), [
    "1.10",
    "1.9",
    "1.9",
    "b",
    "a",
    "B",
  ]);
  assert.deepEqual(sortNames(names, { sort: "none" }), given);
  assert.deepEqual(sortNames(names, { sort: "none", reverse: true }), [...given].reverse());
  assert.deepEqual(names, given);
});
