import assert from "node:assert/strict";
import { test } from "node:test";

import { type Challenge, parseChallenges } from "../../../../core/http/challenge.ts";
import { assertFast, assertRejects } from "../../../support/assert_error.ts";
import { forEachSeed } from "../../../support/random.ts";

/** Challenges as plain data: `["bearer", { realm: "r" }]`. */
function plain(challenges: readonly Challenge[]): unknown[] {
  return challenges.map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
}

test("parseChallenges reads what registries send", () => {
  const scope = "repository:a/b:pull,push";
  const table: readonly (readonly [string, unknown[]])[] = [
    ["", []],
    [" , ,\t,", []],
    ["Basic", [["basic", {}]]],
    ['Basic realm="r"', [["basic", { realm: "r" }]]],
    ["Bearer realm=r", [["bearer", { realm: "r" }]]],
    ["Bearer realm=https://a/b?c,service=s", [["bearer", {
      realm: "https://a/b?c",
      service: "s",
    }]]],
    ['bEARER REALM="https://Auth.Example/T"', [["bearer", { realm: "https://Auth.Example/T" }]]],
    [`Bearer realm="r",scope="${scope}"`, [["bearer", { realm: "r", scope }]]],
    ['Bearer realm="r" , service = "s"', [["bearer", { realm: "r", service: "s" }]]],
    ['Bearer realm="",service=""', [["bearer", { realm: "", service: "" }]]],
    ['Basic realm="r", charset="UTF-8"', [["basic", { realm: "r", charset: "UTF-8" }]]],
    [',, Bearer realm="r",,service="s",', [["bearer", { realm: "r", service: "s" }]]],
    ['Basic realm="b", Bearer realm="r"', [["basic", { realm: "b" }], ["bearer", { realm: "r" }]]],
    ["Negotiate, Basic realm=b", [["negotiate", {}], ["basic", { realm: "b" }]]],
    ['Negotiate YII+/aB-._~==, Bearer realm="r"', [["negotiate", {}], ["bearer", { realm: "r" }]]],
    [String.raw`Bearer realm="he\"\l\lo\\"`, [["bearer", { realm: 'he"llo\\' }]]],
    ['Bearer realm="a, Basic realm=b"', [["bearer", { realm: "a, Basic realm=b" }]]],
  ];
  for (const [header, expected] of table) {
    assert.deepEqual(plain(parseChallenges(header)), expected, header);
  }
});

test("parseChallenges refuses what does not fit the grammar", async () => {
  const hostile = [
    'Bearer realm="r" service="s"',
    'Bearer realm="r',
    'Bearer realm="r\\',
    'Bearer realm="r\\"',
    'Bearer realm="r",service=',
    'Bearer realm="r",service=,scope="s"',
    'realm="r"',
    "=",
    '"Bearer"',
    "Bearer: realm=r",
    "Bearer realm='r' x",
    "Bär realm=r",
    "Bearer\u00a0realm=r",
    "<html>",
    'Bearer realm="r"\nX: y',
  ];
  for (const header of hostile) {
    const error = await assertRejects(() => parseChallenges(header), "INVALID_RESPONSE");
    assert.match(error.message, /WWW-Authenticate/);
  }
});

test("parseChallenges keeps names that every object has apart", () => {
  const [challenge] = parseChallenges("Bearer __proto__=a, constructor=b, toString=c");
  assert.deepEqual([...challenge?.parameters ?? []], [
    ["__proto__", "a"],
    ["constructor", "b"],
    ["tostring", "c"],
  ]);
  assert.equal(parseChallenges("Bearer a=b")[0]?.parameters.get("constructor"), undefined);
});

test("parseChallenges takes linear time and repeats little of a long header", () => {
  const size = 64 * 1024;
  const headers = [
    "a ".repeat(size / 2),
    ",".repeat(size),
    `a ${"=".repeat(size)}!`,
    `a${" ".repeat(size)}!`,
    `a b="${"x".repeat(size)}`,
    `a b="${'\\"'.repeat(size / 2)}`,
    `a b="${"x".repeat(size)}"`,
    "a b=c,".repeat(size / 6),
    "a b==,".repeat(size / 6),
    `a ${"b".repeat(size)}!`,
    `a b="c"${" \t".repeat(size / 2)}d`,
  ];
  for (const header of headers) {
    assertFast(header.slice(0, 12), () => {
      try {
        parseChallenges(header);
      } catch (error) {
        assert.ok((error as Error).message.length < 300);
      }
    });
  }
});

test("parseChallenges reads back what a random writer wrote", () => {
  forEachSeed(500, (random) => {
    const name = () => random.text("abcXYZ019!#$%&'*+.^_`|~-", 1, 8);
    const expected: [string, Record<string, string>][] = [];
    const parts: string[] = [];
    for (let i = 0; i <= random.below(4); i++) {
      const scheme = name();
      const parameters: Record<string, string> = Object.create(null);
      const written: string[] = [];
      for (let j = 0; j <= random.below(4); j++) {
        const key = `${name()}${j}`;
        const isToken = random.below(3) === 0;
        const value = isToken ? name() : random.text('ab ,;=\\"<>\té/:', 0, 12);
        const quoted = `"${value.replace(/["\\]/g, "\\$&")}"`;
        const blank = () => random.text(" \t", 0, 2);
        parameters[key.toLowerCase()] = value;
        written.push(`${key}${blank()}=${blank()}${isToken ? value : quoted}${blank()}`);
      }
      expected.push([scheme.toLowerCase(), { ...parameters }]);
      parts.push(`${scheme} ${written.join(random.pick([",", ", ", " ,,\t"]))}`);
    }
    const header = parts.join(random.pick([",", ", ", ", ,"]));
    assert.deepEqual(plain(parseChallenges(header)), expected, header);
  });
});
