import assert from "node:assert/strict";
import { test } from "node:test";
import { tryReadGrant } from "../../../../core/auth/token_grant.ts";

/** A JWT with these claims and a signature of nobody. */
function jwt(claims: unknown): string {
  const encode = (value: unknown) =>
    btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value))))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  return [encode({ alg: "none" }), encode(claims), "c2ln"].join(".");
}

const PULL = { type: "repository", name: "team/app", actions: ["pull", "push"] };

const CASES: readonly (readonly [string, string, string | undefined, string[] | undefined])[] = [
  ["the access claim", jwt({ access: [PULL] }), undefined, ["repository:team/app:pull,push"]],
  ["before the scope field", jwt({ access: [PULL] }), "x:y:z", ["repository:team/app:pull,push"]],
  ["letters beyond ASCII", jwt({ access: [{ ...PULL, name: "ä>?" }] }), undefined, [
    "repository:ä>?:pull,push",
  ]],
  ["nothing granted", jwt({ access: [] }), undefined, []],
  ["nothing granted, as Go writes it", jwt({ access: null }), undefined, []],
  ["no actions", jwt({ access: [{ ...PULL, actions: [] }] }), undefined, []],
  ["entries of other kinds", jwt({ access: [1, null, {}, PULL, { ...PULL, actions: [1] }] }), "", [
    "repository:team/app:pull,push",
  ]],
  ["no such claim", jwt({ sub: "ann" }), undefined, undefined],
  ["a claim that is no list", jwt({ access: "all" }), "a:b:c", ["a:b:c"]],
  ["claims that are no object", jwt([1]), undefined, undefined],
  ["an opaque token", "b3BhcXVl", undefined, undefined],
  ["an opaque token with a scope", "b3BhcXVl", " a:b:c  d:e:f", ["a:b:c", "d:e:f"]],
  ["no base64", "a.%.c", undefined, undefined],
  ["no JSON", "a.YQ.c", undefined, undefined],
  ["two parts", "a.YQ", undefined, undefined],
  ["too long", `${"a".repeat(70_000)}.e30.c`, undefined, undefined],
];

for (const [name, token, scope, expected] of CASES) {
  test(`what a token grants: ${name}`, () =>
    assert.deepEqual(tryReadGrant(token, scope), expected));
}

test("what a token grants: a list of any length is cut", () => {
  const access = Array.from({ length: 200 }, () => PULL);
  assert.equal(tryReadGrant(jwt({ access }), undefined)?.length, 50);
});
