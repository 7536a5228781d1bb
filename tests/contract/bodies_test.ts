import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { test } from "node:test";
import { createGzip, gzipSync } from "node:zlib";
import { parseErrorBody } from "../../core/oci/error_body.ts";
import { runCaptured } from "../support/capture_host.ts";
import { startScriptedRegistry } from "../support/scripted_registry.ts";
import type { Reply } from "../support/scripted_reply.ts";
import { bearer, challenge, get, getAs, logOf, TAGS_PATH } from "./script.ts";

const MAX_PAGE_BYTES = 32 * 1024 * 1024;
const JSON_TYPE = { "content-type": "application/json" };

// Far above what one page and the runtime need, far below what is sent.
const MAX_GROWTH_BYTES = 400 * 1024 * 1024;

function packed(body: Uint8Array, encoding = "gzip"): Reply {
  return { status: 200, headers: { ...JSON_TYPE, "content-encoding": encoding }, body };
}

/** As many blanks in gzip, made piece by piece. */
async function packBlanks(megabytes: number): Promise<Uint8Array> {
  const gzip = createGzip({ level: 1 });
  const chunks: Uint8Array[] = [];
  gzip.on("data", (chunk: Uint8Array) => chunks.push(chunk));
  const blanks = Buffer.alloc(1024 * 1024, " ");
  for (let i = 0; i < megabytes; i++) {
    await new Promise<void>((resolve) => gzip.write(blanks, () => resolve()));
  }
  await new Promise<void>((resolve) => gzip.end(() => resolve()));
  return Buffer.concat(chunks);
}

test("identity is asked for, and gzip that comes all the same is read", async () => {
  const body = gzipSync('{"tags":["1"]}');
  for (const encoding of ["gzip", "GZIP", "x-gzip"]) {
    await using registry = await startScriptedRegistry([get(TAGS_PATH, packed(body, encoding))]);
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] }, encoding);
    assert.equal(registry.requests[0]?.headers["accept-encoding"], "identity");
    registry.assertDone();
  }
});

test("gzip around an error is read, too", async () => {
  const body = gzipSync('{"errors":[{"code":"DENIED","message":"not yours"}]}');
  await using registry = await startScriptedRegistry([
    get(TAGS_PATH, { ...packed(body), status: 403 }),
  ]);
  const run = await runCaptured(["tags", `${registry.host}/app`]);
  assert.equal(run.exitCode, 4);
  assert.match(run.stderr, /answered 403 DENIED: not yours\n/);
});

test("a body packed twice or otherwise is refused", async () => {
  const once = gzipSync('{"tags":["1"]}');
  const cases = [[gzipSync(once), "gzip, gzip"], [Buffer.from("x"), "compress"]] as const;
  for (const [body, encoding] of cases) {
    await using registry = await startScriptedRegistry([get(TAGS_PATH, packed(body, encoding))]);
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    const stderr =
      `error: ${registry.host} sent an answer encoded as "${encoding}", which was not asked for\n`;
    assert.deepEqual(run, { exitCode: 7, stdout: "", stderr, waits: [] });
    registry.assertDone();
  }
});

test("a page that is too large, packed or endless, is refused in little memory", async () => {
  const bomb = await packBlanks(1024);
  assert.ok(bomb.length < 16 * 1024 * 1024);
  const cases = [
    get(TAGS_PATH, packed(bomb)),
    get(TAGS_PATH, { status: 200, headers: JSON_TYPE }, { fault: "endless-body" as const }),
  ];
  for (const step of cases) {
    await using registry = await startScriptedRegistry([step]);
    const before = process.memoryUsage().rss;
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    const growth = process.memoryUsage().rss - before;
    const stderr =
      `error: ${registry.host} sent an answer of more than ${MAX_PAGE_BYTES} bytes, which is too large\n`;
    assert.deepEqual(run, { exitCode: 7, stdout: "", stderr, waits: [] });
    assert.ok(growth < MAX_GROWTH_BYTES, `${growth} bytes`);
    registry.assertDone();
  }
});

test("an endless error body is cut, and the status is what counts", async () => {
  await using registry = await startScriptedRegistry([
    get(TAGS_PATH, { status: 404, headers: { "content-type": "text/plain" } }, {
      fault: "endless-body",
    }),
  ]);
  const run = await runCaptured(["tags", `${registry.host}/app`]);
  assert.equal(run.exitCode, 3, run.stderr);
  assert.ok(run.stderr.length < 1000);
  registry.assertDone();
});

test("an endless token is refused", async () => {
  await using registry = await startScriptedRegistry([
    get(TAGS_PATH, challenge(bearer("/token"))),
    get(/^\/token/, { status: 200, headers: JSON_TYPE }, { fault: "endless-body" }),
  ]);
  const run = await runCaptured(["tags", `${registry.host}/app`]);
  const stderr =
    `error: ${registry.host} sent an answer of more than 1048576 bytes, which is too large\n`;
  assert.deepEqual(run, { exitCode: 7, stdout: "", stderr, waits: [] });
  registry.assertDone();
});

test("F10: what is no registry's answer is named for what it is", async () => {
  const html = { "content-type": "text/html; charset=utf-8" };
  const cases: (readonly [Reply, string, number])[] = [
    [{ status: 200, headers: html, body: "<h1>Sign in</h1>" }, "text/html; charset=utf-8", 16],
    [{ status: 200, headers: JSON_TYPE, body: '{"tags":["1"' }, "application/json", 12],
    [{ status: 200, headers: JSON_TYPE, body: "" }, "application/json", 0],
    [{ status: 200, body: Uint8Array.of(0x22, 0xff, 0x22) }, "none", 3],
  ];
  for (const [reply, type, bytes] of cases) {
    await using registry = await startScriptedRegistry([get(TAGS_PATH, reply)]);
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    assert.deepEqual(run, {
      exitCode: 7,
      stdout: "",
      stderr:
        `error: Cannot list the tags of "${registry.host}/app": what ${registry.host} sent is not a ` +
        `registry's answer (content type ${type}, ${bytes} bytes)\n` +
        "hint: Look whether a proxy or a login page answers in its place\n",
      waits: [],
    });
    registry.assertDone();
  }
});

test("F10: JSON of another shape is not taken for an empty list", async () => {
  for (const body of ["[]", "null", "7", '{"tags":"1"}', '{"tags":{}}']) {
    await using registry = await startScriptedRegistry([get(TAGS_PATH, { status: 200, body })]);
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    const stderr = `error: Cannot list the tags of "${registry.host}/app": ` +
      `the answer of ${registry.host} has no list of tags\n`;
    assert.deepEqual(run, { exitCode: 7, stdout: "", stderr, waits: [] }, body);
  }
});

test("F10: an error body of any form gives one line and no stack trace", async () => {
  const html = { "content-type": "text/html" };
  const plain = { "content-type": "text/plain" };
  const cases: (readonly [Reply, string])[] = [
    [{ status: 400, headers: html, body: "<h1>Bad</h1>" }, ""],
    [{ status: 400, body: "" }, ""],
    [{ status: 400, headers: plain, body: "no\nmore" }, ": no"],
    [{ status: 400, headers: JSON_TYPE, body: '{"errors":[' }, ""],
    [{ status: 400, body: { errors: [] } }, ""],
    [{ status: 400, body: { errors: "x" } }, ""],
    [{ status: 400, body: { errors: [null, 7, { code: 7, message: ["x"] }] } }, ""],
    [{ status: 400, body: { errors: [{ code: "A" }, { message: "b" }] } }, " A; b"],
    [
      { status: 400, body: { errors: [{ code: "A\x1b[31m", message: "b\n\u202ec" }] } },
      " A\\x1b[31m: b\\x0a\\u{202e}c",
    ],
  ];
  for (const [reply, said] of cases) {
    await using registry = await startScriptedRegistry([get(TAGS_PATH, reply)]);
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    // An error of the registry's own comes from a registry, not from a TLS server.
    const text = typeof reply.body === "object" ? JSON.stringify(reply.body) : reply.body ?? "";
    const isAnonymous = parseErrorBody(new TextEncoder().encode(text)).length === 0;
    const stderr =
      `error: Cannot list the tags of "${registry.host}/app": ${registry.host} answered 400${said}\n` +
      (isAnonymous ? `hint: If the registry speaks TLS, write https://${registry.host}/…\n` : "");
    assert.deepEqual(run, { exitCode: 6, stdout: "", stderr, waits: [] });
  }
});

test("F11: a body without a length is read to its end; beyond its length nothing is", async () => {
  const chunked = "e\r\n" + '{"tags":["1"]}' + "\r\n0\r\n\r\n";
  const cases: Reply[] = [
    { status: 200, headers: { "transfer-encoding": "chunked" }, body: chunked },
    { status: 200, headers: { "content-length": "14" }, body: '{"tags":["1"]},"more"' },
  ];
  for (const reply of cases) {
    await using registry = await startScriptedRegistry([getAs(undefined, TAGS_PATH, reply)]);
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
    assert.deepEqual(logOf(registry), [`GET ${TAGS_PATH}`]);
  }
});
