import assert from "node:assert/strict";
import { test } from "node:test";

import { mergeScopes, parseScopes } from "../../../../core/auth/scope.ts";
import { forEachSeed } from "../../../support/random.ts";

test("mergeScopes gives one scope for each type and name", () => {
  const table: readonly (readonly [readonly string[], readonly string[]])[] = [
    [[], []],
    [["repository:a:pull"], ["repository:a:pull"]],
    [["repository:a:pull,push", "repository:a:delete,pull"], ["repository:a:pull,push,delete"]],
    [["repository:b:pull", "repository:a:pull", "repository:b:*"], [
      "repository:b:pull,*",
      "repository:a:pull",
    ]],
    [["repository:a:pull", "registry:catalog:*"], ["repository:a:pull", "registry:catalog:*"]],
    // The name may hold a host and port.
    [["repository:h.example:5000/a:pull", "repository:h.example:5000/a:push"], [
      "repository:h.example:5000/a:pull,push",
    ]],
    [["repository(plugin):a:pull", "repository:a:push"], [
      "repository(plugin):a:pull",
      "repository:a:push",
    ]],
    [["repository:a:,pull,,pull,"], ["repository:a:pull"]],
    // What has no actions is kept, and takes none away.
    [["openid", "openid"], ["openid"]],
    [["repository:a:pull", "repository:a"], ["repository:a:pull"]],
    [["__proto__:a:x", "__proto__:a:y", "constructor"], ["__proto__:a:x,y", "constructor"]],
  ];
  for (const [scopes, expected] of table) assert.deepEqual(mergeScopes(scopes), expected);
});

test("mergeScopes loses nothing, doubles nothing and is stable", () => {
  forEachSeed(300, (random) => {
    const scopes = Array.from({ length: random.below(8) }, () => {
      const actions = Array.from({ length: 1 + random.below(3) }, () => random.text("pd*", 1, 1));
      return `repository:${random.text("ab", 1, 1)}:${actions.join(",")}`;
    });
    const pairs = (list: readonly string[]) =>
      list.flatMap((scope) => {
        const [, name, actions = ""] = scope.split(":");
        return actions.split(",").map((action) => `${name} ${action}`);
      });
    const merged = mergeScopes(scopes);
    assert.deepEqual(pairs(merged).sort(), [...new Set(pairs(scopes))].sort());
    assert.deepEqual(mergeScopes(merged), merged);
    assert.deepEqual(mergeScopes([...merged, ...scopes]), merged);
  });
});

test("parseScopes splits at blanks", () => {
  assert.deepEqual(parseScopes(undefined), []);
  assert.deepEqual(parseScopes("  "), []);
  assert.deepEqual(parseScopes(" repository:a:pull,push  registry:catalog:* "), [
    "repository:a:pull,push",
    "registry:catalog:*",
  ]);
});
