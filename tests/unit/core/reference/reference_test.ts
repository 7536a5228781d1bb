import assert from "node:assert/strict";
import { test } from "node:test";

import { RegctlError } from "../../../../core/errors.ts";
import {
  bareRegistryHint,
  DEFAULT_TAG,
  parseReference,
} from "../../../../core/reference/reference.ts";
import { parseRegistry } from "../../../../core/reference/registry.ts";
import { formatRepository, parseRepository } from "../../../../core/reference/repository.ts";
import { forEachSeed } from "../../../support/random.ts";

const TAG_FIRST = "ABCXYZabcxyz0123456789_";

/** Far above what is needed on a busy machine, far below what backtracking would take. */
const SLOW_MS = 250;

test("parseReference splits name, tag and digest", () => {
  // [input, name, tag, digest]
  const table: readonly (readonly [string, string, (string | undefined)?, string?])[] = [
    ["busybox", "busybox", DEFAULT_TAG],
    ["busybox:1.36", "busybox", "1.36"],
    ["busybox@sha256:cafebabe", "busybox", undefined, "sha256:cafebabe"],
    ["busybox:1@sha256:cafebabe", "busybox", "1", "sha256:cafebabe"],
    ["quay.io/a/b:_", "quay.io/a/b", "_"],
    ["quay.io/a/b:0", "quay.io/a/b", "0"],
    ["localhost:5000/b", "localhost:5000/b", DEFAULT_TAG],
    ["localhost:5000/b:5000", "localhost:5000/b", "5000"],
    ["localhost:5000", "library/localhost", "5000"],
    ["quay.io", "library/quay.io", DEFAULT_TAG],
    ["[::1]:5000/b:x", "[::1]:5000/b", "x"],
    ["[::1]/b@a+b:C=", "[::1]/b", undefined, "a+b:C="],
    ["https://quay.io/b:x", "quay.io/b", "x"],
    [`b:${"x".repeat(128)}`, "b", "x".repeat(128)],
  ];
  for (const [text, name, tag, digest] of table) {
    const reference = parseReference(text);
    assert.equal(formatRepository(reference.repository), name, text);
    assert.deepEqual([reference.tag, reference.digest], [tag, digest], text);
    // An absent part is no key at all, so that the result can be spread and printed.
    assert.equal("tag" in reference, tag !== undefined, text);
    assert.equal("digest" in reference, digest !== undefined, text);
  }
});

test("parseReference hands its options to the repository", () => {
  const defaultRegistry = parseRegistry("my.example:1234");
  assert.deepEqual(parseReference("b:x", { defaultRegistry }), {
    repository: { registry: defaultRegistry, path: "b" },
    tag: "x",
  });
});

test("parseReference names the broken rule", () => {
  const table: readonly (readonly [string, RegExp, RegExp?])[] = [
    ["", /^Invalid reference "": the path of the repository is missing$/],
    ["busybox:", /tag after ":" is missing/],
    ["busybox:@sha256:cafebabe", /tag after ":" is missing/],
    ["busybox@", /digest after "@" is missing/],
    ["busybox:1@", /digest after "@" is missing/],
    ["@sha256:cafebabe", /path of the repository is missing/],
    [":tag", /path of the repository is missing/],
    ["busybox:bad tag", /^Invalid reference "busybox:bad tag": a tag must be/],
    ["busybox:.a", /a tag must be/],
    ["busybox:-a", /a tag must be/],
    ["busybox:a:b", /a tag must be/],
    [`busybox:${"x".repeat(129)}`, /a tag must be/],
    ["busybox@bogus", /must be a digest/],
    ["busybox@sha256", /must be a digest/],
    ["busybox@sha256:", /must be a digest/],
    ["busybox@sha256:a@sha256:b", /must be a digest/],
    ["busybox@sha256:a:b", /must be a digest/],
    ["busybox@sha256:../../x", /must follow "@"/],
    ["Busybox:x", /upper-case/, /lower case/],
    ["quay.io/:x", /path of the repository is missing/],
    ["quay.io:x/a", /port must be/],
    ["::1/a", /two ports/, /brackets/],
    ["https://quay.io:5000", /path of the repository is missing/],
  ];
  for (const [text, rule, hint] of table) assertUsage(text, rule, hint);
});

test("an error of parseReference never shows what may be a password", () => {
  const texts = [
    ...["u:s3cret@quay.io/a", "https://u:s3cret@quay.io/a:x", "u:s3cret@quay.io", "s3cret@a/b"],
    // These look like a digest behind the "@", so that the password is judged as tag or port.
    ...["u:s3cret!@quay.io:5000", "u:s3cret/@quay.io:5000", "https://u:s3cret@quay.io:5000"],
    ...["https://s3cret@quay.io:5000", "u:a/s3cret!@quay.io:5000", "a@u:s3cret@quay.io/x"],
  ];
  for (const text of texts) assertUsage(text, /^Invalid reference: /);
  assertUsage("u:s3cret@quay.io/a", /must follow "@"/, /--password-stdin/);
});

test("parseReference refuses hostile input, and fast", () => {
  const hostile = [
    ...["a:b\n", "a:b\r\nX: y", "a:\tb", "a:b\0", "a: b", "a:b ", "a@sha256:a\n", "\na:b"],
    ...[
      "a:..",
      "a:../b",
      "a:b/../c",
      "a:b%2ec",
      "a:%2e",
      "a@sha256:%2e%2e",
      "a@..",
      "a:b?c",
      "a:b#c",
    ],
    ...[
      "a:caf\u00e9",
      "a:\u0430",
      "a\uff1ab",
      "a\uff20sha256:b",
      "a@sh\u0430256:b",
      "a:\u212a",
      "a:\ud800",
    ],
    ...["--help", "-", ":", "@", "::", "@@", ":@", "a:b:c", "a::b", "a@@b", "/:x", "a/:x", "[::1]"],
    ...[..."a:@/.-_%\n"].map((character) => character.repeat(50_000)),
    ...["a:", "a@", "a/", ":@", "a-", "a.", "://"].map((text) => text.repeat(25_000)),
    ...[`a:${"b".repeat(50_000)}`, `a@${"b+".repeat(25_000)}`, `a@${"b".repeat(50_000)}`],
    ...[`a@sha256:${"b".repeat(50_000)}!`, `quay.io/${"a".repeat(256)}:x`],
  ];
  for (const text of hostile) {
    const start = performance.now();
    assertUsage(text, /^Invalid reference/);
    assert.ok(performance.now() - start < SLOW_MS, `slow: ${JSON.stringify(text.slice(0, 40))}`);
  }
});

test("parseReference puts random parts back together and refuses a forbidden character", () => {
  forEachSeed(500, (random) => {
    const name = random.pick(["busybox", "a/b", "quay.io/a-b/c", "localhost:5000/x", "[::1]/y"]);
    const tag = random.text(TAG_FIRST, 1, 1) + random.text(`${TAG_FIRST}.-`, 0, 127);
    const digest = `sha256:${random.text("0123456789abcdef", 64, 64)}`;
    const repository = parseRepository(name);
    assert.deepEqual(parseReference(`${name}:${tag}`), { repository, tag });
    assert.deepEqual(parseReference(`${name}@${digest}`), { repository, digest });
    const both = `${name}:${tag}@${digest}`;
    assert.deepEqual(parseReference(both), { repository, tag, digest });

    const at = name.length + 1 + random.below(both.length - name.length - 1);
    const forbidden = random.text(" %?#\\!\n\t\0é\u0430", 1, 1);
    assertUsage(both.slice(0, at) + forbidden + both.slice(at + 1), /^Invalid reference/);
  });
});

test("parseReference throws nothing but USAGE", () => {
  forEachSeed(5000, (random) => {
    const text = random.text("ab1.:@/-_[]A\n\0\u212a\u{1f600}", 0, 12);
    try {
      const reference = parseReference(text);
      assert.ok(reference.tag !== undefined || reference.digest !== undefined, text);
    } catch (error) {
      assert.ok(error instanceof RegctlError && error.code === "USAGE", String(error));
    }
  });
});

test("bareRegistryHint speaks up for a registry's name alone", () => {
  const table: readonly (readonly [string, string])[] = [
    ["quay.io", "quay.io"],
    ["docker.io", "docker.io"],
    ["ghcr.io:latest", "ghcr.io"],
    ["localhost", "localhost"],
    ["localhost:5000", "localhost:5000"],
    ["my.example:8443", "my.example:8443"],
    ["quay.io@sha256:cafebabe", "quay.io"],
    ["quay.io:s3cret@x", "quay.io"],
  ];
  for (const [text, registry] of table) {
    assert.equal(
      bareRegistryHint(text),
      `"${registry}" was read as a repository of the default registry; ` +
        `write "${registry}/NAME" to name a repository of ${registry}`,
    );
  }
});

test("bareRegistryHint keeps silent otherwise", () => {
  const others = [
    ...["", "busybox", "busybox:1.36", "redis:7", "a/b", "quay.io/a", "https://quay.io", "[::1]"],
    ...[
      "a.b\n",
      "a.b c",
      "a.\u0430",
      `${"a.".repeat(50_000)}b`,
      "x@quay.io",
      "x:quay.io",
      "quay.io:5000/a",
    ],
  ];
  for (const text of others) assert.equal(bareRegistryHint(text), undefined, text.slice(0, 40));
});

function assertUsage(text: string, message: RegExp, hint?: RegExp): void {
  assert.throws(
    () => parseReference(text),
    (error) => {
      assert.ok(error instanceof RegctlError, String(error));
      assert.equal(error.code, "USAGE");
      assert.match(error.message, message, JSON.stringify(text.slice(0, 80)));
      assert.match(error.message, /^[ -~]{1,700}$/);
      assert.ok(!`${error.message}${error.hint}`.includes("s3cret"));
      if (hint !== undefined) assert.match(error.hint ?? "", hint);
      return true;
    },
    JSON.stringify(text.slice(0, 80)),
  );
}
