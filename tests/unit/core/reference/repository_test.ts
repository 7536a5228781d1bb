import assert from "node:assert/strict";
import { test } from "node:test";

import { RegctlError } from "../../../../core/errors.ts";
import { DOCKER_HUB, parseRegistry } from "../../../../core/reference/registry.ts";
import {
  formatRepository,
  isRepositoryPath,
  parseRepository,
  type ParseRepositoryOptions,
} from "../../../../core/reference/repository.ts";
import { repositoryJson } from "../../../../core/reference/client_json.ts";
import { forEachSeed, type Random } from "../../../support/random.ts";

const LOWER = "abcdefghijklmnopqrstuvwxyz0123456789";

/** Far above what is needed on a busy machine, far below what backtracking would take. */
const SLOW_MS = 250;

test("parseRepository splits registry and path", () => {
  // [input, host, path, the name for people]
  const table: readonly (readonly [string, string, string, string])[] = [
    ["busybox", "docker.io", "library/busybox", "busybox"],
    ["library/busybox", "docker.io", "library/busybox", "busybox"],
    ["docker.io/busybox", "docker.io", "library/busybox", "busybox"],
    ["Index.Docker.IO/library/busybox", "docker.io", "library/busybox", "busybox"],
    ["https://docker.io/busybox", "docker.io", "library/busybox", "busybox"],
    ["google/python", "docker.io", "google/python", "google/python"],
    ["a", "docker.io", "library/a", "a"],
    ["a/b/c/d", "docker.io", "a/b/c/d", "a/b/c/d"],
    ["quay.io/a/b", "quay.io", "a/b", "quay.io/a/b"],
    ["quay.io/library/b", "quay.io", "library/b", "quay.io/library/b"],
    ["Quay.IO/b", "Quay.IO", "b", "Quay.IO/b"],
    ["http://quay.io/b", "quay.io", "b", "quay.io/b"],
    ["https://foo:1/b", "foo:1", "b", "foo:1/b"],
    ["localhost/b", "localhost", "b", "localhost/b"],
    ["localhost:5000/b", "localhost:5000", "b", "localhost:5000/b"],
    ["[::1]:5000/b", "[::1]:5000", "b", "[::1]:5000/b"],
    ["127.0.0.1/b", "127.0.0.1", "b", "127.0.0.1/b"],
    ["x/a--b__c_d.e---f", "docker.io", "x/a--b__c_d.e---f", "x/a--b__c_d.e---f"],
    // What a person would take for a registry, or the parser would, is written out.
    ["quay.io", "docker.io", "library/quay.io", "library/quay.io"],
    ["localhost", "docker.io", "library/localhost", "library/localhost"],
    ["docker.io/user.name/app", "docker.io", "user.name/app", "docker.io/user.name/app"],
    ["docker.io/localhost/app", "docker.io", "localhost/app", "docker.io/localhost/app"],
    ["library/a/b", "docker.io", "library/a/b", "library/a/b"],
    ["docker.io/library", "docker.io", "library/library", "library"],
  ];
  for (const [text, host, path, name] of table) {
    const repository = parseRepository(text);
    assert.deepEqual([repository.registry.host, repository.path], [host, path], text);
    assert.equal(formatRepository(repository), name, text);
    const again = parseRepository(name);
    assert.deepEqual([again.registry.host, again.path], [host, path], `${text} as ${name}`);
  }
});

test("parseRepository takes the default registry only for a name without registry", () => {
  const defaultRegistry = parseRegistry("https://my.example:1234");
  const table: readonly (readonly [string, ParseRepositoryOptions, unknown])[] = [
    ["b", { defaultRegistry }, { registry: defaultRegistry, path: "b" }],
    ["a/b", { defaultRegistry }, { registry: defaultRegistry, path: "a/b" }],
    ["docker.io/b", { defaultRegistry }, { registry: DOCKER_HUB, path: "library/b" }],
    ["b", { defaultRegistry: DOCKER_HUB }, { registry: DOCKER_HUB, path: "library/b" }],
    ["b", {}, { registry: DOCKER_HUB, path: "library/b" }],
  ];
  for (const [text, options, expected] of table) {
    assert.deepEqual(parseRepository(text, options), expected, text);
  }
});

test("repositoryJson drops the prefix of each official path on Docker Hub alone", () => {
  // [input, official, localName, canonicalName]
  const table: readonly (readonly [string, boolean, string, string])[] = [
    ["library/a/b", true, "a/b", "docker.io/a/b"],
    ["quay.io/library/a", false, "quay.io/library/a", "quay.io/library/a"],
    ["docker.io/user.name/app", false, "user.name/app", "docker.io/user.name/app"],
    ["libraryx/a", false, "libraryx/a", "docker.io/libraryx/a"],
  ];
  for (const [text, official, localName, canonicalName] of table) {
    const json = repositoryJson(parseRepository(text));
    const actual = [json.official, json.localName, json.canonicalName];
    assert.deepEqual(actual, [official, localName, canonicalName], text);
  }
});

test("parseRepository counts registry and path together, 255 characters at most", () => {
  for (const prefix of ["quay.io/", "docker.io/library/", "docker.io/x/"]) {
    const longest = prefix + "a".repeat(255 - prefix.length);
    parseRepository(longest);
    assertUsage(`${longest}a`, /at most 255 characters/);
  }
  parseRepository("a".repeat(237));
  assertUsage("a".repeat(238), /at most 255 characters/);
});

test("parseRepository names the broken rule", () => {
  const table: readonly (readonly [string, RegExp, RegExp?])[] = [
    ["", /path of the repository is missing/],
    ["quay.io/", /path of the repository is missing/],
    ["https://quay.io", /path of the repository is missing/],
    ["/", /slash/],
    ["/a", /slash/],
    ["a/", /slash/],
    ["a//b", /slash/],
    ["quay.io//a", /slash/],
    ["Foo/bar", /upper-case/, /lower case/],
    ["busyBox", /upper-case/, /lower case/],
    ["busybox:latest", /":" and "@"/, /Leave out tag/],
    ["quay.io/a@sha256:b", /":" and "@"/, /Leave out tag/],
    ["a b", /a path allows only/],
    ["a+b", /a path allows only/],
    ["-ab/c", /joined by one dot/],
    ["ab-/c", /joined by one dot/],
    ["a/_b", /joined by one dot/],
    ["a___b", /joined by one dot/],
    ["a/b..c", /joined by one dot/],
    ["a/b._c", /joined by one dot/],
    ["a/-", /joined by one dot/],
    ["a/../b", /joined by one dot/],
    ["../a", /each part of a host/],
    ["./a", /each part of a host/],
    ["foo/bar://a", /scheme must be/],
    ["https://foo/bar", /a dot or a port/],
    ["https:///a", /host is missing/],
    ["http://docker.io/a", /https only/],
    ["2130706433:5000/a", /ends in a number/],
    ["user:s3cret@quay.io/a", /user or a password/, /--password-stdin/],
    ["https://s3cret@quay.io/a", /user or a password/, /--password-stdin/],
    ["s3cret@host/a", /":" and "@"/, /user and password/],
  ];
  for (const [text, rule, hint] of table) assertUsage(text, rule, hint);
});

test("parseRepository refuses hostile input, and fast", () => {
  const hostile = [
    ...["a\n", "\na", "a\r\nb", "a\tb", "a\0", " a", "a ", "quay.io/a\n", "quay.io/a\r\nHost: x"],
    ...["..", "a/..", "quay.io/../a", "quay.io/a/..", "quay.io/./a", "%2e%2e/a", "a/%2e%2e/b"],
    ...["a%2fb", "a\\b", "a?b", "a#b", "quay.io/a?b", "a;b", "a*", "$(id)", "a`b", "--", "-o"],
    ...[
      "busyb\u043ex",
      "caf\u00e9",
      "\uff41",
      "a\u2215b",
      "quay.io\uff0fa",
      "\u212a",
      "a\u200bb",
      "\ud800",
    ],
    ...["a".repeat(256), `quay.io/${"a".repeat(256)}`, `${"a".repeat(256)}.io/a`],
    ...[..."a-_./:@%\n"].map((character) => character.repeat(50_000)),
    ...["a-", "a/", "a.", "__a", "[:", "://"].map((text) => text.repeat(25_000)),
    ...[`quay.io/a${"-".repeat(50_000)}/`, `a${"_".repeat(240)}!`, `a${"-".repeat(230)}!`],
  ];
  for (const text of hostile) {
    const start = performance.now();
    assertUsage(text, /^Invalid repository/);
    assert.ok(performance.now() - start < SLOW_MS, `slow: ${JSON.stringify(text.slice(0, 40))}`);
  }
});

test("parseRepository takes random paths and refuses them with one forbidden character", () => {
  forEachSeed(500, (random) => {
    const path = `${randomPath(random)}/${randomPath(random)}`;
    assert.equal(parseRepository(`quay.io/${path}`).path, path);
    const at = random.below(path.length);
    const wrong = path.slice(0, at) + random.text(" AZ:@%?#\\\n\t\0é\u0430", 1, 1) +
      path.slice(at + 1);
    assertUsage(`quay.io/${wrong}`, /^Invalid repository/);
  });
});

test("parseRepository throws nothing but USAGE, and its result survives formatting", () => {
  let taken = 0;
  forEachSeed(5000, (random) => {
    const registry = random.pick(["", "", "docker.io/", "quay.io/", "localhost:5000/", "[::1]/"]);
    const text = registry + random.pick(["", "library/"]) +
      random.text("abcdef0123.-_/:[@A\n", 0, 8);
    try {
      const repository = parseRepository(text);
      const name = formatRepository(repository);
      assert.deepEqual(parseRepository(name), repository, text);
      assert.equal(formatRepository(parseRepository(name)), name, text);
      assert.equal(new URL(`https://h/v2/${repository.path}/`).pathname, `/v2/${repository.path}/`);
      taken++;
    } catch (error) {
      assert.ok(error instanceof RegctlError && error.code === "USAGE", String(error));
    }
  });
  assert.ok(taken > 500, `only ${taken} names were valid`);
});

test("isRepositoryPath takes the names of the distribution spec, and no others", () => {
  const names = [
    ...["a", "0", "a/b", "a/b/c/d", "library/busybox", "a.b", "a_b", "a__b", "a-b", "a---b"],
    ...["a--b__c_d.e---f/0", "quay.io/a", "a".repeat(255), "a/".repeat(127) + "a"],
  ];
  for (const name of names) assert.equal(isRepositoryPath(name), true, name);
  const others = [
    ...["", "/", "/a", "a/", "a//b", "A", "a/B", ".", "..", "a/..", "../a", "a/./b", ".a", "a."],
    ...["a..b", "a___b", "a._b", "_a", "a_", "-a", "a-", "a b", "a:b", "a@b", "a+b", "a\\b", "~"],
    ...["a\n", "\na", "a\0", "a%2fb", "%2e%2e", "a?b", "a#b", "caf\u00e9", "\u0430", "\uff41"],
    ...["a".repeat(256), "a/".repeat(127) + "aa", `a${"-".repeat(250)}!`, "a-".repeat(25_000)],
    ...["a/".repeat(25_000), "/".repeat(50_000), `${"a__".repeat(80)}!`],
  ];
  for (const text of others) {
    const what = JSON.stringify(text.slice(0, 40));
    const start = performance.now();
    assert.equal(isRepositoryPath(text), false, what);
    assert.ok(performance.now() - start < SLOW_MS, `slow: ${what}`);
  }
});

test("isRepositoryPath and parseRepository agree", () => {
  forEachSeed(3000, (random) => {
    const text = random.pick([randomPath(random), random.text("ab0._-/A\n", 0, 6)]);
    const parse = () => parseRepository(`quay.io/${text}`);
    if (isRepositoryPath(text)) assert.equal(parse().path, text);
    else assert.throws(parse, RegctlError, JSON.stringify(text));
  });
});

function randomPath(random: Random): string {
  const parts = Array.from({ length: 1 + random.below(6) }, () => random.text(LOWER, 1, 5));
  return parts.reduce((path, part) => {
    return path + random.pick([".", "_", "__", "-", "--", "----", "/"]) + part;
  });
}

function assertUsage(text: string, message: RegExp, hint?: RegExp): void {
  assert.throws(
    () => parseRepository(text),
    (error) => {
      assert.ok(error instanceof RegctlError, String(error));
      assert.equal(error.code, "USAGE");
      assert.match(error.message, message, JSON.stringify(text.slice(0, 80)));
      assert.match(error.message, /^[ -~]{1,700}$/);
      assert.ok(!error.message.includes("s3cret"));
      if (hint !== undefined) assert.match(error.hint ?? "", hint);
      return true;
    },
    JSON.stringify(text.slice(0, 80)),
  );
}
