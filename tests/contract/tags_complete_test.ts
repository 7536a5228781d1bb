import assert from "node:assert/strict";
import { test } from "node:test";
import type { Step } from "../support/scripted_registry.ts";
import { answer, assertRun, page, runAgainst, TAGS_PATH, tagsOf } from "./run_against.ts";

const NEXT = `${TAGS_PATH}?n=2&last=b`;

/** Bodies of a repository that has no tags. */
const EMPTY: readonly (readonly [string, object])[] = [
  ["null", { name: "app", tags: null }],
  ["an empty list", { name: "app", tags: [] }],
  ["missing", { name: "app" }],
];

for (const [what, body] of EMPTY) {
  test(`21: tags that are ${what} are an empty listing, which is no error`, async () => {
    const run = (output: string) =>
      runAgainst([answer({ status: 200, body })], tagsOf("-o", output));
    assertRun(await run("text"), { exitCode: 0, stdout: "", stderr: "" });
    assertRun(await run("ndjson"), { exitCode: 0, stdout: "", stderr: "" });
    assertRun(await run("table"), { exitCode: 0, stdout: "TAG  REFERENCE\n", stderr: "" });
    const document = '{\n    "name": "app",\n    "tags": []\n}\n';
    assertRun(await run("json"), { exitCode: 0, stdout: document, stderr: "" });
  });
}

test("21: a repository that is not there is an error of its own", async () => {
  const body = {
    errors: [{ code: "NAME_UNKNOWN", message: "not known", detail: { name: "app" } }],
  };
  const run = await runAgainst([answer({ status: 404, body })], tagsOf());
  assertRun(run, {
    exitCode: 3,
    stdout: "",
    stderr:
      'error: Cannot list the tags of "HOST/app": HOST answered 404 NAME_UNKNOWN: not known\n' +
      "hint: Check the spelling; some registries also answer so where credentials are missing\n",
  });
});

test("22: a page with fewer tags than asked for has a successor where a Link says so", async () => {
  const run = await runAgainst([
    page(["a"], { path: `${TAGS_PATH}?n=3`, link: `<?n=3&last=a>; rel="next"` }),
    page([], { path: `${TAGS_PATH}?n=3&last=a`, link: `<?n=3&last=b>; rel="next"` }),
    page(["c", "d"], { path: `${TAGS_PATH}?n=3&last=b` }),
  ], tagsOf("--page-size", "3"));
  assertRun(run, { exitCode: 0, stdout: "a\nc\nd\n", stderr: "" });
});

test("22: a full page without a Link is the last one", async () => {
  const run = await runAgainst(
    [page(["a", "b"], { path: `${TAGS_PATH}?n=2` })],
    tagsOf("--page-size", "2"),
  );
  assertRun(run, { exitCode: 0, stdout: "a\nb\n", stderr: "" });
});

const FIRST = page(["a"], { link: `<${NEXT}>; rel="next"` });

/** How the second page fails for good, and what becomes of it. */
const FAILURES: readonly (readonly [string, Step, number, string])[] = [
  [
    "503",
    { ...answer({ status: 503 }, { path: NEXT }), times: 5 },
    5,
    'error: Cannot list the tags of "HOST/app", page 2: HOST answered 503 (5 tries)\n',
  ],
  [
    "a connection that is lost half-way",
    {
      method: "GET",
      path: NEXT,
      reply: page(["b"]).reply ?? { status: 200 },
      fault: "short-body",
      times: 5,
    },
    5,
    "error: Cannot reach HOST: the connection was closed half-way\n",
  ],
  [
    "403",
    answer({ status: 403, body: { errors: [{ code: "DENIED" }] } }, { path: NEXT }),
    4,
    'error: Cannot list the tags of "HOST/app", page 2: HOST answered 403 DENIED\n' +
    "hint: It does not exist, or needs credentials: give -u USER --password-stdin, " +
    "or log in with regctl login\n",
  ],
  [
    "JSON that is cut off",
    answer({ status: 200, body: '{"tags":["b"' }, { path: NEXT }),
    7,
    'error: Cannot list the tags of "HOST/app": what HOST sent is not a registry\'s answer ' +
    "(content type none, 12 bytes)\nhint: Look whether a proxy or a login page answers in its place\n",
  ],
];

for (const [what, step, exitCode, stderr] of FAILURES) {
  test(`23: page 2 that fails with ${what} leaves nothing that looks complete`, async () => {
    for (const output of ["text", "table"]) {
      const run = await runAgainst([FIRST, step], tagsOf("-o", output));
      assertRun(run, { exitCode, stdout: "", stderr });
    }
    for (const more of [["-o", "json"], ["-o", "ndjson"], ["-o", "json", "--sort", "none"]]) {
      const run = await runAgainst([FIRST, step], tagsOf(...more));
      assert.equal(run.exitCode, exitCode);
      assert.equal(run.stdout, "");
      assert.equal(JSON.parse(run.stderr).error.exitCode, exitCode);
    }
    const streamed = await runAgainst([FIRST, step], tagsOf("--sort", "none"));
    assertRun(streamed, { exitCode, stdout: "a\n", stderr });
  });
}

test("23: page 2 that fails for a moment is asked for again, and page 1 is not", async () => {
  const run = await runAgainst([
    FIRST,
    answer({ status: 502 }, { path: NEXT }),
    { method: "GET", path: NEXT, reply: page(["x"]).reply ?? { status: 200 }, fault: "short-body" },
    page(["b"], { path: NEXT }),
  ], tagsOf());
  assertRun(run, { exitCode: 0, stdout: "a\nb\n", stderr: "" });
  assert.deepEqual(run.waits, [187.5, 375]);
});
