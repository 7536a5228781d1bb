import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRepository } from "../../../../core/reference/repository.ts";
import { resolveBaseUrl } from "../../../../core/registry/client.ts";
import { nameRepository, withScheme } from "../../../../core/registry/repository_name.ts";

test("withScheme: a name tells the scheme where nobody would guess it", () => {
  const cases: readonly (readonly [name: string, spoken: string, expected: string])[] = [
    ["r.test/app", "https://r.test", "r.test/app"],
    ["r.test/app", "http://r.test", "http://r.test/app"],
    ["r.test:5000/a/b", "http://r.test:5000", "http://r.test:5000/a/b"],
    ["localhost:5000/app", "http://localhost:5000", "localhost:5000/app"],
    ["127.0.0.1:5000/app", "http://127.0.0.1:5000", "127.0.0.1:5000/app"],
    ["localhost:5000/app", "https://localhost:5000", "https://localhost:5000/app"],
    ["http://r.test/app", "http://r.test", "http://r.test/app"],
    ["https://r.test/app", "https://r.test", "https://r.test/app"],
    ["[::1]:5000/app", "https://[::1]:5000", "https://[::1]:5000/app"],
    ["docker.io/library/app", "https://registry-1.docker.io", "app"],
  ];
  for (const [name, spoken, expected] of cases) {
    const found = withScheme(parseRepository(name), new URL(spoken));
    assert.equal(nameRepository(found), expected);
    // A later call that knows the name alone speaks the same with the same repository.
    const again = parseRepository(nameRepository(found));
    assert.equal(resolveBaseUrl(again.registry).origin, new URL(spoken).origin);
    assert.equal(again.path, found.path);
    assert.equal(nameRepository(withScheme(again, new URL(spoken))), expected);
  }
});

test("nameRepository: a scheme that was written is kept, and makes another name", () => {
  const names = ["r.test/app", "http://r.test/app", "https://r.test/app"];
  assert.deepEqual(names.map((name) => nameRepository(parseRepository(name))), names);
});
