import assert from "node:assert/strict";
import { test } from "node:test";

import { compilePattern } from "../../../../core/selection/pattern.ts";
import { assertFast, assertRejects } from "../../../support/assert_error.ts";

test("a glob is about the whole name", async () => {
  const table: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ["v1", ["v1"], ["v1.0", "xv1", "V1", "v1\n", "\nv1", ""]],
    ["v*", ["v", "v1", "v/1", "v\n1"], ["xv", "V1"]],
    ["?", ["a", "."], ["", "ab"]],
    ["[a-c]x", ["ax", "cx"], ["dx", "x", "-x"]],
    ["[!a-c]", ["d", "A"], ["a", "b", ""]],
    ["[^a]", ["b"], ["a"]],
    ["[]a]", ["]", "a"], ["[", "b"]],
    ["[!]a]", ["b", "["], ["]", "a"]],
    ["[a-]", ["a", "-"], ["b"]],
    ["[*?{}]", ["*", "?", "{", "}"], ["a"]],
    ["[[]", ["["], ["]"]],
    ["[\\d]", ["d", "\\"], ["5"]],
    ["[a&&b]", ["a", "&", "b"], ["c"]],
    ["{a,bc}", ["a", "bc"], ["b", "a,bc", "{a,bc}"]],
    ["{a,{b,c}d}", ["a", "bd", "cd"], ["b", "ad"]],
    ["v{,1}", ["v", "v1"], ["v,1"]],
    ["{[}],b}", ["}", "b"], ["["]],
    ["{\\,,b}", [",", "b"], [""]],
    ["a,b", ["a,b"], ["a", "b"]],
    ["a}", ["a}"], ["a"]],
    ["\\*\\?\\[\\{a,b\\}", ["*?[{a,b}"], ["xx[a"]],
    ["a\\", ["a\\"], ["a"]],
    ["1.2", ["1.2"], ["1x2"]],
    ["^$+()|.", ["^$+()|."], ["", "^$+()|x"]],
    ["(?i)a", [], ["A", "a"]],
    ["/", ["/"], ["a"]],
    ["a/b", ["a/b"], ["b"]],
    ["/a", ["/a"], ["a"]],
    ["\u{1f600}?", ["\u{1f600}a"], ["\u{1f600}"]],
  ];
  for (const [pattern, fitting, unfit] of table) {
    const matches = await compilePattern(pattern);
    for (const name of fitting) {
      assert.equal(matches(name), true, `${pattern} ${JSON.stringify(name)}`);
    }
    for (const name of unfit) {
      assert.equal(matches(name), false, `${pattern} ${JSON.stringify(name)}`);
    }
  }
});

test("a regular expression is found anywhere", async () => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ["/b+/", "abbc", true],
    ["/^b/", "ab", false],
    ["/a$/", "a\n", false],
    ["/(?i)RC/", "1.0-rc1", true],
    ["/a/b/", "xa/by", true],
  ];
  for (const [pattern, name, expected] of table) {
    assert.equal((await compilePattern(pattern))(name), expected, pattern);
  }
});

test("a pattern that cannot be used is a usage error", async () => {
  const patterns = [
    "",
    "//",
    "[",
    "[a",
    "[]",
    "[!]",
    "[!",
    "{",
    "{a",
    "{a,{b}",
    "[z-a]",
    "a[",
    "{[}",
  ];
  patterns.push(
    "/(/",
    "/[/",
    "/a**/",
    "/(?=a)/",
    "/(?<!a)b/",
    "/(a)\\1/",
    "/\\/",
    "/*/",
    "x".repeat(1001),
  );
  for (const pattern of patterns) {
    const error = await assertRejects(
      () => compilePattern(pattern),
      "USAGE",
      /^Cannot use the pattern "/,
    );
    assert.ok(error.message.length < 300);
  }
});

test("no pattern makes matching slow", async () => {
  const name = `${"a".repeat(20_000)}!`;
  for (
    const pattern of ["/^(a+)+$/", "/^(a|a)*$/", "/(a*)*b$/", "/^([a-z]+([._-]+[a-z]+)*/?)+$/"]
  ) {
    const matches = await compilePattern(pattern);
    matches("warm");
    assert.equal(assertFast(pattern, () => matches(name)), false);
  }
  const stars = await compilePattern("*a".repeat(499));
  assert.equal(assertFast("stars", () => stars(`${"a".repeat(498)}!`)), false);
  const error = await assertRejects(() => compilePattern("/((a{1,100}){1,100}){1,100}/"), "USAGE");
  assert.match(error.message, /linear time/);
});
