import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { runCapturedBytes } from "../support/capture_host.ts";
import { listen } from "../support/listen.ts";
import {
  type RecordedRequest,
  startScriptedRegistry,
  type Step,
} from "../support/scripted_registry.ts";
import { content, LAYER_TYPE, serve } from "./oci_content.ts";

const MEBIBYTE = 1024 * 1024;
const BLOB = content(
  Uint8Array.from({ length: 6 * MEBIBYTE }, (_, i) => (i * i) >> 5),
  LAYER_TYPE,
);
const PATH = `/v2/app/blobs/${BLOB.digest}`;

function firstOf({ headers }: RecordedRequest): number {
  return Number(/^bytes=(\d+)-/.exec(headers["range"] ?? "")?.[1] ?? 0);
}

/** The rest of the blob from where it is asked for, cut after so many bytes. */
function rest(cutAt: number | undefined, total: number | "*" = BLOB.size): Step {
  return {
    method: "GET",
    path: PATH,
    replyWith: (request) => {
      const first = firstOf(request);
      if (first === 0) return serve(BLOB);
      return {
        status: 206,
        headers: { "content-range": `bytes ${first}-${BLOB.size - 1}/${total}` },
        body: BLOB.bytes.subarray(first),
      };
    },
    ...(cutAt !== undefined && { fault: "short-body", cutAt }),
  };
}

async function fetchBlob(script: readonly Step[], ...words: string[]) {
  await using registry = await startScriptedRegistry(script);
  const run = await runCapturedBytes(["blob", `${registry.host}/app@${BLOB.digest}`, ...words]);
  registry.assertDone();
  return { ...run, firsts: registry.requests.map(firstOf), requests: registry.requests };
}

test("49: breaks behind good progress are borne however many there are", async () => {
  const ranges: (string | undefined)[] = [];
  const server = createServer(({ headers }, response) => {
    ranges.push(headers.range);
    const first = Number(/^bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);
    response.writeHead(headers.range ? 206 : 200, {
      "content-length": BLOB.size - first,
      ...(headers.range && { "content-range": `bytes ${first}-${BLOB.size - 1}/${BLOB.size}` }),
    });
    const piece = BLOB.bytes.subarray(first, first + 1_200_000);
    if (first + piece.length === BLOB.size) return void response.end(piece);
    // Not at once: a runtime forgets what it has not passed on.
    response.write(piece, () => setTimeout(() => response.destroy(), 100));
  });
  await using listener = await listen(server);
  const name = `127.0.0.1:${listener.port}/app@${BLOB.digest}`;
  const run = await runCapturedBytes(["blob", name, "--retries", "1"]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.deepEqual(run.bytes, BLOB.bytes);
  assert.ok(ranges.length > 4, String(ranges));

  // With less than that each time it is enough after as many as --retries says.
  const slow = await fetchBlob(Array(3).fill(rest(1000)), "--retries", "2");
  // How much of a broken body arrives is up to the runtime: to one they all are at the same byte.
  assert.ok([5, 7].includes(slow.exitCode), slow.stderr);
});

test("49: the rest may come without the total", async () => {
  const run = await fetchBlob([rest(1000), rest(undefined, "*")]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.deepEqual(run.bytes, BLOB.bytes);
});

test("49: --range taken up again still asks for its part alone", async () => {
  const part = (first: number) => ({
    status: 206,
    headers: { "content-range": `bytes ${first}-4999/${BLOB.size}` },
    body: BLOB.bytes.subarray(first, 5000),
  });
  const run = await fetchBlob(
    [
      {
        method: "GET",
        path: PATH,
        when: ({ headers }) => headers["range"] === "bytes=100-4999",
        reply: part(100),
        fault: "short-body",
        cutAt: 50,
      },
      { method: "GET", path: PATH, replyWith: (request) => part(firstOf(request)) },
    ],
    "--range",
    "100-4999",
  );
  assert.equal(run.exitCode, 0, run.stderr);
  assert.match(run.requests[1]?.headers["range"] ?? "", /^bytes=1\d\d-4999$/);
  assert.deepEqual(run.bytes, BLOB.bytes.subarray(100, 5000));
});
