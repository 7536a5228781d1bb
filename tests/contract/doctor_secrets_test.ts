import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import { startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import { OPEN, problemsOf, repositorySteps, runDoctor } from "./doctor_script.ts";
import { basic, challenge, dockerAuth, get } from "./script.ts";

// Each secret holds this word, in each of the forms in which it may travel.
const CANARY = "canary";
const PASSWORD = 'canary: pä"ss/wörd+';
const LEVELS = [[], ["-vv"], ["-vv", "--debug"], ["-o", "json"], ["-vv", "-o", "json"]] as const;
const ECHO = [
  PASSWORD,
  encodeURIComponent(PASSWORD),
  basic("ann", PASSWORD),
  Buffer.from(`ann:${PASSWORD}`).toString("base64"),
].join(" ");
/** The same where only ASCII may stand. */
const HEADER_ECHO = `${encodeURIComponent(PASSWORD)} ${basic("ann", PASSWORD)}`;

/** A registry that sends back all it knows, wherever it can. */
function echoing(status: number): Step[] {
  const isKnown: Step["when"] = ({ headers }) => headers["authorization"] !== undefined;
  const asks = challenge(
    `Bearer realm="/token?key=canary",service="${HEADER_ECHO}",scope="repository:app:pull"`,
  );
  const token = [
    "e30",
    Buffer.from(JSON.stringify({
      access: [{ type: "repository", name: ECHO, actions: ["pull"] }],
    })).toString("base64url"),
    "canary-token",
  ].join(".");
  const headers = { "x-ratelimit-limit": `${HEADER_ECHO} ${token}`, "set-cookie": "canary=canary" };
  const reply = {
    status,
    headers,
    body: { errors: [{ code: ECHO, message: `${ECHO} ${token}` }], tags: [ECHO] },
  };
  const any = { path: /^\/v2\/app\//, times: Infinity };
  return [
    get("/v2/", asks),
    get(/^\/token/, { status: 200, body: { token, scope: ECHO } }, { times: Infinity }),
    ...["GET", "DELETE", "HEAD"].flatMap((method) => [
      { ...any, method, when: isKnown, reply },
      { ...any, method, reply: asks },
    ]),
  ];
}

test("64: no secret is shown, whatever a registry sends back and however it ends", async () => {
  for (const status of [200, 400, 401, 403, 404, 405]) {
    for (const level of LEVELS) {
      await using registry = await startScriptedRegistry(echoing(status));
      const words = ["doctor", `${registry.host}/app`, "-u", "ann", "--password-stdin", ...level];
      const run = await runCaptured(words, { stdin: PASSWORD });
      const what = `${status} ${level.join(" ")}\n${run.stdout}\n${run.stderr}`;
      assert.doesNotMatch(run.stdout + run.stderr, new RegExp(CANARY, "i"), what);
      assert.ok(!(run.stdout + run.stderr).includes(btoa("ann:canary").slice(0, 12)), what);
      assert.match(run.stdout, level.includes("json" as never) ? /"service": ".*\*\*\*/ : /\*\*\*/);
      if (level.includes("json" as never)) assert.ok(JSON.parse(run.stdout).problems, what);
    }
  }
});

test("64: a password that is a word of the report leaves the report, and itself, as they were", async () => {
  for (const password of ["null", "enabled", "password", "state", "problems"]) {
    const auth = Buffer.from(`ann:${password}`).toString("base64");
    await using registry = await startScriptedRegistry(repositorySteps());
    const env = dockerAuth({ [registry.host]: { auth } });
    const run = await runCaptured(["doctor", `${registry.host}/app`, "-o", "json"], { env });
    const report = JSON.parse(run.stdout);
    assert.equal(report.deletion.state, "enabled");
    assert.deepEqual(report.credential, {
      state: "found",
      kind: "password",
      username: "ann",
      source: "DOCKER_AUTH_CONFIG",
    });
    assert.deepEqual([report.catalog, report.problems, run.exitCode], [null, [], 0]);
  }
});

const HOSTILE = "\x9b2J\x9d0;title\x9c";

test("63: what a registry sends is shown escaped", async () => {
  const headers = { "docker-distribution-api-version": `registry/2.0${HOSTILE}` };
  const asks = {
    status: 401,
    headers: {
      ...headers,
      "www-authenticate": `Bearer realm="/t${HOSTILE}",service="s${HOSTILE}"`,
      "x-ratelimit-limit": HOSTILE,
    },
  };
  const message = "\x1b[2J\u202e\r\nproblem: mine";
  const refused = { status: 404, body: { errors: [{ code: "NAME_UNKNOWN", message }] } };
  for (const format of ["text", "json"]) {
    const run = await runDoctor(
      [get("/v2/", asks), get("/v2/app/tags/list?n=2", refused)],
      ["HOST/app", "-o", format],
    );
    assert.equal(run.exitCode, 3);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(run.stdout + run.stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    if (format === "json") assert.equal(JSON.parse(run.stdout).problems.length, 1);
    else assert.equal(problemsOf(run).length, 1);
    assert.match(run.stdout, format === "json" ? /\\u009b2J/ : /^service: +s.?\\x9b2J/m);
    assert.match(
      run.stdout,
      format === "json" ? /\\u202e/ : /\\x1b\[2J\\u\{202e\}\\x0d\\x0aproblem/,
    );
  }
});

test("a registry that sends without end is cut short, and the report comes", async () => {
  const long = "x".repeat(9 * 1024 * 1024);
  const run = await runDoctor([
    get("/v2/", OPEN),
    get("/v2/app/tags/list?n=2", { status: 200, body: { tags: [long] } }),
    ...repositorySteps({ referrers: { status: 200, body: long } }).slice(3, 5),
  ], ["HOST/app"]);
  assert.equal(run.exitCode, 7);
  assert.match(run.stdout, /^access: +failed \(INVALID_RESPONSE\)$/m);
  assert.match(run.stdout, /^deletion: +enabled \(404\)$/m);
  assert.match(run.stdout, /^referrers: +failed \(INVALID_RESPONSE\)$/m);
  assert.equal(problemsOf(run).length, 2);
});
