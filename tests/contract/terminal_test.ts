import assert from "node:assert/strict";
import { test } from "node:test";
import type { Step } from "../support/scripted_registry.ts";
import { answer, assertRun, page, runAgainst, TAGS_PATH, tagsOf } from "./run_against.ts";

const CLEAR = "\r\x1b[K";
const TWO_PAGES: readonly Step[] = [
  page(["a"], { link: "<?last=a>; rel=next" }),
  page(["b"], { path: `${TAGS_PATH}?last=a`, link: "<?last=b>; rel=next" }),
];
const LAST = page(["c"], { path: `${TAGS_PATH}?last=b` });
const NOT_FOUND = [answer({ status: 404 })];
const HINT = "Check the spelling; some registries also answer so where credentials are missing\n";
const MESSAGE = 'Cannot list the tags of "HOST/app": HOST answered 404\n';

test("65: on a terminal progress is shown, and cleared before the result", async () => {
  const run = await runAgainst([...TWO_PAGES, LAST], tagsOf(), { isTerminal: true });
  const stderr = `${CLEAR}2 tags on 2 pages${CLEAR}3 tags on 3 pages${CLEAR}`;
  assertRun(run, { exitCode: 0, stdout: "a\nb\nc\n", stderr });
});

test("65: progress is cleared before an error too", async () => {
  const script = [...TWO_PAGES, answer({ status: 404 }, { path: `${TAGS_PATH}?last=b` })];
  const run = await runAgainst(script, tagsOf(), { isTerminal: true, env: { NO_COLOR: "1" } });
  const stderr = `${CLEAR}2 tags on 2 pages${CLEAR}error: Cannot list the tags of "HOST/app" ` +
    "completely: page 3 is not there (404)\n" +
    "hint: Tell who runs the registry; --sort none prints the names as they arrive\n";
  assertRun(run, { exitCode: 8, stdout: "", stderr });
});

test("65: progress never is wider than the terminal", async () => {
  const run = await runAgainst([...TWO_PAGES, LAST], tagsOf(), { isTerminal: true, columns: 7 });
  assert.equal(run.stderr, `${CLEAR}2 tags${CLEAR}3 tags${CLEAR}`);
});

test("65: off a terminal and with --quiet no progress is shown, nor for a single page", async () => {
  const off = await runAgainst([...TWO_PAGES, LAST], tagsOf());
  assertRun(off, { exitCode: 0, stdout: "a\nb\nc\n", stderr: "" });
  const quiet = await runAgainst([...TWO_PAGES, LAST], tagsOf("-q"), { isTerminal: true });
  assertRun(quiet, { exitCode: 0, stdout: "a\nb\nc\n", stderr: "" });
  const single = await runAgainst([page(["a"])], tagsOf(), { isTerminal: true });
  assertRun(single, { exitCode: 0, stdout: "a\n", stderr: "" });
});

test("65: colours on a terminal", async () => {
  const run = await runAgainst(NOT_FOUND, tagsOf(), { isTerminal: true });
  const stderr = `\x1b[1;31merror:\x1b[0m ${MESSAGE}\x1b[1;36mhint:\x1b[0m ${HINT}`;
  assertRun(run, { exitCode: 3, stdout: "", stderr });
});

test("65: no colours off a terminal, with NO_COLOR, and where TERM is dumb", async () => {
  const stderr = `error: ${MESSAGE}hint: ${HINT}`;
  const plain = [
    { isTerminal: false },
    { isTerminal: false, env: { FORCE_COLOR: "1", CLICOLOR_FORCE: "1" } },
    { isTerminal: true, env: { NO_COLOR: "1" } },
    { isTerminal: true, env: { TERM: "dumb" } },
  ];
  for (const options of plain) {
    assertRun(await runAgainst(NOT_FOUND, tagsOf(), options), { exitCode: 3, stdout: "", stderr });
  }
});

test("65: results never hold colours, not even a table on a terminal", async () => {
  for (const output of ["text", "table", "json", "ndjson"]) {
    const run = await runAgainst([page(["a"])], tagsOf("-o", output), { isTerminal: true });
    assert.ok(!run.stdout.includes("\x1b"));
    assert.equal(run.stderr, "");
  }
});

test("65: -v logs each request, in front of the command and behind it", async () => {
  const stderr = `GET http://HOST${TAGS_PATH} 200 N ms\n`;
  for (const words of [["-v", ...tagsOf()], tagsOf("-v"), ["--verbose", ...tagsOf()]]) {
    const run = await runAgainst([page(["a"])], words);
    assertRun(run, { exitCode: 0, stdout: "a\n", stderr });
  }
});

test("65: -v given twice logs headers too", async () => {
  for (const words of [["-vv", ...tagsOf()], ["-v", ...tagsOf("-v")], tagsOf("-v", "-v")]) {
    const run = await runAgainst([page(["a"])], words);
    assert.equal(run.stdout, "a\n");
    assert.match(run.stderr, /^> accept: application\/json$/m);
    assert.match(run.stderr, /^> user-agent: regctl\/\d/m);
    assert.match(run.stderr, /^GET http:\/\/HOST\/v2\/app\/tags\/list 200 N ms$/m);
    assert.match(run.stderr, /^< content-type: application\/json$/m);
  }
});

test("65: -v logs each try of a request", async () => {
  const run = await runAgainst([answer({ status: 503 }), page(["a"])], tagsOf("-v"));
  const line = (status: number) => `GET http://HOST${TAGS_PATH} ${status} N ms\n`;
  assertRun(run, { exitCode: 0, stdout: "a\n", stderr: line(503) + line(200) });
});
