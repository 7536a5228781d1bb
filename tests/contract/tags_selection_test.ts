import assert from "node:assert/strict";
import { test } from "node:test";
import { assertRun, page, runAgainst, TAGS_PATH, tagsOf } from "./run_against.ts";

const TAGS = ["1.10", "latest", "v2.0.0", "1.9", "B", "1.10-rc1", "a", "1.10-rc10", "1.10-rc2"];

/** Further words, and the tags they leave of {@linkcode TAGS}, in order. */
const ORDERS: readonly (readonly [readonly string[], readonly string[]])[] = [
  [[], ["1.10", "1.10-rc1", "1.10-rc10", "1.10-rc2", "1.9", "B", "a", "latest", "v2.0.0"]],
  [
    ["--sort", "name"],
    ["1.10", "1.10-rc1", "1.10-rc10", "1.10-rc2", "1.9", "B", "a", "latest", "v2.0.0"],
  ],
  [
    ["--sort", "version"],
    ["1.9", "1.10-rc1", "1.10-rc2", "1.10-rc10", "1.10", "v2.0.0", "B", "a", "latest"],
  ],
  [["--sort", "none"], TAGS],
  [["--reverse", "--limit", "3"], ["v2.0.0", "latest", "a"]],
  [["-r", "--sort=version", "--limit=4"], ["v2.0.0", "1.10", "1.10-rc10", "1.10-rc2"]],
  [["--sort", "none", "-r", "--limit", "2"], ["1.10-rc2", "1.10-rc10"]],
  [["--sort", "version", "--limit", "1"], ["1.9"]],
  [["--limit", "100"], [
    "1.10",
    "1.10-rc1",
    "1.10-rc10",
    "1.10-rc2",
    "1.9",
    "B",
    "a",
    "latest",
    "v2.0.0",
  ]],
];

for (const [words, expected] of ORDERS) {
  test(`24: the order of tags ${words.join(" ")}`, async () => {
    const run = await runAgainst([page(TAGS)], tagsOf(...words));
    assertRun(run, { exitCode: 0, stdout: `${expected.join("\n")}\n`, stderr: "" });
  });
}

test("24: names are compared as ASCII, not as a locale would, across pages", async () => {
  const run = await runAgainst([
    page(["_x", "a", "B"], { link: "<?last=B>; rel=next" }),
    page(["b", "A", "1", "Z"], { path: `${TAGS_PATH}?last=B` }),
  ], tagsOf());
  assertRun(run, { exitCode: 0, stdout: "1\nA\nB\nZ\n_x\na\nb\n", stderr: "" });
});

test("24: equal versions are ordered by name", async () => {
  const run = await runAgainst([page(["v1.0", "1.0", "01.0", "1.0.0"])], tagsOf("--sort=version"));
  assertRun(run, { exitCode: 0, stdout: "01.0\n1.0\n1.0.0\nv1.0\n", stderr: "" });
});

/** Further words, and the tags of {@linkcode TAGS} that pass, by name. */
const FILTERS: readonly (readonly [readonly string[], readonly string[]])[] = [
  [["--match", "1.*"], ["1.10", "1.10-rc1", "1.10-rc10", "1.10-rc2", "1.9"]],
  [["-m", "1.?"], ["1.9"]],
  [["-m", "[ab]"], ["a"]],
  [["-m", "{a,latest}"], ["a", "latest"]],
  [["-m", "1.9", "-m", "a"], ["1.9", "a"]],
  [["-m", "10"], []],
  [["-m", "/10/"], ["1.10", "1.10-rc1", "1.10-rc10", "1.10-rc2"]],
  [["-m", "/^[0-9.]+$/"], ["1.10", "1.9"]],
  [["--exclude", "*rc*"], ["1.10", "1.9", "B", "a", "latest", "v2.0.0"]],
  [["-x", "*rc*", "-x", "/^[a-z]/"], ["1.10", "1.9", "B"]],
  [["-m", "1.*", "-x", "/rc1/"], ["1.10", "1.10-rc2", "1.9"]],
  [["-m", "*", "-x", "*"], []],
  [["--semver", "^1.9"], ["1.10", "1.9"]],
  [["--semver", ">=1.10.0-rc2"], ["1.10", "1.10-rc2", "v2.0.0"]],
  [["--semver", "2.x || 1.9"], ["1.9", "v2.0.0"]],
  [["--semver", "1.x", "-x", "1.9", "--limit", "1", "-r"], ["1.10"]],
];

for (const [words, expected] of FILTERS) {
  test(`the choice of tags ${words.join(" ")}`, async () => {
    const run = await runAgainst([page(TAGS)], tagsOf(...words));
    const stdout = expected.map((tag) => `${tag}\n`).join("");
    assertRun(run, { exitCode: 0, stdout, stderr: "" });
  });
}

/** Patterns that take a backtracking matcher years with the tags below. */
const EVIL = ["/^(a+)+$/", "/^(a|aa)+$/", "/(.*a){30}$/", `${"*a".repeat(30)}b`];

for (const pattern of EVIL) {
  test(`25: the pattern ${pattern} is matched in bounded time`, async () => {
    const tags = Array.from({ length: 50 }, (_, i) => `${"a".repeat(120)}_${i}`);
    const startedAt = Date.now();
    const run = await runAgainst([page(tags)], tagsOf("--match", pattern));
    assertRun(run, { exitCode: 0, stdout: "", stderr: "" });
    assert.ok(Date.now() - startedAt < 5_000);
  });
}

/** Further words that are refused, and what is said. */
const REFUSED: readonly (readonly [readonly string[], string])[] = [
  [["--match", "[a"], 'Cannot use the pattern "[a": a bracket or brace is not closed\n'],
  [["--match", ""], 'Cannot use the pattern "": it is empty\n'],
  [
    ["--exclude", "/(?=a)/"],
    'Cannot use the pattern "/(?=a)/": it is not a regular expression that can be matched in ' +
    "linear time\nhint: Leave out look-arounds and back-references, and check the brackets\n",
  ],
  [
    ["-m", "/(a)\\1/"],
    'Cannot use the pattern "/(a)\\\\1/": it is not a regular expression that can be matched in ' +
    "linear time\nhint: Leave out look-arounds and back-references, and check the brackets\n",
  ],
  [
    ["-m", "a".repeat(1001)],
    `Cannot use the pattern "${"a".repeat(80)}…": it is longer than 1000 characters\n`,
  ],
  [
    ["--semver", "newest"],
    'Not a version range: "newest"\n' +
    "hint: Write it as in '^1.4', '>=1.2 <2' or '1.x'\n",
  ],
];

for (const [words, message] of REFUSED) {
  test(`25: tags ${words.join(" ").slice(0, 40)} is refused before any request`, async () => {
    const run = await runAgainst([], tagsOf(...words));
    assertRun(run, { exitCode: 2, stdout: "", stderr: `error: ${message}` });
  });
}

test("by default no page size is sent, with --page-size it is n", async () => {
  const plain = await runAgainst([page(["a"])], tagsOf("--limit", "5"));
  assert.deepEqual(plain.requests, [`GET ${TAGS_PATH}`]);
  const path = `${TAGS_PATH}?n=1000`;
  const sized = await runAgainst([page(["a"], { path })], tagsOf("--page-size", "1000"));
  assert.deepEqual(sized.requests, [`GET ${path}`]);
});

/** The words that let the first tags be known before the last page. */
const EARLY: readonly (readonly [readonly string[], string])[] = [
  [["--sort", "none", "--limit", "3"], "c\nb\na\n"],
  [
    ["--sort", "none", "--limit", "3", "-o", "ndjson"],
    ["c", "b", "a"].map((tag) => `{"name":"app","tag":"${tag}"}\n`).join(""),
  ],
  [
    ["--sort", "none", "--limit", "2", "-o", "json", "-x", "b"],
    '{\n    "name": "app",\n    "tags": [\n        "c",\n        "a"\n    ]\n}\n',
  ],
];

for (const [words, stdout] of EARLY) {
  test(`no page is asked for in vain with ${words.join(" ")}`, async () => {
    const run = await runAgainst([
      page(["c", "b"], { link: "<?last=b>; rel=next" }),
      page(["a", "d"], { path: `${TAGS_PATH}?last=b`, link: "<?last=d>; rel=next" }),
    ], tagsOf(...words));
    assertRun(run, { exitCode: 0, stdout, stderr: "" });
    assert.equal(run.requests.length, 2);
  });
}

test("with an order, --limit reads all pages", async () => {
  const run = await runAgainst([
    page(["c", "b"], { link: "<?last=b>; rel=next" }),
    page(["a"], { path: `${TAGS_PATH}?last=b` }),
  ], tagsOf("--limit", "1"));
  assertRun(run, { exitCode: 0, stdout: "a\n", stderr: "" });
});

test("25: a pattern that would be slow on every name is refused", async () => {
  for (const pattern of ["/(a?){900}[bc]$/", "/((x{30}){30}){3}/"]) {
    const run = await runAgainst([], tagsOf("--match", pattern));
    assert.equal(run.exitCode, 2);
    assert.match(
      run.stderr,
      /^error: Cannot use the pattern .*: it is (too complex|not a regular)/,
    );
  }
});

test("25: --timeout is heard while slow patterns are matched", async () => {
  const names = Array.from({ length: 20_000 }, (_, i) => `${"a".repeat(100)}${i}`);
  const slow = Array.from({ length: 5 }, (_, i) => ["-x", `/(a?){300}[bc${i}]$/`]).flat();
  const run = await runAgainst([page(names)], tagsOf("--timeout", "300ms", ...slow));
  assert.equal(run.exitCode, 5);
  assert.match(run.stderr, /^error: Gave up after 0.3 s/);
});

test("an empty --semver is refused: it is a variable that was not set", async () => {
  const run = await runAgainst([], tagsOf("--semver", ""));
  assert.equal(run.exitCode, 2);
});
