import assert from "node:assert/strict";
import { test } from "node:test";

import {
  mergePolicies,
  type PolicyFile,
  type PolicyFlags,
  readPolicy,
} from "../../../../core/retention/read_policy.ts";
import { assertRejects } from "../../../support/assert_error.ts";

test("readPolicy reads each key", async () => {
  const table: readonly (readonly [string, PolicyFile])[] = [
    ["keep: 3", { keep: 3 }],
    ["keep: 0", { keep: 0 }],
    ["keep-within: 30d", { keepWithinMs: 30 * 86_400_000 }],
    ["keep-within: 1.5h", { keepWithinMs: 5_400_000 }],
    ["group: version", { group: "version" }],
    ["group: /^(.+)-[0-9]+$/", { group: "/^(.+)-[0-9]+$/" }],
    ["match: v*", { match: ["v*"] }],
    ["match: [v*, '1.4']", { match: ["v*", "1.4"] }],
    ["exclude:\n- a\n- '*-rc'", { exclude: ["a", "*-rc"] }],
    ["protect: &p [a]\nexclude: *p", { protect: ["a"], exclude: ["a"] }],
    ["match: []", { match: [] }],
    ["keep-used: prod.yaml", { keepUsed: ["prod.yaml"] }],
    ["untagged: true", { untagged: true }],
    ["# all\n---\nkeep: 3 # three\nuntagged: false\n...\n", { keep: 3, untagged: false }],
    ['{"keep": 3, "match": ["a"]}', { keep: 3, match: ["a"] }],
    ["\ufeffkeep: 3\r\nuntagged: true\r\n", { keep: 3, untagged: true }],
    ["match: !!str 1.4", { match: ["1.4"] }],
    ["{}", {}],
  ];
  for (const [text, expected] of table) {
    assert.deepEqual(await readPolicy(text, "policy.yaml"), expected, text);
  }
});

test("what is not a policy is one clear line with file and line", async () => {
  const bomb = Array.from(
    { length: 60 },
    (_, i) => `- &a${i} [${i ? `*a${i - 1},`.repeat(9) : ""}]`,
  ).join("\n");
  const table: readonly (readonly [string, RegExp])[] = [
    ["", /^Cannot use p\.yaml: it is empty$/],
    ["# nothing\n", /: it is empty$/],
    ["---\n", /: it is empty$/],
    ["null", /: it is empty$/],
    ["keep", /^Cannot use p\.yaml:1: a policy is a mapping$/],
    ["- keep: 1", /: a policy is a mapping$/],
    ["keep: 1\n---\nkeep: 2", /^Cannot use p\.yaml:3: a policy is one document, /],
    ["keep: 1\nKeep: 2", /^Cannot use p\.yaml:2: there is no key "Keep"$/],
    ["keepWithin: 1", /there is no key "keepWithin"$/],
    ["__proto__: {keep: 1}", /there is no key "__proto__"$/],
    ["constructor: 1", /there is no key "constructor"$/],
    ["<<: {keep: 1}", /there is no key "<<"$/],
    ["? [keep]\n: 1", /there is no key ""$/],
    ["keep: 1\nkeep: 2", /^Cannot use p\.yaml:2: the key "keep" is there twice$/],
    ['{"keep": 1, "keep": 1}', /the key "keep" is there twice$/],
    ["keep:", /"keep" must be a whole number from 0$/],
    ["keep: -1", /must be a whole number/],
    ["keep: 1.5", /must be a whole number/],
    ["keep: '3'", /must be a whole number/],
    ["keep: .inf", /must be a whole number/],
    ["keep: .nan", /must be a whole number/],
    ["keep: 9007199254740993", /must be a whole number/],
    ["keep: [1]", /must be a whole number/],
    ["keep-within: 30 days", /"keep-within" must be an age with its unit, such as/],
    ["keep-within: 90", /must be an age with its unit, such as 12h or 30d$/],
    ["keep-within: 1.5", /must be an age/],
    ["keep-within: -1", /must be an age/],
    ["keep-within: true", /must be an age/],
    ["keep-within: 1e30", /must be an age/],
    ["group: 1", /"group" must be a text$/],
    ["group: ''", /"group" must be a text$/],
    ["group: [version]", /"group" must be a text$/],
    ["match: 1.4", /"match" must be a text or a list of texts; put in quotes/],
    ["match: [a, 1.4]", /must be a text or a list/],
    ["match: [[a]]", /must be a text or a list/],
    ["exclude: {a: b}", /must be a text or a list/],
    ["protect:", /must be a text or a list/],
    ["keep-used: ['']", /must be a text or a list/],
    ["match: !!binary YWJj", /must be a text or a list/],
    ["match: !ref abc", /must be a text or a list/],
    ["untagged: yes", /"untagged" must be true or false$/],
    ["%YAML 1.1\n---\nuntagged: yes", /must be true or false$/],
    ["untagged: 1", /must be true or false$/],
    [`match:\n${bomb}`, /must be a text or a list|nested more than 100/],
    [`bomb:\n${bomb}`, /there is no key "bomb"/],
    ["match: *nothing", /^Cannot read p\.yaml:1: nothing is named by the alias \*nothing$/],
    ["match: &a [*a]", /nothing is named by the alias/],
    ["keep: {", /^Cannot read p\.yaml:1: it is not YAML: /],
    ["keep: 1\n\tmatch: a", /^Cannot read p\.yaml:2: it is not YAML: /],
    ["keep: @\u001b[2J", /it is not YAML/],
    [`${"x".repeat(5000)}: 1`, /^Cannot /],
    [`${"x".repeat(900)}: 1`, /there is no key "x{40}…"$/],
    [`match: ${"[".repeat(5000)}${"]".repeat(5000)}`, /nested more than 100 deep/],
    [`match: ${"[".repeat(100_000)}`, /nested more than 100 deep/],
  ];
  for (const [text, message] of table) {
    const error = await assertRejects(() => readPolicy(text, "p.yaml"), "CONFIG", message);
    assert.ok(error.message.length < 300, error.message);
    assert.ok(!/\p{Cc}/u.test(error.message), error.message);
  }
});

test("an unknown key is answered with those that are known", async () => {
  const error = await assertRejects(() => readPolicy("keeps: 1", "p.yaml"), "CONFIG");
  assert.equal(
    error.hint,
    "Use the keys keep, keep-within, group, match, exclude, protect, keep-used, untagged",
  );
});

test("a policy of many keys or aliases is refused at once", async () => {
  const keys = Array.from({ length: 50_000 }, (_, i) => `key${i}: 1`).join("\n");
  const start = performance.now();
  await assertRejects(() => readPolicy(keys, "p.yaml"), "CONFIG", /no key "key0"/);
  const list = `protect: &p [${"a,".repeat(300)}]\nmatch: [${"*p,".repeat(3000)}]`;
  await assertRejects(() => readPolicy(list, "p.yaml"), "CONFIG", /"match" must be/);
  // The library alone would compare each key with each other, for half a minute.
  assert.ok(performance.now() - start < 8000);
});

test("flags go before the file, and lists are joined", () => {
  const none = { match: [], exclude: [], protect: [], untagged: false, keepUsed: [] };
  const table: readonly (readonly [PolicyFile, PolicyFlags, PolicyFile])[] = [
    [{}, {}, none],
    [{ keep: 1 }, { keep: 0 }, { ...none, keep: 0 }],
    [{ keep: 1 }, { keep: undefined }, { ...none, keep: 1 }],
    [{ keepWithinMs: 1, group: "version" }, { keepWithinMs: 0 }, {
      ...none,
      keepWithinMs: 0,
      group: "version",
    }],
    [{ group: "version" }, { group: "/(a)/" }, { ...none, group: "/(a)/" }],
    [{ untagged: true }, {}, { ...none, untagged: true }],
    [{ untagged: true }, { untagged: false }, none],
    [
      { match: ["a"], exclude: ["b"], protect: ["c"], keepUsed: ["d"] },
      { match: ["e"], exclude: ["f"], protect: ["g"], keepUsed: ["h"] },
      {
        ...none,
        match: ["a", "e"],
        exclude: ["b", "f"],
        protect: ["c", "g"],
        keepUsed: ["d", "h"],
      },
    ],
  ];
  for (const [file, flags, expected] of table) {
    assert.deepEqual(mergePolicies(file, flags), expected, JSON.stringify([file, flags]));
  }
});
