import assert from "node:assert/strict";
import { test } from "node:test";
import { assertGolden } from "../support/golden.ts";
import { answer, assertRun, page, runAgainst, TAGS_PATH, tagsOf } from "./run_against.ts";

test("text is one tag a line", async () => {
  const run = await runAgainst([page(["b", "a"])], tagsOf());
  assertRun(run, { exitCode: 0, stdout: "a\nb\n", stderr: "" });
});

test("JSON is one document of name and tags, indented by four", async () => {
  const run = await runAgainst([page(["b", "a"])], tagsOf("-o", "json"));
  const stdout = `{
    "name": "app",
    "tags": [
        "a",
        "b"
    ]
}
`;
  assertRun(run, { exitCode: 0, stdout, stderr: "" });
  const alias = await runAgainst([page(["b", "a"])], ["ls", "-ojson", "HOST/app"]);
  assertRun(alias, { exitCode: 0, stdout, stderr: "" });
});

test("the name in JSON is that of the repository, not the registry's word for it", async () => {
  const body = { name: "other", tags: ["a"], extra: 1 };
  const path = "/v2/team/app/tags/list";
  const run = await runAgainst(
    [answer({ status: 200, body }, { path })],
    ["tags", "http://HOST/team/app", "-o", "json"],
  );
  assert.deepEqual(JSON.parse(run.stdout), { name: "team/app", tags: ["a"] });
});

test("NDJSON is one object a line", async () => {
  const run = await runAgainst([page(["b", "a"])], tagsOf("-o", "ndjson"));
  const stdout = '{"name":"app","tag":"a"}\n{"name":"app","tag":"b"}\n';
  assertRun(run, { exitCode: 0, stdout, stderr: "" });
});

test("a table has a line of titles and columns as wide as they must be", async () => {
  const tags = ["1.0", "latest", "2024.01.02-slim-bookworm", "\x1b[31m", "名前"];
  const run = await runAgainst([page(tags)], tagsOf("-o", "table", "--sort", "version"));
  assert.equal(run.exitCode, 0);
  await assertGolden("tags_table.txt", run.stdout);
});

/** A tag from a hostile registry, and how text, JSON show it. */
const HOSTILE: readonly (readonly [string, string, string, string])[] = [
  ["ESC", "a\x1b[31m", "a\\x1b[31m", '"a\\u001b[31m"'],
  ["OSC", "a\x1b]8;;http://x\x07", "a\\x1b]8;;http://x\\x07", '"a\\u001b]8;;http://x\\u0007"'],
  ["C1", "a\x9b2J", "a\\x9b2J", '"a\\u009b2J"'],
  ["CR", "a\rb", "a\\x0db", '"a\\rb"'],
  ["LF", "a\nb", "a\\x0ab", '"a\\nb"'],
  ["NUL", "a\0", "a\\x00", '"a\\u0000"'],
  ["DEL", "a\x7f", "a\\x7f", '"a\\u007f"'],
  ["bidi", "a\u202egnp", "a\\u{202e}gnp", '"a\\u202egnp"'],
  ["an isolate", "a\u2066b", "a\\u{2066}b", '"a\\u2066b"'],
  ["a zero-width space", "a\u200bb", "a\\u{200b}b", '"a\\u200bb"'],
  ["a line separator", "a\u2028b", "a\\u{2028}b", '"a\\u2028b"'],
  ["a lone surrogate", "a\ud800", "a\\u{d800}", '"a\\ud800"'],
  ["a tag character", "a\u{e0041}", "a\\u{e0041}", '"a\\udb40\\udc41"'],
];
const INVALID = "warning: 1 of the tags is not valid as a name\n";

for (const [what, tag, text, json] of HOSTILE) {
  test(`63: ${what} in a tag is shown escaped, and JSON means what it meant`, async () => {
    const run = (output: string) => runAgainst([page([tag])], tagsOf("-o", output));
    assertRun(await run("text"), { exitCode: 0, stdout: `${text}\n`, stderr: INVALID });
    const table = await run("table");
    assert.equal(table.stdout.split("\n")[1], `${text}  HOST/app:${text}`);
    assert.equal(table.stderr, INVALID);
    const ndjson = await run("ndjson");
    const line = `{"name":"app","tag":${json}}\n`;
    const remark = `${JSON.stringify({ warning: INVALID.slice("warning: ".length, -1) })}\n`;
    assertRun(ndjson, { exitCode: 0, stdout: line, stderr: remark });
    const document = await run("json");
    assert.ok(document.stdout.includes(json));
    assert.deepEqual(JSON.parse(document.stdout), { name: "app", tags: [tag] });
  });
}

test("63: control characters and bidi marks in an error are escaped", async () => {
  const errors = [{ code: "NAME\x1b[31m", message: "x\x9b\u202e\r\ny\x1b]0;t\x07" }];
  const script = () => [answer({ status: 404, body: { errors } })];
  const hint = "Check the spelling; some registries also answer so where credentials are missing";
  assertRun(await runAgainst(script(), tagsOf()), {
    exitCode: 3,
    stdout: "",
    stderr: 'error: Cannot list the tags of "HOST/app": HOST answered 404 NAME\\x1b[31m: ' +
      `x\\x9b\\u{202e}\\x0d\\x0ay\\x1b]0;t\\x07\nhint: ${hint}\n`,
  });
  assertRun(await runAgainst(script(), tagsOf("-o", "json")), {
    exitCode: 3,
    stdout: "",
    stderr: '{"error":{"code":"NOT_FOUND","message":"Cannot list the tags of \\"HOST/app\\": ' +
      'HOST answered 404 NAME\\u001b[31m: x\\u009b\\u202e\\r\\ny\\u001b]0;t\\u0007",' +
      `"hint":"${hint}","exitCode":3}}\n`,
  });
});

test("63: control characters in headers are escaped, in an error and in the log", async () => {
  // What a header's bytes become differs between runtimes only for what no runtime lets pass.
  const headers = { "content-type": "text/html; a=\x9b31m", warning: '299 - "old \x9b2J"' };
  const run = await runAgainst(
    [answer({ status: 200, headers, body: "<p>" })],
    tagsOf("-vv"),
  );
  assert.equal(run.exitCode, 7);
  assert.equal(run.stdout, "");
  assert.match(run.stderr, /^< warning: 299 - "old .?\\x9b2J"$/m);
  assert.match(run.stderr, /\(content type text\/html; a=.?\\x9b31m, 3 bytes\)$/m);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(run.stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
});

test("63: control characters in a Link that is refused are escaped", async () => {
  const run = await runAgainst([page(["a"], { link: "<http://[\x9b2J>; rel=next" })], tagsOf());
  assert.equal(run.exitCode, 8);
  assert.match(run.stderr, /elsewhere, at http:\/\/\[.?\\x9b2J$/m);
});

test("entries that are no text are left out and counted, over all pages", async () => {
  const run = await runAgainst([
    page(["b", null, 1, true], { link: "<?last=b>; rel=next" }),
    page([{ tag: "x" }, ["y"], "a"], { path: `${TAGS_PATH}?last=b` }),
  ], tagsOf());
  const stderr = "warning: left out 5 of the tags: not text\n";
  assertRun(run, { exitCode: 0, stdout: "a\nb\n", stderr });
});

test("tags that are not valid names are printed and counted", async () => {
  const tags = ["", ".a", "-b", "c d", "e".repeat(129), "ok", "e".repeat(128)];
  const run = await runAgainst([page(tags)], tagsOf("--sort", "none"));
  const stderr = "warning: 5 of the tags are not valid as a name\n";
  assertRun(run, { exitCode: 0, stdout: `${tags.join("\n")}\n`, stderr });
});

test("--quiet leaves out warnings, in front of the command and behind it", async () => {
  for (const words of [["-q", ...tagsOf()], tagsOf("--quiet")]) {
    const run = await runAgainst([page(["a", null, "."])], words);
    assertRun(run, { exitCode: 0, stdout: ".\na\n", stderr: "" });
  }
});
