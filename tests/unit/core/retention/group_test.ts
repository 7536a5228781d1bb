import assert from "node:assert/strict";
import { test } from "node:test";

import { createGrouping, formatGroup } from "../../../../core/retention/group.ts";
import { assertFast, assertRejects } from "../../../support/assert_error.ts";

test("without a group all names are in one", async () => {
  const groupOf = await createGrouping(undefined);
  for (const name of ["", "1.0", "latest"]) assert.equal(groupOf(name), "");
});

test("the version line is the numbers but the last, and the words behind them", async () => {
  const groupOf = await createGrouping("version");
  const table: readonly (readonly [string, string | undefined])[] = [
    ["1.14.3", "1.14"],
    ["v1.14.3", "1.14"],
    ["v2.1", "2"],
    ["7", "7"],
    ["007", "7"],
    ["1.2.3.4", "1.2.3"],
    ["1.14.3-alpine", "1.14-alpine"],
    ["1.14.3-alpine3.18", "1.14-alpine"],
    ["1.14.0-rc1", "1.14-rc"],
    ["1.14.0-rc.2", "1.14-rc"],
    ["1.14.0_rc10", "1.14-rc"],
    ["1.14.0-1", "1.14"],
    ["3-slim-bookworm", "3-slim-bookworm"],
    ["3.1-arm64v8", "3-arm64v"],
    ["3.1-arm32v7", "3-arm32v"],
    ["latest", undefined],
    ["pr-12", undefined],
    ["", undefined],
  ];
  for (const [name, expected] of table) assert.equal(groupOf(name), expected, name);
});

test("a regular expression groups by what it captures", async () => {
  const table: readonly (readonly [string, string, string | undefined])[] = [
    ["/^(.+)-[0-9]+$/", "main-12", "main"],
    ["/^(.+)-[0-9]+$/", "main", undefined],
    ["/(a+)/", "xaab", "aa"],
    ["/^([a-z]+)-([a-z]+)-/", "web-dev-7", "web/dev"],
    ["/^([a-z]+)(?:-([a-z]+))?$/", "web", "web/"],
    ["/^(?P<branch>[a-z]+)-/", "main-1", "main"],
    ["/()/", "main", ""],
    ["/a/(b)/", "a/b", "b"],
  ];
  for (const [group, name, expected] of table) {
    assert.equal((await createGrouping(group))(name), expected, `${group} ${name}`);
  }
  const groupOf = await createGrouping("/^([a-z-]*)_([a-z-]*)$/");
  assert.notEqual(groupOf("a-b_c"), groupOf("a_b-c"));
  assert.equal(formatGroup(groupOf("a_b") ?? ""), "a-b");
});

test("what cannot group is a usage error", async () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ["", /neither "version" nor/],
    ["/", /neither/],
    ["//", /neither/],
    ["Version", /neither/],
    ["(a)", /neither/],
    ["__proto__", /neither/],
    ["/abc/", /captures nothing/],
    ["/(?:a)/", /captures nothing/],
    ["/(/", /linear time/],
    ["/(a)\\1/", /linear time/],
    ["/(?=(a))/", /linear time/],
    ["/((a{1,100}){1,100}){1,100}/", /linear time/],
    [`/${"(a)".repeat(400)}/`, /longer than 1000/],
    ["/(a{900}b{900}c{900})/", /too complex/],
  ];
  for (const [group, message] of table) {
    const error = await assertRejects(() => createGrouping(group), "USAGE", message);
    assert.match(error.message, /^Cannot group by "/);
    assert.ok(error.message.length < 200 && !error.message.includes("\n"));
  }
});

test("no group makes a call slow", async () => {
  for (const group of ["version", "/^((a+)+)+$/", "/^([a-z]+([._-]+[a-z]+)*)+!!$/"]) {
    const groupOf = await createGrouping(group);
    groupOf("warm");
    for (const name of [`${"a".repeat(20_000)}!`, `1-${"1".repeat(20_000)}a`]) {
      assertFast(group, () => groupOf(name));
    }
  }
});
