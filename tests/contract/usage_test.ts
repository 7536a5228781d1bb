import assert from "node:assert/strict";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import { assertRun, runAgainst } from "./run_against.ts";

/** Words that are refused, and the start of what is said. */
const USAGE: readonly (readonly [readonly string[], string])[] = [
  [["tags"], "Missing required argument 'repo'"],
  [["tags", "HOST/app", "more"], "Too many arguments for 'tags'. Expected 1 argument but got 2"],
  [["tags", "HOST/app", "--sort", "date"], "Option '--sort <order>' argument 'date' is invalid."],
  [
    ["tags", "HOST/app", "-o", "yaml"],
    "Option '-o, --output <format>' argument 'yaml' is invalid.",
  ],
  [["tags", "HOST/app", "--limit", "0"], "Option '--limit <count>' argument '0' is invalid."],
  [["tags", "HOST/app", "--limit", "ten"], "Option '--limit <count>' argument 'ten' is invalid."],
  [["tags", "HOST/app", "--limit"], "Option '--limit <count>' argument missing"],
  [["tags", "HOST/app", "--page-size", "-1"], "Option '--page-size <count>' argument '-1' is"],
  [["tags", "HOST/app", "--timeout", "soon"], "Option '--timeout <duration>' argument 'soon' is"],
  [
    ["tags", "HOST/app", "--retries", "1.5"],
    "Option '--retries <count>' argument '1.5' is invalid.",
  ],
  [
    ["prune", "HOST/app", "--keep-within", "30"],
    "Option '--keep-within <duration>' argument '30' is invalid. Write it with its unit: 30d, 12h, 90m",
  ],
  [["tags", "HOST/app", "-u", "ann"], "A user name needs a password"],
  [["tags", "HOST/app", "--cert-file", "x"], "A client certificate needs both --cert-file and"],
  [["version", "more"], "Too many arguments for 'version'. Expected 0 arguments but got 1"],
  [["completions", "tcsh"], "Command-argument value 'tcsh' is invalid for argument 'shell'."],
  [["completions"], "Missing required argument 'shell'"],
  [["--frob"], "Unknown option '--frob'"],
  [["frobnicate"], "Unknown command 'frobnicate'"],
];

for (const [words, message] of USAGE) {
  test(`67: regctl ${words.join(" ")} is refused with 2 and no request`, async () => {
    const run = await runAgainst([], words);
    assert.equal(run.exitCode, 2);
    assert.equal(run.stdout, "");
    assert.ok(run.stderr.startsWith(`error: ${message}`), run.stderr);
    assert.match(run.stderr, /^error: .*\n(hint: .*\n)?$/);
  });
}

/** Words that are mistyped, and the ones that are near. */
const MISTYPED: readonly (readonly [readonly string[], string, string])[] = [
  [["tgas", "x"], "Unknown command 'tgas'", "tags"],
  [["catlog"], "Unknown command 'catlog'", "catalog"],
  [["verison"], "Unknown command 'verison'", "version"],
  [["tags", "x", "--sorrt", "name"], "Unknown option '--sorrt'", "--sort"],
  [["tags", "x", "--verbos"], "Unknown option '--verbos'", "--verbose"],
  [["--verison"], "Unknown option '--verison'", "--version"],
];

for (const [words, message, near] of MISTYPED) {
  test(`regctl ${words.join(" ")} suggests ${near}`, async () => {
    const run = await runCaptured(words);
    const stderr = `error: ${message}\nhint: Did you mean ${near}?\n`;
    assertRun(run, { exitCode: 2, stdout: "", stderr });
  });
}

test("65: with JSON asked for, a usage error is one JSON object on standard error", async () => {
  const forms = [["-o", "json"], ["-ojson"], ["--output=json"], ["--output", "ndjson"]];
  for (const form of forms) {
    const run = await runCaptured(["tags", ...form, "HOST/App"]);
    assert.equal(run.exitCode, 2);
    assert.equal(run.stdout, "");
    assert.match(run.stderr, /^\{.*\}\n$/);
    assert.equal(JSON.parse(run.stderr).error.code, "USAGE");
    assert.equal(JSON.parse(run.stderr).error.exitCode, 2);
  }
});
