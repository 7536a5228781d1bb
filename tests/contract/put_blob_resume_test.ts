import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import { listen } from "../support/listen.ts";
import type { Step } from "../support/scripted_registry.ts";
import type { Reply } from "../support/scripted_reply.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import {
  absent,
  begin,
  cancel,
  chunk,
  CONTENT,
  DIGEST,
  finish,
  push,
  received,
  sha256,
} from "./push_script.ts";
import { assertRun } from "./run_against.ts";

const CHUNKS = { words: ["--chunk-size", "4"] };
const DONE = { exitCode: 0, stdout: `${DIGEST}\n`, stderr: "" };
const UNKNOWN: Reply = {
  status: 404,
  body: { errors: [{ code: "BLOB_UPLOAD_UNKNOWN", message: "gone" }] },
};

/** The requests behind the question for the blob and the begin of the upload. */
function sent({ log }: { readonly log: readonly string[] }): readonly string[] {
  return log.slice(2);
}

test("55: after 416 the registry is asked, and the upload goes on behind what it has", async () => {
  const run = await push([
    absent(),
    begin("/up/1"),
    chunk("/up/1", "/up/2"),
    chunk("/up/2", "", { reply: { status: 416 } }),
    received("/up/2", 5, "/up/3"),
    chunk("/up/3", "/up/4"),
    finish("/up/4"),
  ], CHUNKS);
  assertRun(run, DONE);
  assert.deepEqual(run.waits, []);
  assert.deepEqual(sent(run), [
    "PATCH /up/1 0-3 0123",
    "PATCH /up/2 4-7 4567",
    "GET /up/2",
    "PATCH /up/3 6-9 6789",
    `PUT /up/4?digest=${DIGEST}`,
  ]);
});

test("F27: what the registry lost of an upload is sent again", async () => {
  const run = await push([
    absent(),
    begin("/up/1"),
    chunk("/up/1", "/up/1", { times: 2 }),
    chunk("/up/1", "", { reply: { status: 416 } }),
    received("/up/1", 1),
    chunk("/up/1", "/up/1", { times: 2 }),
    finish("/up/1"),
  ], CHUNKS);
  assertRun(run, DONE);
  assert.deepEqual(sent(run).slice(4, 6), ["PATCH /up/1 2-5 2345", "PATCH /up/1 6-9 6789"]);
});

test("F27: a connection that breaks, and a 5xx, are waited out and taken up again", async () => {
  const faults: readonly (readonly [Partial<Step>, readonly number[]])[] = [
    [{ fault: "reset-before-response" }, [187.5]],
    [{ reply: { status: 503 } }, [187.5]],
    [{ reply: { status: 500 } }, [187.5]],
    [{ reply: { status: 429, headers: { "retry-after": "7" } } }, [7000]],
    [{ reply: { status: 503, headers: { "retry-after": "86400" } } }, [60_000]],
  ];
  for (const [fault, waits] of faults) {
    const run = await push([
      absent(),
      begin("/up/1"),
      chunk("/up/1", "/up/1"),
      { method: "PATCH", path: "/up/1", ...fault },
      received("/up/1", 7),
      chunk("/up/1", "/up/1"),
      finish("/up/1"),
    ], CHUNKS);
    const [wait = 0] = waits;
    const stderr = wait < 2000
      ? ""
      : `note: The upload was interrupted, it goes on in ${wait / 1000} s\n`;
    assertRun(run, { ...DONE, stderr });
    assert.deepEqual(run.waits, waits);
    assert.deepEqual(sent(run).slice(2, 4), ["GET /up/1", "PATCH /up/1 8-9 89"]);
  }
});

test("F27: nothing received is 0-0, and the first chunk comes again", async () => {
  const run = await push([
    absent(),
    begin("/up/1"),
    chunk("/up/1", "", { reply: { status: 502 } }),
    received("/up/1", 0),
    chunk("/up/1", "/up/1", { times: 3 }),
    finish("/up/1"),
  ], CHUNKS);
  assertRun(run, DONE);
  assert.equal(sent(run)[2], "PATCH /up/1 0-3 0123");
});

test("F27: 0-0 behind a first byte is that byte", async () => {
  const range = (last: number) => ({ reply: { status: 202, headers: { range: `0-${last}` } } });
  const run = await push([
    absent(sha256("012")),
    begin("/up/1"),
    chunk("/up/1", "", range(0)),
    chunk("/up/1", "", { reply: { status: 503 } }),
    received("/up/1", 0),
    chunk("/up/1", "", range(1)),
    chunk("/up/1", "", range(2)),
    finish("/up/1", { status: 201 }, sha256("012")),
  ], {
    content: "012",
    words: ["--chunk-size", "1"],
  });
  assertRun(run, { ...DONE, stdout: `${sha256("012")}\n` });
  assert.deepEqual(sent(run).slice(2, 4), ["GET /up/1", "PATCH /up/1 1-1 1"]);
});

test("F27: a chunk that was taken in part goes on where the registry says", async () => {
  const run = await push([
    absent(),
    begin("/up/1"),
    chunk("/up/1", "", { reply: { status: 202, headers: { range: "0-1", location: "/up/2" } } }),
    received("/up/2", 1),
    chunk("/up/2", "/up/2", { times: 2 }),
    finish("/up/2"),
  ], CHUNKS);
  assertRun(run, DONE);
  assert.deepEqual(sent(run).slice(2, 4), ["PATCH /up/2 2-5 2345", "PATCH /up/2 6-9 6789"]);
});

test("55: a session that is gone is replaced, and the blob is sent from its start", async () => {
  const run = await push([
    absent(),
    begin("/up/1"),
    chunk("/up/1", "/up/1"),
    chunk("/up/1", "", { reply: UNKNOWN }),
    absent(),
    begin("/up/2"),
    chunk("/up/2", "/up/2", { times: 3 }),
    finish("/up/2"),
  ], CHUNKS);
  assertRun(run, DONE);
  assert.equal(run.log.at(-4), "PATCH /up/2 0-3 0123");
});

test("F27: an upload that cannot be continued is cancelled before the next one", async () => {
  const statuses: readonly (readonly [Reply, number])[] = [
    [{ status: 405 }, 503],
    [{ status: 400 }, 503],
    [{ status: 204 }, 503],
    [{ status: 204, headers: { range: "bytes 0-3/10" } }, 503],
    // The registry takes no chunk from the byte that it names.
    [{ status: 204, headers: { range: "0-3" } }, 416],
  ];
  for (const [answer, status] of statuses) {
    const run = await push([
      absent(),
      begin("/up/1"),
      chunk("/up/1", "/up/1"),
      chunk("/up/1", "", { reply: { status } }),
      received("/up/1", answer),
      cancel("/up/1"),
      absent(),
      begin("/up/2"),
      chunk("/up/2", "/up/2", { times: 3 }),
      finish("/up/2"),
    ], CHUNKS);
    assertRun(run, DONE);
  }
});

test("F27: after three lost sessions it is enough", async () => {
  const script = [
    { ...absent(), times: 4 },
    { ...begin("/up/1"), times: 3 },
    chunk("/up/1", "", { reply: UNKNOWN, times: 3 }),
  ];
  assertRun(await push(script, CHUNKS), {
    exitCode: 5,
    stdout: "",
    stderr: `error: Cannot push ${DIGEST} to "HOST/app": HOST lost the upload 3 times, at last ` +
      "with 404 BLOB_UPLOAD_UNKNOWN: gone\n" +
      "hint: Try again later, or with another --chunk-size\n",
  });
});

test("F27: failures without progress are counted, and those with progress are not", async () => {
  const bad = chunk("/up/1", "", { reply: { status: 503 }, times: 3 });
  const run = await push([
    absent(),
    begin("/up/1"),
    bad,
    { ...received("/up/1", 0), times: 2 },
    cancel("/up/1"),
  ], { words: ["--chunk-size", "4", "--retries", "2"] });
  assertRun(run, {
    exitCode: 5,
    stdout: "",
    stderr: `error: Cannot push ${DIGEST} to "HOST/app": HOST answered 503\n`,
  });
  assert.deepEqual(run.waits, [187.5, 375]);

  const steps = [1, 2, 3, 4, 5].flatMap((last) => [
    chunk("/up/1", "", { reply: { status: 503 } }),
    received("/up/1", last),
  ]);
  const slow = await push(
    [absent(), begin("/up/1"), ...steps, chunk("/up/1", "/up/1"), finish("/up/1")],
    { words: ["--chunk-size", "4", "--retries", "1"] },
  );
  assertRun(slow, DONE);
});

test("F27: a registry that takes no chunks gets one piece", async () => {
  for (const status of [400, 405, 501]) {
    const run = await push([
      absent(),
      begin("/up/1"),
      chunk("/up/1", "", { reply: { status } }),
      cancel("/up/1"),
      begin("/up/2"),
      finish("/up/2"),
    ], CHUNKS);
    assertRun(run, DONE);
    assert.equal(run.log.at(-1), `PUT /up/2?digest=${DIGEST} ${CONTENT}`);
  }
});

test("F27: a chunk refused later is an error", async () => {
  const run = await push([
    absent(),
    begin("/up/1"),
    chunk("/up/1", "/up/1"),
    chunk("/up/1", "", { reply: { status: 400 } }),
    cancel("/up/1"),
  ], CHUNKS);
  assert.deepEqual([run.exitCode, run.stdout], [6, ""]);
  assert.match(run.stderr, /HOST answered 400\n/);
});

test("F27: one piece that breaks off is taken up again, and sent twice by nobody", async () => {
  for (const fault of [{ fault: "reset-before-response" as const }, { reply: { status: 502 } }]) {
    const run = await push([
      absent(),
      begin("/up/1"),
      { ...finish("/up/1"), ...fault },
      received("/up/1", 5, "/up/2"),
      finish("/up/2"),
    ]);
    assertRun(run, DONE);
    assert.equal(run.log.at(-1), `PUT /up/2?digest=${DIGEST} 6-9 6789`);
  }
});

test("F27: an upload that was complete before the connection broke is done", async () => {
  const run = await push([
    absent(),
    begin("/up/1"),
    { ...finish("/up/1"), fault: "reset-before-response" },
    received("/up/1", UNKNOWN),
    { ...absent(), reply: { status: 200 } },
  ]);
  assertRun(run, DONE);

  const inChunks = await push([
    absent(),
    begin("/up/1"),
    chunk("/up/1", "/up/1", { times: 3 }),
    { ...finish("/up/1"), fault: "reset-before-response" },
    finish("/up/1", UNKNOWN),
    { ...absent(), reply: { status: 200 } },
  ], CHUNKS);
  assertRun(inChunks, DONE);
});

test("a registry that has more than there is cannot be trusted", async () => {
  const run = await push([
    absent(),
    begin("/up/1"),
    chunk("/up/1", "", { reply: { status: 503 } }),
    received("/up/1", 10),
    cancel("/up/1"),
  ], CHUNKS);
  assertRun(run, {
    exitCode: 7,
    stdout: "",
    stderr: `error: Cannot push ${DIGEST} to "HOST/app": HOST says it has 11 bytes of 10\n`,
  });
});

test("57: who stops it has the session cancelled, whatever comes of that", async () => {
  const cancels: Partial<Step>[] = [{}, { reply: { status: 500 } }, {
    // A runtime may repeat it of its own accord.
    fault: "reset-before-response",
    times: Infinity,
  }];
  for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    for (const more of cancels) {
      const run = await push([
        absent(),
        begin("/up/1"),
        chunk("/up/1", "/up/2"),
        chunk("/up/2", "", { reply: { status: 503 } }),
        { ...cancel("/up/2"), ...more },
      ], { ...CHUNKS, stopWhileWaiting: signal });
      assert.equal(run.log.at(-1), "DELETE /up/2");
      const stderr = `error: ${signal === "SIGINT" ? "Interrupted" : "Terminated"}\n`;
      assertRun(run, { exitCode, stdout: "", stderr });
    }
  }
});

test("57: --timeout in the middle of a chunk cancels the session", async () => {
  const run = await push([
    absent(),
    begin("/up/1"),
    chunk("/up/1", "", { fault: "hang" }),
    cancel("/up/1"),
  ], { words: ["--chunk-size", "4", "--timeout", "500ms"] });
  assertRun(run, {
    exitCode: 5,
    stdout: "",
    stderr: "error: Gave up after 0.5 s, as --timeout says\n",
  });
});

const ASKS = { "www-authenticate": 'Basic realm="x"' };

/** A registry of `app` that may break off; what it got of the blob is in the end `stored`. */
async function startRegistry(
  onBody: (request: IncomingMessage, response: ServerResponse, count: number) => boolean,
  asksGet = false,
) {
  const parts: Buffer[] = [];
  const log: string[] = [];
  let bodies = 0;
  const server = createServer(async (request, response) => {
    const { method = "", headers } = request;
    log.push([method, headers["content-range"], headers.authorization].filter(Boolean).join(" "));
    const length = Buffer.concat(parts).length;
    const location = { location: "/up/1", range: `0-${Math.max(0, length - 1)}` };
    const statuses: Readonly<Record<string, number>> = { HEAD: 404, POST: 202, GET: 204 };
    const status = method === "GET" && asksGet && !headers.authorization ? 401 : statuses[method];
    if (status !== undefined) {
      response.writeHead(status, status === 401 ? ASKS : location).end();
    } else if (onBody(request, response, bodies++)) {
      parts.push(await buffer(request));
      response.writeHead(method === "PUT" ? 201 : 202, { location: "/up/1" }).end();
    }
  });
  const listener = await listen(server);
  return {
    host: `127.0.0.1:${listener.port}`,
    log,
    add: (part: Buffer) => parts.push(part),
    stored: () => Buffer.concat(parts),
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

test("F27: a connection cut in the middle of a PATCH is taken up at the right byte", async () => {
  await using folder = await createTempFolder();
  const content = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i * 7 + (i >> 8)));
  const file = await folder.write("blob", content);
  await using registry = await startRegistry((request, _response, count) => {
    if (count !== 1) return true;
    // What is kept of a chunk that broke off.
    request.once("data", (piece: Buffer) => {
      registry.add(piece.subarray(0, 1000));
      request.socket.resetAndDestroy();
    });
    return false;
  });
  const words = ["put-blob", `${registry.host}/app`, file, "--chunk-size", "1000000"];
  const run = await runCaptured(words);
  assertRun(run, { exitCode: 0, stdout: `${sha256(content)}\n`, stderr: "" });
  assert.deepEqual(registry.log, [
    "HEAD",
    "POST",
    "PATCH 0-999999",
    "PATCH 1000000-1999999",
    "GET",
    "PATCH 1001000-2000999",
    "PATCH 2001000-2999999",
    "PUT",
  ]);
  assert.equal(sha256(registry.stored()), sha256(content));
});

test("F31: a 401 that comes before the blob was read is answered, and the blob sent again", async () => {
  await using folder = await createTempFolder();
  const content = Buffer.alloc(32 * 1024 * 1024, "x");
  const file = await folder.write("blob", content);
  await using registry = await startRegistry((request, response) => {
    const { authorization } = request.headers;
    if (authorization !== undefined) return true;
    response.writeHead(401, { ...ASKS, "connection": "close" }).end();
    return false;
    // Where the answer is lost in the reset that follows it, the next request brings it.
  }, true);
  const words = ["put-blob", `${registry.host}/app`, file, "-u", "ann", "--password-stdin"];
  const run = await runCaptured(words, { stdin: "secret" });
  assertRun(run, { exitCode: 0, stdout: `${sha256(content)}\n`, stderr: "" });
  assert.equal(registry.log.at(-1), `PUT Basic ${btoa("ann:secret")}`);
  assert.equal(sha256(registry.stored()), sha256(content));
});
