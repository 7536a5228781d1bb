import assert from "node:assert/strict";
import { test } from "node:test";
import { readFileSync } from "node:fs";
import { runCaptured } from "../support/capture_host.ts";
import { assertRun } from "./run_against.ts";

/** A line of `tests/cases/parse.jsonl`. */
interface Case {
  readonly fn: "parseRepoAndRef" | "parseRepo" | "parseIndex";
  readonly input: string;
  readonly defaultIndex?: unknown;
  readonly expect?: unknown;
}

const FLAGS = { parseRepoAndRef: [], parseRepo: ["--repo"], parseIndex: ["--index"] } as const;

function readCases(): Case[] {
  const text = readFileSync(new URL("../cases/parse.jsonl", import.meta.url), "utf8");
  return text.trim().split("\n").map((line) => JSON.parse(line) as Case);
}

test("1: each of the parsing cases, on the command line", async () => {
  let count = 0;
  for (const { fn, input, defaultIndex, expect } of readCases()) {
    if (defaultIndex !== undefined && typeof defaultIndex !== "string") continue;
    const words = ["-q", "parse", ...FLAGS[fn]];
    if (defaultIndex !== undefined) words.push("--default-index", defaultIndex);
    const run = await runCaptured([...words, "--", input]);
    if (expect === undefined) {
      assert.equal(run.exitCode, 2, input);
      assert.equal(run.stdout, "", input);
      assert.match(run.stderr, /^error: [A-Z-].*\n(hint: [A-Z].*\n)?$/, input);
    } else {
      const stdout = `${JSON.stringify(expect, null, 4)}\n`;
      assertRun(run, { exitCode: 0, stdout, stderr: "" });
    }
    count += 1;
  }
  assert.ok(count > 20);
});

test("1: parts of a name as a table", async () => {
  const run = await runCaptured(["parse", "[::1]:5000/x@sha256:cafebabe", "-o", "table"]);
  const stdout = `PART            VALUE
index.name      [::1]:5000
index.official  false
official        false
remoteName      x
localName       [::1]:5000/x
canonicalName   [::1]:5000/x
digest          sha256:cafebabe
`;
  assertRun(run, { exitCode: 0, stdout, stderr: "" });
});

test("1: a bare registry is read as a repository, and stderr says what was meant", async () => {
  const run = await runCaptured(["parse", "quay.io"]);
  assert.equal(run.exitCode, 0);
  assert.equal(JSON.parse(run.stdout).remoteName, "library/quay.io");
  assert.equal(
    run.stderr,
    'note: "quay.io" was read as a repository of the default registry; ' +
      'write "quay.io/NAME" to name a repository of quay.io\n',
  );
  const index = await runCaptured(["parse", "--index", "quay.io"]);
  const stdout = '{\n    "name": "quay.io",\n    "official": false\n}\n';
  assertRun(index, { exitCode: 0, stdout, stderr: "" });
});

const TAG_RULE = "a tag must be 1 to 128 letters, digits and the characters . _ -, " +
  "and not start with . or -";
const CHARACTER_RULE = "a path allows only lower-case letters, digits and the characters . _ - /";
const COMPONENT_RULE = "each part of a path must be letters and digits, joined by one dot, " +
  "one or two underscores, or hyphens";
const SLASH_RULE = "a path must not start or end with a slash, nor have two in a row";

/** Names that are refused, and why. */
const REFUSED: readonly (readonly [string, string])[] = [
  [
    "2: App",
    '"App": upper-case letters are not allowed in a path\nhint: Write the path in lower case',
  ],
  ["2: a/../b", `"a/../b": ${COMPONENT_RULE}`],
  ["2: a..b", `"a..b": ${COMPONENT_RULE}`],
  ["2: a-", `"a-": ${COMPONENT_RULE}`],
  ["2: a//b", `"a//b": ${SLASH_RULE}`],
  ["2: a/", `"a/": ${SLASH_RULE}`],
  ["2: a%2e%2e", `"a%2e%2e": ${CHARACTER_RULE}`],
  ["2: a b", `"a b": ${CHARACTER_RULE}`],
  ["2: a\r\nb", `"a\\r\\nb": ${CHARACTER_RULE}`],
  ["2: a\tb", `"a\\tb": ${CHARACTER_RULE}`],
  ["2: a\0b", `"a\\u0000b": ${CHARACTER_RULE}`],
  ["2: \x1b[31m", `"\\u001b[31m": ${CHARACTER_RULE}`],
  ["2: \u202ea", `"\\u202ea": ${CHARACTER_RULE}`],
  ["2: ", '"": the path of the repository is missing'],
  [
    `2: ${"a".repeat(250)}`,
    `"${"a".repeat(80)}"...: registry and path must have at most 255 characters together`,
  ],
  [`3: a:${"b".repeat(129)}`, `"a:${"b".repeat(78)}"...: ${TAG_RULE}`],
  ["3: a:.b", `"a:.b": ${TAG_RULE}`],
  ["3: a:-b", `"a:-b": ${TAG_RULE}`],
  ["3: a:", '"a:": the tag after ":" is missing'],
  // A text with an "@" may hold a password and is not shown.
  ["4: a@", ': the digest after "@" is missing'],
  ["4: a@sha256", ': what follows "@" must be a digest of the form algorithm:encoded'],
  ["4: a@SHA256:0", ': what follows "@" must be a digest of the form algorithm:encoded'],
  [
    "4: user:secret@host.test/a",
    ': a digest must follow "@", not a name\nhint: Leave out user and password and give -u USER --password-stdin',
  ],
  ["7: -x", `"-x": ${COMPONENT_RULE}`],
  ["7: --help", `"--help": ${COMPONENT_RULE}`],
];

for (const [title, reason] of REFUSED) {
  const name = title.slice(3);
  test(`${JSON.stringify(title).slice(1, -1).slice(0, 60)} is refused by its rule`, async () => {
    const run = await runCaptured(["parse", "--", name]);
    const separator = reason.startsWith(":") ? "" : " ";
    const stderr = `error: Invalid reference${separator}${reason}\n`;
    assertRun(run, { exitCode: 2, stdout: "", stderr });
  });
}

test("4: digests of the OCI grammar are accepted, sha512 among them", async () => {
  const digests = ["sha256:cafebabe", `sha512:${"ab".repeat(64)}`, "a+b.c:x="];
  for (const digest of digests) {
    const run = await runCaptured(["parse", `a@${digest}`]);
    assert.equal(run.exitCode, 0);
    assert.equal(JSON.parse(run.stdout).digest, digest);
  }
});

test("6: hostile names of 50,000 characters are refused at once", async () => {
  const names = ["a".repeat(50_000), "a-".repeat(25_000), "a/".repeat(25_000), "_".repeat(50_000)];
  names.push(`a:${"b".repeat(50_000)}`, `a@${"b+".repeat(25_000)}`, "a.".repeat(25_000));
  await runCaptured(["parse", "a"]);
  for (const name of names) {
    const startedAt = performance.now();
    const run = await runCaptured(["parse", name]);
    const ms = performance.now() - startedAt;
    assert.equal(run.exitCode, 2);
    assert.ok(run.stderr.length < 500);
    assert.ok(ms < 500, `${name.slice(0, 4)}… took ${ms} ms`);
  }
});

test("7: a name that starts with a hyphen is an option, and an unknown one is refused", async () => {
  const run = await runCaptured(["parse", "-x"]);
  assert.equal(run.exitCode, 2);
  assert.equal(run.stdout, "");
  assert.match(run.stderr, /^error: Unknown option '-x'\n/);
});

test("--repo and --index exclude each other, and --default-index is checked", async () => {
  const both = await runCaptured(["parse", "--repo", "--index", "a"]);
  assert.equal(both.exitCode, 2);
  assert.match(both.stderr, /^error: Option '--repo' cannot be used with option '--index'\n/);
  const wrong = await runCaptured(["parse", "a", "--default-index", "http://docker.io"]);
  assertRun(wrong, {
    exitCode: 2,
    stdout: "",
    stderr: 'error: --default-index: Invalid registry "http://docker.io": Docker Hub is reached ' +
      'over https only\nhint: Leave out "http://"\n',
  });
});
