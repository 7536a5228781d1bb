import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import { listen } from "../support/listen.ts";
import { startScriptedRegistry } from "../support/scripted_registry.ts";
import { bearer, challenge, get, getAs, logOf, page, TAGS, TAGS_PATH } from "./script.ts";

const GOOD = { exitCode: 0, stdout: "1\n", stderr: "" };

test("F7: a status that says not now is tried again", async () => {
  for (const status of [408, 429, 500, 502, 503, 504]) {
    await using registry = await startScriptedRegistry([
      get(TAGS_PATH, { status }, { times: 3 }),
      get(TAGS_PATH, TAGS),
    ]);
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    assert.deepEqual(run, { ...GOOD, waits: [187.5, 375, 750] }, String(status));
    registry.assertDone();
  }
});

test("F7: no other status is tried again", async () => {
  const cases = [[400, 6], [403, 4], [404, 3], [405, 6], [416, 6], [501, 6], [505, 5]] as const;
  for (const [status, exitCode] of cases) {
    await using registry = await startScriptedRegistry([get(TAGS_PATH, { status })]);
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    assert.deepEqual([run.exitCode, run.stdout, run.waits], [exitCode, "", []], String(status));
    registry.assertDone();
  }
});

test("F8: the last status and the number of tries are told; long waits, too", async () => {
  const message = (host: string, tries: number) =>
    `error: Cannot list the tags of "${host}/app": ${host} answered 503${
      tries > 1 ? ` (${tries} tries)` : ""
    }\n`;
  const note = (host: string, seconds: number) =>
    `note: ${host} answered 503, trying again in ${seconds} s\n`;
  const waits = [187.5, 375, 750, 1500, 3000, 6000, 7500, 7500];
  const notes = (host: string) => [3, 6, 8, 8].map((seconds) => note(host, seconds)).join("");
  const cases = [
    [[], 5, waits.slice(0, 4), ""],
    [["--retries", "0"], 1, [], ""],
    [["--retries", "1"], 2, waits.slice(0, 1), ""],
    [["--retries", "8"], 9, waits, "notes"],
    [["--retries", "8", "--quiet"], 9, waits, ""],
  ] as const;
  for (const [flags, tries, waited, noted] of cases) {
    await using registry = await startScriptedRegistry([
      get(TAGS_PATH, { status: 503 }, { times: tries }),
    ]);
    const run = await runCaptured(["tags", `${registry.host}/app`, ...flags]);
    const stderr = (noted && notes(registry.host)) + message(registry.host, tries);
    assert.deepEqual(run, { exitCode: 5, stdout: "", stderr, waits: waited });
    registry.assertDone();
  }
});

test("F6: Retry-After in every form", async () => {
  const note = (seconds: number) => `note: HOST answered 429, trying again in ${seconds} s\n`;
  const cases: (readonly [string, number, string])[] = [
    ["3", 3000, note(3)],
    ["2", 2000, ""],
    ["0", 0, ""],
    ["0.5", 500, ""],
    ["86400", 60_000, note(60)],
    ["soon", 187.5, ""],
    ["-5", 187.5, ""],
    ["", 187.5, ""],
    ["1e3", 187.5, ""],
    ["Sun, 06 Nov 1994 08:49:37 GMT", 0, ""],
    ["Sunday, 06-Nov-94 08:49:37 GMT", 0, ""],
    ["Fri, 31 Dec 2100 23:59:59 GMT", 60_000, note(60)],
    ["4133980799", 60_000, note(60)],
  ];
  for (const [value, wait, stderr] of cases) {
    await using registry = await startScriptedRegistry([
      get(TAGS_PATH, { status: 429, headers: { "retry-after": value } }),
      get(TAGS_PATH, TAGS),
    ]);
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    const expected = { ...GOOD, stderr: stderr.replace("HOST", registry.host), waits: [wait] };
    assert.deepEqual(run, expected, value);
    registry.assertDone();
  }
});

test("F6: Retry-After as a date is counted from now", async () => {
  await using registry = await startScriptedRegistry([
    {
      method: "GET",
      path: TAGS_PATH,
      replyWith: () => ({
        status: 429,
        headers: { "retry-after": new Date(Date.now() + 20_000).toUTCString() },
      }),
    },
    get(TAGS_PATH, TAGS),
  ]);
  const run = await runCaptured(["tags", `${registry.host}/app`]);
  const [wait = 0] = run.waits;
  // A date has no fractions of a second, and a slow machine takes its time.
  assert.ok(wait > 10_000 && wait <= 20_000, String(wait));
  assert.equal(run.exitCode, 0);
});

test("F6: 429 to the end has an exit code of its own", async () => {
  await using registry = await startScriptedRegistry([
    get(TAGS_PATH, { status: 429, headers: { "retry-after": "1" } }, { times: 5 }),
  ]);
  const run = await runCaptured(["tags", `${registry.host}/app`]);
  assert.deepEqual(run, {
    exitCode: 9,
    stdout: "",
    stderr:
      `error: Cannot list the tags of "${registry.host}/app": ${registry.host} answered 429 (5 tries)\n` +
      "hint: Wait, or log in: many registries allow known users more requests\n",
    waits: [1000, 1000, 1000, 1000],
  });
  registry.assertDone();
});

test("F6: a Retry-After beyond --timeout ends the run at once and is told in full", async () => {
  const cases = [["429", "30", 9], ["503", "30", 5], ["429", "86400", 9]] as const;
  for (const [status, seconds, exitCode] of cases) {
    await using registry = await startScriptedRegistry([
      get(TAGS_PATH, { status: Number(status), headers: { "retry-after": seconds } }),
    ]);
    const run = await runCaptured(["tags", `${registry.host}/app`, "--timeout", "5s"]);
    assert.deepEqual(run, {
      exitCode,
      stdout: "",
      stderr: `error: ${registry.host} answered ${status} and asks to wait ${seconds} s, ` +
        `which is longer than --timeout allows\nhint: Try again in ${seconds} s\n`,
      waits: [],
    });
    registry.assertDone();
  }
});

test("a wait of our own that is beyond --timeout is not the registry's wish", async () => {
  await using registry = await startScriptedRegistry([
    get(TAGS_PATH, { status: 503 }, { times: 5 }),
  ]);
  const words = ["tags", `${registry.host}/app`, "--timeout", "5s", "--retries", "8"];
  const run = await runCaptured(words);
  assert.deepEqual(run, {
    exitCode: 5,
    stdout: "",
    stderr:
      `error: Cannot list the tags of "${registry.host}/app": ${registry.host} answered 503 (5 tries)\n`,
    waits: [187.5, 375, 750, 1500],
  });
  registry.assertDone();
});

test("F2: F3: a connection that breaks is tried again, and the body read from its start", async () => {
  for (const fault of ["reset-before-response", "reset-mid-body", "short-body"] as const) {
    await using registry = await startScriptedRegistry([
      get(TAGS_PATH, { status: 200, body: { tags: ["1", "2"] } }, { fault, times: 2 }),
      get(TAGS_PATH, TAGS),
    ]);
    const { waits, ...run } = await runCaptured(["tags", `${registry.host}/app`]);
    assert.deepEqual(run, GOOD, fault);
    // Deno itself repeats a request once whose connection broke before the answer.
    assert.equal(waits[0], 187.5);
    if (fault !== "reset-before-response") assert.deepEqual(waits, [187.5, 375]);
    registry.assertDone();
  }
});

test("F3: a body that never arrives whole is not parsed", async () => {
  const whole = '{"tags":["1"]}';
  for (const fault of ["reset-mid-body", "short-body"] as const) {
    await using registry = await startScriptedRegistry([
      get(TAGS_PATH, { status: 200, body: `${whole}      ` }, {
        fault,
        cutAt: whole.length,
        times: 5,
      }),
    ]);
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    assert.deepEqual(run, {
      exitCode: 5,
      stdout: "",
      stderr: `error: Cannot reach ${registry.host}: the connection was closed half-way\n`,
      waits: [187.5, 375, 750, 1500],
    });
    registry.assertDone();
  }
});

test("F1: a refused connection is tried five times", async () => {
  const closed = await listen(createServer());
  await closed[Symbol.asyncDispose]();
  const host = `127.0.0.1:${closed.port}`;
  for (const words of [["tags", `${host}/app`], ["catalog", host], ["ping", host]]) {
    const run = await runCaptured(words);
    assert.deepEqual(run, {
      exitCode: 5,
      stdout: "",
      stderr: `error: Cannot reach ${host}: connection refused\n`,
      waits: [187.5, 375, 750, 1500],
    });
  }
});

test("F2: a page is tried again by itself, with the token that is there", async () => {
  const next = `${TAGS_PATH}?last=1`;
  await using registry = await startScriptedRegistry([
    getAs(undefined, TAGS_PATH, challenge(bearer("/token"))),
    get(/^\/token\?/, { status: 502 }),
    get(/^\/token\?/, { status: 200, body: { token: "t1" } }),
    getAs("Bearer t1", TAGS_PATH, page("1", next)),
    getAs("Bearer t1", next, TAGS, { fault: "reset-before-response" }),
    getAs("Bearer t1", next, { status: 200, body: { tags: ["2"] } }),
  ]);
  const { waits: _, ...run } = await runCaptured(["tags", `${registry.host}/app`]);
  assert.deepEqual(run, { exitCode: 0, stdout: "1\n2\n", stderr: "" });
  registry.assertDone();
});

test("a signal ends a wait, at the registry and at its token server", async () => {
  for (const path of [TAGS_PATH, "/token"]) {
    const cases = [["SIGINT", 130, "Interrupted"], ["SIGTERM", 143, "Terminated"]] as const;
    for (const [signal, exitCode, message] of cases) {
      await using registry = await startScriptedRegistry([
        ...(path === TAGS_PATH ? [] : [get(TAGS_PATH, challenge(bearer("/token")))]),
        get(new RegExp(`^${path}`), { status: 503, headers: { "retry-after": "30" } }),
      ]);
      const run = await runCaptured(["tags", `${registry.host}/app`], { stopWhileWaiting: signal });
      assert.deepEqual(run, {
        exitCode,
        stdout: "",
        stderr: `note: ${registry.host} answered 503, trying again in 30 s\nerror: ${message}\n`,
        waits: [30_000],
      });
      assert.equal(logOf(registry).length, path === TAGS_PATH ? 1 : 2);
      registry.assertDone();
    }
  }
});
