import assert from "node:assert/strict";
import { test } from "node:test";
import { assertRun, runAgainst } from "./run_against.ts";

/** Repositories that no request is sent for. */
const REFUSED: readonly string[] = [
  "HOST/App",
  "HOST/a/../b",
  "HOST/..",
  "HOST/a//b",
  "HOST//a",
  "HOST/a/",
  "HOST/a-",
  "HOST/a..b",
  "HOST/a\rb",
  "HOST/a\nb",
  "HOST/a\r\nHost: evil.test\r\n\r\n",
  "HOST/a\tb",
  "HOST/a\0b",
  "HOST/a b",
  "HOST/%2e%2e/a",
  "HOST/a%2fb",
  "HOST/a?n=1",
  "HOST/a#b",
  "HOST/a\\b",
  "HOST/\u202ea",
  "HOST/ａ",
  `HOST/${"a".repeat(255)}`,
  "HOST",
  "HOST/",
  "user@HOST/a",
  "user:pass@HOST/a",
  "ftp://HOST/a",
  "",
];

for (const name of REFUSED) {
  const title = JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name);
  test(`2: ${title} is refused, and no request is sent`, async () => {
    const run = await runAgainst([], ["tags", "--", name]);
    assert.equal(run.exitCode, 2);
    assert.equal(run.stdout, "");
    assert.deepEqual(run.requests, []);
    assert.match(run.stderr, /^error: .*repository.*\n(hint: .*\n)?$/);
    assert.doesNotMatch(run.stderr, /[^\n -~…]/);
  });
}

/** References where a repository belongs, and the repository that the hint names. */
const REFERENCES: readonly (readonly [string, string])[] = [
  ["busybox:1", "busybox"],
  ["busybox@sha256:abc", "busybox"],
  ["library/busybox:1@sha256:abc", "busybox"],
  ["quay.io/team/app:latest", "quay.io/team/app"],
];

for (const [name, repository] of REFERENCES) {
  test(`tags ${name} says what to leave out`, async () => {
    const run = await runAgainst([], ["tags", name]);
    assertRun(run, {
      exitCode: 2,
      stdout: "",
      stderr: `error: Not a repository: "${name}" names one manifest\n` +
        `hint: Leave out the tag and the digest: ${repository}\n`,
    });
  });
}

test("6: hostile repositories of 50,000 characters are refused at once", async () => {
  await runAgainst([], ["tags", "A"]);
  for (const part of ["a", "a-", "a/", "a.", "_", "%2e", "a:"]) {
    const startedAt = performance.now();
    const run = await runAgainst([], ["tags", `HOST/${part.repeat(50_000 / part.length)}`]);
    const ms = performance.now() - startedAt;
    assert.equal(run.exitCode, 2);
    assert.ok(run.stderr.length < 500);
    assert.ok(ms < 500, `${part} took ${ms} ms`);
  }
});

test("7: words behind -- are names, even where they look like options", async () => {
  const run = await runAgainst([], ["tags", "--", "--plain-http"]);
  assert.equal(run.exitCode, 2);
  assert.match(run.stderr, /^error: Invalid repository "--plain-http": /);
});
