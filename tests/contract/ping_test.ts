import assert from "node:assert/strict";
import { test } from "node:test";
import { ANY_REQUEST, startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import type { Reply } from "../support/scripted_reply.ts";
import { assertRun, runAgainst } from "./run_against.ts";

function pong(reply: Reply): Step {
  return { method: "GET", path: "/v2/", reply };
}

const OPEN = pong({
  status: 200,
  headers: { "docker-distribution-api-version": "registry/2.0" },
  body: {},
});

test("a registry that is open to all", async () => {
  const run = await runAgainst([OPEN], ["ping", "HOST"]);
  const stdout = `url:     http://HOST/v2/
status:  200 open to all
auth:    none
version: registry/2.0
time:    N ms
`;
  assertRun(run, { exitCode: 0, stdout, stderr: "" });
  assert.deepEqual(run.requests, ["GET /v2/"]);
});

test("a registry that is open to all, as JSON", async () => {
  const run = await runAgainst([pong({ status: 200, body: {} })], ["ping", "HOST", "-o", "json"]);
  assert.equal(run.exitCode, 0);
  assert.equal(run.stderr, "");
  assert.match(run.stdout, /^ {4}"ms": \d+$/m);
  const { ms: _, ...rest } = JSON.parse(run.stdout);
  assert.deepEqual(rest, { url: "http://HOST/v2/", status: 200, schemes: [] });
});

test("a Bearer challenge is shown, and no token is asked for", async () => {
  await using tokens = await startScriptedRegistry(ANY_REQUEST);
  const challenge = `Bearer realm="${tokens.url}/token",service="x"`;
  const script = [pong({ status: 401, headers: { "www-authenticate": challenge } })];
  const run = await runAgainst(script, ["ping", "http://HOST"]);
  const stdout = `url:     http://HOST/v2/
status:  401 authentication required
auth:    bearer
realm:   ${tokens.url}/token
version: unknown
time:    N ms
`;
  assertRun(run, { exitCode: 0, stdout, stderr: "" });
  assert.deepEqual(tokens.requests, []);
});

test("63: what a challenge names is shown escaped", async () => {
  const challenge = 'Basic realm="x", Bearer realm="https://t.test/\x9b2J"';
  const script = [pong({ status: 401, headers: { "www-authenticate": challenge } })];
  const run = await runAgainst(script, ["ping", "HOST"]);
  assert.equal(run.exitCode, 0);
  assert.match(run.stdout, /^auth: {4}basic, bearer$/m);
  assert.match(run.stdout, /^realm: {3}https:\/\/t\.test\/.?\\x9b2J$/m);
});

test("a Basic challenge is shown", async () => {
  const headers = { "www-authenticate": 'Basic realm="x"' };
  const run = await runAgainst([pong({ status: 401, headers })], ["ping", "HOST"]);
  const stdout = `url:     http://HOST/v2/
status:  401 authentication required
auth:    basic
version: unknown
time:    N ms
`;
  assertRun(run, { exitCode: 0, stdout, stderr: "" });
});

/** Answers of what is no registry. */
const STRANGERS: readonly (readonly [string, Reply])[] = [
  ["404", { status: 404 }],
  ["401", { status: 401 }],
  ["200", { status: 200, headers: { "content-type": "text/html; charset=utf-8" }, body: "<p>" }],
];

for (const [status, reply] of STRANGERS) {
  test(`67: ${status} of what is no registry`, async () => {
    const run = await runAgainst([pong(reply)], ["ping", "HOST"]);
    assertRun(run, {
      exitCode: 6,
      stdout: "",
      stderr: `error: http://HOST answered ${status}: it does not speak version 2 of the ` +
        "registry API\nhint: Check the host and the port\n",
    });
  });
}

test("67: 500 for good tells nothing of what is there", async () => {
  const run = await runAgainst([{ ...pong({ status: 500 }), times: 5 }], ["ping", "HOST"]);
  const stderr = 'error: Cannot ping "HOST": HOST answered 500 (5 tries)\n';
  assertRun(run, { exitCode: 5, stdout: "", stderr });
});

test("67: 503 for a moment is passed over", async () => {
  const run = await runAgainst([pong({ status: 503 }), OPEN], ["ping", "HOST", "-o", "json"]);
  assert.equal(run.exitCode, 0);
  assert.deepEqual(run.waits, [187.5]);
});

/** Words that are refused, and why. */
const REFUSED: readonly (readonly [string, string])[] = [
  ["foo", '"foo": a registry needs a dot or a port in its name\nhint: Add its domain or its port'],
  ["docker.io/x", '"docker.io/x": a registry must not have a path'],
  ["a.test:0", '"a.test:0": a port must be a number from 1 to 65535 without leading zeros'],
  [
    "ftp://a.test",
    '"ftp://a.test": the scheme must be "http" or "https"\nhint: Leave out the scheme',
  ],
];

for (const [word, reason] of REFUSED) {
  test(`2: ping ${word} is refused before any request`, async () => {
    const run = await runAgainst([], ["ping", word]);
    assertRun(run, { exitCode: 2, stdout: "", stderr: `error: Invalid registry ${reason}\n` });
  });
}

test("what answers like a web server, or refuses, is not taken for a registry", async () => {
  const header = { "docker-distribution-api-version": "registry/2.0" };
  for (
    const [reply, exitCode] of [
      [{ status: 404, headers: header }, 6],
      [{ status: 403, headers: header }, 4],
      [{ status: 200, headers: { "content-type": "text/plain" }, body: "hello" }, 6],
      [{ status: 200, headers: header, body: "" }, 0],
      [{ status: 200, body: {} }, 0],
    ] as const
  ) {
    const run = await runAgainst([{ method: "GET", path: "/v2/", reply }], ["ping", "HOST"]);
    assert.equal(run.exitCode, exitCode, JSON.stringify(reply));
  }
});
