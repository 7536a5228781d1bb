import assert from "node:assert/strict";
import { createServer, type Server, type ServerResponse } from "node:http";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, parseRepository, readBlob } from "../../core/mod.ts";
import { type CapturedRunOptions, runCapturedBytes } from "../support/capture_host.ts";
import { listen } from "../support/listen.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { type Content, content, image, LAYER_TYPE } from "./oci_content.ts";

const PIECES = 12;
const BLOB = content("x".repeat(PIECES * 2048), LAYER_TYPE);
const IMAGE = image({ annotations: { long: "y".repeat(PIECES * 2048) } });
/** Far above what these runs take, so that one that hangs ends by this and fails. */
const LIMIT = ["--timeout", "10s", "--retries", "0"];

/** A registry that sends `count` pieces of a twelfth each, 60 ms apart, and then the end or nothing. */
function drip(count: number): Server {
  return createServer(async ({ url = "" }, response) => {
    const what = url.includes("/blobs/") ? BLOB : IMAGE;
    response.writeHead(200, { "content-type": what.mediaType, "content-length": what.size });
    await sendPieces(response, what, count);
    if (count === PIECES) response.end();
  });
}

async function sendPieces(response: ServerResponse, { bytes }: Content, count: number) {
  const size = Math.ceil(bytes.length / PIECES);
  for (let i = 0; i < count; i++) {
    response.write(bytes.subarray(i * size, (i + 1) * size));
    await sleep(60);
  }
}

async function run(server: Server, words: readonly string[], options: CapturedRunOptions = {}) {
  await using listener = await listen(server);
  const host = `127.0.0.1:${listener.port}`;
  const args = words.map((word) => word.replace("HOST", host));
  return await runCapturedBytes([...args, "--idle-timeout", "300ms", ...LIMIT], options);
}

const READS = [
  ["manifest", "HOST/app:1"],
  ["blob", `HOST/app@${BLOB.digest}`],
];

test("F9: a body that comes slowly and steadily may take longer than --idle-timeout", async () => {
  for (const words of READS) {
    const { exitCode, stderr, bytes } = await run(drip(PIECES), words);
    assert.deepEqual([exitCode, stderr], [0, ""], words.join(" "));
    assert.deepEqual(bytes, words[0] === "blob" ? BLOB.bytes : IMAGE.bytes);
  }
});

test("F9: a body that stops after a good beginning is given up", async () => {
  for (const words of READS) {
    const { exitCode, stderr } = await run(drip(2), words);
    assert.equal(exitCode, 5);
    assert.match(stderr, /less than 1 KiB came in 0\.3 s/, words.join(" "));
  }
});

test("F9: a large upload has the time that it takes on top of --idle-timeout", async () => {
  await using folder = await createTempFolder();
  // 32 KiB are a second at the slowest line that is borne.
  const file = await folder.write("blob", new Uint8Array(32 * 1024));
  const slow = (answerMs: number) =>
    createServer((request, response) => {
      const end = (status: number, headers = {}) => response.writeHead(status, headers).end();
      if (request.method === "HEAD") return end(404);
      if (request.method === "POST") return end(202, { location: "/up/1" });
      if (request.method !== "PUT") return end(204);
      request.resume();
      return request.once("end", () => setTimeout(() => end(201), answerMs));
    });
  const words = ["put-blob", "HOST/app", file, "--chunk-size", "0"];
  const good = await run(slow(500), words);
  assert.equal(good.exitCode, 0, good.stderr);
  const stalled = await run(slow(20_000), words);
  assert.equal(stalled.exitCode, 5);
  assert.match(stalled.stderr, /less than 1 KiB came in 0\.3 s/);
});

test("a stream that is left early lets go of its connection", async () => {
  const { promise: isClosed, resolve: closed } = Promise.withResolvers<string>();
  const server = createServer((_request, response) => {
    response.once("close", () => closed("closed"));
    response.writeHead(200, { "content-length": 1_000_000_000 });
    response.write(new Uint8Array(100_000));
  });
  await using listener = await listen(server);
  const { registry, ...rest } = parseRepository(`127.0.0.1:${listener.port}/app`);
  const client = createClient(registry, { retries: 0 });
  const { pieces } = await readBlob(client, { registry, ...rest }, BLOB.digest);
  for await (const _ of pieces) break;
  const first = await Promise.race([isClosed, sleep(3000, "open", { ref: false })]);
  assert.equal(first, "closed");
});

test("65: a download into a file shows its progress on a terminal, and clears it", async () => {
  await using folder = await createTempFolder();
  const blob = ["blob", `HOST/app@${BLOB.digest}`, "--output", folder.join("layer")];
  const shown = await run(drip(PIECES), blob, { isTerminal: true });
  assert.equal(shown.exitCode, 0, shown.stderr);
  const lines = shown.stderr.split("\r\x1b[K");
  assert.ok(lines.length > 3, shown.stderr);
  assert.deepEqual([lines[0], lines.at(-1)], ["", ""]);
  for (const line of lines.slice(1, -1)) assert.match(line, /\] +\d+% {2}[\d.]+ kB of 24\.6 kB /);
  const failed = await run(drip(8), blob, { isTerminal: true, env: { NO_COLOR: "1" } });
  assert.equal(failed.exitCode, 5);
  assert.match(failed.stderr.split("\r\x1b[K").at(-1) ?? "", /^error: /);
  for (const options of [{ isTerminal: false }, { isTerminal: true, quiet: true }]) {
    const words = options.quiet ? [...blob, "-q"] : blob;
    assert.equal((await run(drip(PIECES), words, options)).stderr, "");
  }
});
