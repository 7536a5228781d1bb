import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { main } from "../../cli.ts";
import { createNativeHost } from "../../core/runtime/native_host.ts";
import { runCaptured } from "../support/capture_host.ts";
import { listen } from "../support/listen.ts";
import type { Reply } from "../support/scripted_reply.ts";
import {
  answer,
  assertRun,
  incomplete,
  page,
  runAgainst,
  TAGS_PATH,
  tagsOf,
} from "./run_against.ts";

const ANONYMOUS = "It does not exist, or needs credentials: give -u USER --password-stdin, " +
  "or log in with regctl login";
const SPELLING = "Check the spelling; some registries also answer so where credentials are missing";
const LOG_IN = "Wait, or log in: many registries allow known users more requests";

/** What the registry answers, how often, and what becomes of it. */
interface Failure {
  readonly reply: Reply;
  readonly times?: number;
  readonly exitCode: number;
  readonly code: string;
  /** Behind `HOST answered `. */
  readonly says: string;
  readonly hint?: string;
}

function errors(code: string, message?: string): object {
  return { errors: [{ code, message }] };
}

const BASIC = { "www-authenticate": 'Basic realm="x"' };

const FAILURES: readonly Failure[] = [
  { reply: { status: 404 }, exitCode: 3, code: "NOT_FOUND", says: "404", hint: SPELLING },
  {
    reply: { status: 404, body: errors("NAME_UNKNOWN", "gone") },
    exitCode: 3,
    code: "NOT_FOUND",
    says: "404 NAME_UNKNOWN: gone",
    hint: SPELLING,
  },
  {
    reply: { status: 404, headers: { "content-type": "text/html" }, body: "<h1>no</h1>" },
    exitCode: 3,
    code: "NOT_FOUND",
    says: "404",
    hint: SPELLING,
  },
  {
    reply: { status: 404, body: { errors: "many" } },
    exitCode: 3,
    code: "NOT_FOUND",
    says: "404",
    hint: SPELLING,
  },
  {
    reply: { status: 401, headers: BASIC, body: errors("UNAUTHORIZED") },
    exitCode: 4,
    code: "UNAUTHORIZED",
    says: "401 UNAUTHORIZED",
    hint: ANONYMOUS,
  },
  {
    reply: { status: 403, body: errors("DENIED", "no access") },
    exitCode: 4,
    code: "DENIED",
    says: "403 DENIED: no access",
    hint: ANONYMOUS,
  },
  { reply: { status: 500 }, times: 5, exitCode: 5, code: "SERVER", says: "500 (5 tries)" },
  {
    reply: { status: 503, headers: { "content-type": "text/plain" }, body: "down\nfor now" },
    times: 5,
    exitCode: 5,
    code: "SERVER",
    says: "503: down (5 tries)",
  },
  { reply: { status: 405 }, exitCode: 6, code: "UNSUPPORTED", says: "405" },
  { reply: { status: 418 }, exitCode: 6, code: "REFUSED", says: "418" },
  { reply: { status: 204 }, exitCode: 7, code: "INVALID_RESPONSE", says: "204" },
  {
    reply: { status: 429, body: errors("TOOMANYREQUESTS") },
    times: 5,
    exitCode: 9,
    code: "RATE_LIMITED",
    says: "429 TOOMANYREQUESTS (5 tries)",
    hint: LOG_IN,
  },
];

for (const { reply, times = 1, exitCode, code, says, hint } of FAILURES) {
  test(`67: an answer ${says} ends with ${exitCode}, in text and in JSON`, async () => {
    const script = [{ ...answer(reply), times }];
    const message = `Cannot list the tags of "HOST/app": HOST answered ${says}`;
    const text = await runAgainst(script, tagsOf());
    const stderr = `error: ${message}\n${hint === undefined ? "" : `hint: ${hint}\n`}`;
    assertRun(text, { exitCode, stdout: "", stderr });
    assert.equal(text.requests.length, times);
    const json = await runAgainst(script, tagsOf("-o", "json"));
    const error = { code, message, ...(hint !== undefined && { hint }), exitCode };
    assertRun(json, { exitCode, stdout: "", stderr: `${JSON.stringify({ error })}\n` });
  });
}

/** Answers with status 200 that are none: the body, its type, and what is said. */
const NO_LISTINGS: readonly (readonly [string, Reply["body"], string | undefined, string])[] = [
  ["an HTML page", "<html>log in</html>", "text/html; charset=utf-8", ""],
  ["cut JSON", '{"name":"app","tags":["a"', "application/json", ""],
  ["an empty body", "", undefined, ""],
  ["bytes that are no UTF-8", Uint8Array.of(0x7b, 0xff, 0x7d), "application/json", ""],
  ["a list", '["a"]', undefined, "list"],
  ["null", "null", undefined, "list"],
  ["a text", '"a"', undefined, "list"],
  ["tags that are an object", '{"tags":{"a":1}}', undefined, "list"],
  ["tags that are a text", '{"tags":"a"}', undefined, "list"],
  ["tags that are a number", '{"tags":0}', undefined, "list"],
];

for (const [what, body, type, kind] of NO_LISTINGS) {
  test(`67: 200 with ${what} ends with 7 and is not asked for again`, async () => {
    const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
    const run = await runAgainst(
      [answer({ status: 200, headers, ...(body !== undefined && { body }) })],
      tagsOf(),
    );
    const size = typeof body === "string" ? body.length : 3;
    const message = kind === "list"
      ? "the answer of HOST has no list of tags\n"
      : `what HOST sent is not a registry's answer (content type ${type ?? "none"}, ${size} ` +
        "bytes)\nhint: Look whether a proxy or a login page answers in its place\n";
    const stderr = `error: Cannot list the tags of "HOST/app": ${message}`;
    assertRun(run, { exitCode: 7, stdout: "", stderr });
  });
}

test("67: a page without end is given up at 32 MiB", async () => {
  const run = await runAgainst(
    [{ method: "GET", path: TAGS_PATH, fault: "endless-body" }],
    tagsOf(),
  );
  const stderr = "error: HOST sent an answer of more than 33554432 bytes, which is too large\n";
  assertRun(run, { exitCode: 7, stdout: "", stderr });
});

test("67: a registry that nobody runs ends with 5", async () => {
  const listener = await listen(createServer());
  const { port } = listener;
  await listener[Symbol.asyncDispose]();
  const run = await runCaptured(["tags", `127.0.0.1:${port}/app`]);
  const stderr = `error: Cannot reach 127.0.0.1:${port}: connection refused\n`;
  assertRun(run, { exitCode: 5, stdout: "", stderr });
  assert.deepEqual(run.waits, [187.5, 375, 750, 1500]);
});

test("67: --retries says how often a request is repeated", async () => {
  const once = await runAgainst([answer({ status: 500 })], tagsOf("--retries", "0"));
  const stderr = 'error: Cannot list the tags of "HOST/app": HOST answered 500\n';
  assertRun(once, { exitCode: 5, stdout: "", stderr });
  const thrice = await runAgainst(
    [{ ...answer({ status: 500 }), times: 3 }],
    tagsOf("--retries", "2"),
  );
  assert.deepEqual(thrice.waits, [187.5, 375]);
});

test("67: a registry that says nothing ends with 5 after a time-out", async () => {
  const script = [{ method: "GET", path: TAGS_PATH, fault: "hang" as const }];
  const idle = await runAgainst(script, tagsOf("--idle-timeout", "50ms"));
  assertRun(idle, {
    exitCode: 5,
    stdout: "",
    stderr: "error: Cannot reach HOST: less than 1 KiB came in 0.05 s\n" +
      "hint: Allow a slow registry more time with --idle-timeout\n",
  });
  const all = await runAgainst(script, tagsOf("--timeout", "50ms"));
  const stderr = "error: Gave up after 0.05 s, as --timeout says\n";
  assertRun(all, { exitCode: 5, stdout: "", stderr });
});

test("67: a listing without an honest end ends with 8", async () => {
  const run = await runAgainst([page(["a"], { link: `<${TAGS_PATH}>; rel=next` })], tagsOf());
  const stderr = incomplete("its pages lead in a circle");
  assertRun(run, { exitCode: 8, stdout: "", stderr });
});

test("67: a wait that --timeout does not allow ends with 9 at once, and says how long", async () => {
  const reply = answer({ status: 429, headers: { "retry-after": "86400" } });
  const run = await runAgainst([reply], tagsOf("--timeout", "5s"));
  assertRun(run, {
    exitCode: 9,
    stdout: "",
    stderr: "error: HOST answered 429 and asks to wait 86400 s, which is longer than --timeout " +
      "allows\nhint: Try again in 86400 s\n",
  });
  assert.deepEqual(run.waits, []);
});

test("67: a long wait is announced, and ends at 60 seconds", async () => {
  const run = await runAgainst([
    answer({ status: 429, headers: { "retry-after": "3" } }),
    answer({ status: 429, headers: { "retry-after": "86400" } }),
    page(["a"]),
  ], tagsOf());
  assertRun(run, {
    exitCode: 0,
    stdout: "a\n",
    stderr: "note: HOST answered 429, trying again in 3 s\n" +
      "note: HOST answered 429, trying again in 60 s\n",
  });
  assert.deepEqual(run.waits, [3_000, 60_000]);
});

test("67: SIGINT ends with 130 and SIGTERM with 143, in one line", async () => {
  const ends = [["SIGINT", 130, "Interrupted"], ["SIGTERM", 143, "Terminated"]] as const;
  for (const [stopWhileWaiting, exitCode, word] of ends) {
    const run = await runAgainst([answer({ status: 503 })], tagsOf(), { stopWhileWaiting });
    assertRun(run, { exitCode, stdout: "", stderr: `error: ${word}\n` });
  }
});

test("67: a bug ends with 1, and --debug shows where", async () => {
  let stderr = "";
  const run = (args: readonly string[]) =>
    main({
      ...createNativeHost(),
      args,
      stdout: {
        isTerminal: false,
        columns: 80,
        write: () => Promise.reject(new TypeError("x is not a function")),
      },
      stderr: {
        isTerminal: false,
        columns: 80,
        write: (text) => {
          stderr += text;
          return Promise.resolve();
        },
      },
    });
  const message = "error: This is a bug in regctl: x is not a function\n" +
    "hint: Run it again with --debug and report what it shows\n";
  assert.equal(await run(["parse", "a"]), 1);
  assert.equal(stderr, message);
  stderr = "";
  assert.equal(await run(["parse", "a", "--debug"]), 1);
  assert.ok(stderr.startsWith(message));
  assert.match(stderr, /^caused by .*TypeError: x is not a function$/m);
});
