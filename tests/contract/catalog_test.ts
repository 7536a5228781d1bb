import assert from "node:assert/strict";
import { test } from "node:test";
import { answer, assertRun, runAgainst } from "./run_against.ts";

const PATH = "/v2/_catalog";

function repositories(names: readonly unknown[], path = PATH, link?: string) {
  const reply = { status: 200, body: { repositories: names } };
  return answer(reply, link === undefined ? { path } : { path, link });
}

/** How {@linkcode repositories} of two pages are printed. */
const OUTPUTS: readonly (readonly [string, string])[] = [
  ["text", "a/c\nb\n"],
  ["ndjson", '{"repository":"a/c"}\n{"repository":"b"}\n'],
  ["table", "REPOSITORY  REFERENCE\na/c         HOST/a/c\nb           HOST/b\n"],
  ["json", '{\n    "repositories": [\n        "a/c",\n        "b"\n    ]\n}\n'],
];

for (const [output, stdout] of OUTPUTS) {
  test(`18: the repositories of two pages as ${output}`, async () => {
    const run = await runAgainst([
      repositories(["b"], PATH, `<${PATH}?last=b>; rel="next"`),
      repositories(["a/c", "b"], `${PATH}?last=b`),
    ], ["catalog", "HOST", "-o", output]);
    assertRun(run, { exitCode: 0, stdout, stderr: "" });
    assert.deepEqual(run.requests, [`GET ${PATH}`, `GET ${PATH}?last=b`]);
  });
}

test("catalog chooses, orders and limits as tags does", async () => {
  const run = await runAgainst(
    [repositories(["a", "team/b", "team/c", "team/d"], `${PATH}?n=50`)],
    ["catalog", "HOST/", "-m", "team/*", "-x", "/d$/", "-r", "--limit", "1", "--page-size", "50"],
  );
  assertRun(run, { exitCode: 0, stdout: "team/c\n", stderr: "" });
});

test("19: a Link of the catalog to another origin is refused", async () => {
  const link = "<http://127.0.0.2/v2/_catalog>; rel=next";
  const run = await runAgainst([repositories(["a"], PATH, link)], ["catalog", "HOST"]);
  assertRun(run, {
    exitCode: 8,
    stdout: "",
    stderr: 'error: Cannot list the repositories of "HOST" completely: the next page is said ' +
      "to be elsewhere, at http://127.0.0.2\nhint: Tell who runs the registry; --sort none prints the names as they arrive\n",
  });
});

test("21: repositories that are null or missing are an empty listing", async () => {
  for (const body of [{ repositories: null }, {}]) {
    const run = await runAgainst([answer({ status: 200, body }, { path: PATH })], [
      "catalog",
      "HOST",
    ]);
    assertRun(run, { exitCode: 0, stdout: "", stderr: "" });
  }
});

test("63: a hostile repository is escaped, what is no text is left out and counted", async () => {
  const run = await runAgainst([repositories(["a\x1b[2J", 7])], ["catalog", "HOST"]);
  const stderr = "warning: left out 1 of the repositories: not text\n";
  assertRun(run, { exitCode: 0, stdout: "a\\x1b[2J\n", stderr });
});

test("67: a registry that keeps its catalog to itself", async () => {
  const body = { errors: [{ code: "UNAUTHORIZED", message: "authentication required" }] };
  const headers = { "www-authenticate": 'Basic realm="x"' };
  const reply = answer({ status: 401, headers, body }, { path: PATH });
  assertRun(await runAgainst([reply], ["catalog", "HOST"]), {
    exitCode: 4,
    stdout: "",
    stderr: 'error: Cannot list the repositories of "HOST": HOST answered 401 UNAUTHORIZED: ' +
      "authentication required\nhint: It does not exist, or needs credentials: " +
      "give -u USER --password-stdin, or log in with regctl login\n",
  });
});

test("67: a registry without a catalog", async () => {
  const run = await runAgainst([answer({ status: 405 }, { path: PATH })], ["catalog", "HOST"]);
  const stderr = 'error: Cannot list the repositories of "HOST": HOST answered 405\n';
  assertRun(run, { exitCode: 6, stdout: "", stderr });
});

test("2: catalog refuses a repository before any request", async () => {
  const run = await runAgainst([], ["catalog", "docker.io/foo"]);
  const stderr = 'error: Invalid registry "docker.io/foo": a registry must not have a path\n';
  assertRun(run, { exitCode: 2, stdout: "", stderr });
});

test("2: catalog needs a registry", async () => {
  const run = await runAgainst([], ["catalog"]);
  assert.equal(run.exitCode, 2);
  assert.match(run.stderr, /^error: Missing required argument 'registry'\nhint: /);
});
