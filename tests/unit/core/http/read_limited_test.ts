import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { readLimited } from "../../../../core/http/read_limited.ts";
import { assertRejects } from "../../../support/assert_error.ts";

interface Source {
  readonly response: Response;
  readonly isCancelled: () => boolean;
  readonly pulls: () => number;
}

/** A response that brings `chunks`, then ends; without an end it repeats the last one for ever. */
function respond(chunks: readonly Uint8Array[], encoding?: string, endless = false): Source {
  let isCancelled = false;
  let pulls = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = chunks[endless ? Math.min(pulls, chunks.length - 1) : pulls];
      pulls++;
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    },
    cancel: () => void (isCancelled = true),
  }, { highWaterMark: 0 });
  const headers = new Headers(encoding === undefined ? {} : { "content-encoding": encoding });
  // A true Response refuses empty chunks on some runtimes; the reader sees no more than this.
  const response = { body: stream, headers } as unknown as Response;
  return { response, isCancelled: () => isCancelled, pulls: () => pulls };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (body: Uint8Array) => new TextDecoder().decode(body);
const FROM = { from: "r.example" };

test("readLimited joins the pieces of a body up to its limit", async () => {
  const pieces = [bytes("ab"), bytes(""), bytes("cde"), bytes("f")];
  for (const encoding of [undefined, "", "identity", " IDENTITY "]) {
    const { response } = respond(pieces, encoding);
    assert.equal(text(await readLimited(response, { ...FROM, maxBytes: 6 })), "abcdef");
  }
  assert.equal((await readLimited(new Response(null), { ...FROM, maxBytes: 0 })).length, 0);
});

test("readLimited stops reading where a body is too large", async () => {
  const source = respond([new Uint8Array(1000)], undefined, true);
  const run = () => readLimited(source.response, { ...FROM, maxBytes: 3999 });
  await assertRejects(run, "INVALID_RESPONSE", /^r\.example sent .* more than 3999 bytes/);
  assert.equal(source.isCancelled(), true);
  assert.equal(source.pulls(), 4);
});

test("readLimited gives the beginning where it may cut", async () => {
  const source = respond([bytes("abcd")], undefined, true);
  const body = await readLimited(source.response, { ...FROM, maxBytes: 6, truncate: true });
  assert.equal(text(body), "abcdab");
  assert.equal(source.isCancelled(), true);
});

test("readLimited tells the size of each piece", async () => {
  const counts: number[] = [];
  const { response } = respond([bytes("ab"), bytes("cde")]);
  await readLimited(response, { ...FROM, maxBytes: 9, onBytes: (count) => counts.push(count) });
  assert.deepEqual(counts, [2, 3]);
});

test("readLimited unpacks gzip, in whatever pieces it comes", async () => {
  const packed = new Uint8Array(gzipSync("hello, hello, hello"));
  const inOne = [packed];
  const inBytes = Array.from(packed, (byte) => Uint8Array.of(byte));
  for (const chunks of [inOne, inBytes, [bytes(""), ...inOne]]) {
    for (const encoding of ["gzip", "X-GZIP"]) {
      const { response } = respond(chunks, encoding);
      const body = await readLimited(response, { ...FROM, maxBytes: 100 });
      assert.equal(text(body), "hello, hello, hello");
    }
  }
});

test("readLimited takes a body that the runtime has unpacked already", async () => {
  const { response } = respond([bytes('{"tags":'), bytes("[]}")], "gzip");
  assert.equal(text(await readLimited(response, { ...FROM, maxBytes: 100 })), '{"tags":[]}');
  const empty = await readLimited(respond([], "gzip").response, { ...FROM, maxBytes: 100 });
  assert.equal(empty.length, 0);
});

test("readLimited counts a gzip bomb unpacked", async () => {
  const bomb = new Uint8Array(gzipSync(new Uint8Array(20 * 1024 * 1024)));
  assert.ok(bomb.length < 100_000);
  let seen = 0;
  const run = () =>
    readLimited(respond([bomb], "gzip").response, {
      ...FROM,
      maxBytes: 200_000,
      onBytes: (count) => seen += count,
    });
  await assertRejects(run, "INVALID_RESPONSE", /more than 200000 bytes/);
  assert.ok(seen < 2 * 1024 * 1024, `unpacked ${seen} bytes`);
});

test("readLimited refuses other encodings, and chains of them", async () => {
  for (const encoding of ["br", "deflate", "zstd", "gzip, gzip", "gzip;q=1", "x".repeat(5000)]) {
    const source = respond([bytes("x")], encoding);
    const run = () => readLimited(source.response, { ...FROM, maxBytes: 100 });
    const error = await assertRejects(run, "INVALID_RESPONSE", /^r\.example sent .*encoded as/);
    assert.ok(error.message.length < 200);
    assert.equal(source.isCancelled(), true, encoding);
  }
});

test("readLimited gives no part of a broken gzip stream", async () => {
  const packed = new Uint8Array(gzipSync("hello, hello, hello"));
  for (const broken of [packed.subarray(0, -4), packed.with(15, 0xff), packed.subarray(0, 1)]) {
    const { response } = respond([broken], "gzip");
    await assert.rejects(() => readLimited(response, { ...FROM, maxBytes: 100 }));
  }
});
