import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import {
  type Answer,
  content,
  type EmbeddedRegistry,
  errorCodeOf,
  startEmbeddedRegistry,
  type TestContent,
} from "../support/embedded_registry.ts";

// Each test has the name of the case it is of the OCI distribution-spec's conformance suite.

const REPO = "conformance/repo1";
const REPO2 = "conformance/repo2";
const UPLOADS = `/v2/${REPO}/blobs/uploads/`;
const CHUNK_BYTES = 1024;

type Algorithm = "sha256" | "sha512";

function randomContent(algorithm: Algorithm, size = 512): TestContent {
  return content(randomBytes(size), "application/octet-stream", algorithm);
}

function blobPath({ digest }: TestContent, repository = REPO): string {
  return `/v2/${repository}/blobs/${digest}`;
}

async function assertServed(registry: EmbeddedRegistry, blob: TestContent): Promise<void> {
  for (const method of ["HEAD", "GET"]) {
    const { status, headers, body } = await registry.send(method, blobPath(blob));
    assert.equal(status, 200);
    assert.equal(headers["docker-content-digest"], blob.digest);
    assert.equal(headers["content-length"], String(blob.size));
    assert.equal(headers["content-type"], "application/octet-stream");
    assert.equal(headers["accept-ranges"], "bytes");
    assert.deepEqual([...body], method === "HEAD" ? [] : [...blob.bytes]);
  }
}

async function assertGone(registry: EmbeddedRegistry, blob: TestContent): Promise<void> {
  const head = await registry.send("HEAD", blobPath(blob));
  assert.equal(head.status, 404);
  const get = await registry.send("GET", blobPath(blob));
  assert.deepEqual([get.status, errorCodeOf(get)], [404, "BLOB_UNKNOWN"]);
}

function assertCreated({ status, headers }: Answer, blob: TestContent): void {
  assert.equal(status, 201);
  assert.equal(headers.location, blobPath(blob));
  assert.equal(headers["docker-content-digest"], blob.digest);
}

function assertRefused(answer: Answer): void {
  assert.deepEqual([answer.status, errorCodeOf(answer)], [400, "DIGEST_INVALID"]);
}

async function start(registry: EmbeddedRegistry, query = ""): Promise<string> {
  const { status, headers } = await registry.send("POST", UPLOADS + query);
  assert.equal(status, 202);
  assert.equal(headers.range, "0-0");
  const { location = "" } = headers;
  assert.match(location, /^\/v2\/conformance\/repo1\/blobs\/uploads\/[0-9a-f-]{36}$/);
  assert.equal(headers["docker-upload-uuid"], location.split("/").at(-1));
  return location;
}

function finish(location: string, { digest }: TestContent): string {
  return `${location}?digest=${encodeURIComponent(digest)}`;
}

function chunk(bytes: Uint8Array, first: number, last: number) {
  return {
    headers: {
      "content-range": `${first}-${last}`,
      "content-type": "application/octet-stream",
    },
    body: bytes.subarray(first, last + 1),
  };
}

/** Sends all chunks but the last, each at the location that the one before gave; gives the next. */
async function sendChunks(
  registry: EmbeddedRegistry,
  bytes: Uint8Array,
  { outOfOrder }: { readonly outOfOrder: boolean },
): Promise<{ location: string; first: number }> {
  let location = await start(registry);
  let first = 0;
  for (; first + CHUNK_BYTES < bytes.length; first += CHUNK_BYTES) {
    if (outOfOrder) await sendOutOfOrder(registry, location, bytes, first);
    const last = first + CHUNK_BYTES - 1;
    const { status, headers } = await registry.send("PATCH", location, chunk(bytes, first, last));
    assert.equal(status, 202);
    assert.equal(headers.range, `0-${last}`);
    location = headers.location ?? "";
  }
  return { location, first };
}

async function sendOutOfOrder(
  registry: EmbeddedRegistry,
  location: string,
  bytes: Uint8Array,
  next: number,
  method = "PATCH",
): Promise<void> {
  const skipped = next + CHUNK_BYTES < bytes.length ? next + CHUNK_BYTES : 0;
  const last = Math.min(skipped + CHUNK_BYTES, bytes.length) - 1;
  const refused = await registry.send(method, location, chunk(bytes, skipped, last));
  assert.deepEqual([refused.status, errorCodeOf(refused)], [416, "BLOB_UPLOAD_INVALID"]);
  const path = location.replace(/\?.*/, "");
  const { status, headers } = await registry.send("GET", path);
  assert.equal(status, 204);
  assert.equal(headers.range, `0-${Math.max(0, next - 1)}`);
  assert.equal(headers.location, path);
}

for (const algorithm of ["sha256", "sha512"] as const) {
  const named = (name: string, run: (registry: EmbeddedRegistry) => Promise<void>) =>
    test(`conformance: ${algorithm} blobs/${name}`, async () => {
      await using registry = await startEmbeddedRegistry();
      await run(registry);
    });

  named("get-missing", (registry) => assertGone(registry, randomContent(algorithm)));

  named("post only", async (registry) => {
    const blob = randomContent(algorithm);
    const answer = await registry.send("POST", finish(UPLOADS, blob), { body: blob.bytes });
    assertCreated(answer, blob);
    await assertServed(registry, blob);
    assert.equal((await registry.send("DELETE", blobPath(blob))).status, 202);
    await assertGone(registry, blob);
    assert.equal((await registry.send("DELETE", blobPath(blob))).status, 404);
  });

  named("post+put", async (registry) => {
    const blob = randomContent(algorithm);
    const location = await start(registry, `?digest-algorithm=${algorithm}`);
    assertCreated(await registry.send("PUT", finish(location, blob), { body: blob.bytes }), blob);
    await assertServed(registry, blob);
    const again = await registry.send("GET", location);
    assert.deepEqual([again.status, errorCodeOf(again)], [404, "BLOB_UPLOAD_UNKNOWN"]);
  });

  named("chunked single", async (registry) => {
    const blob = randomContent(algorithm);
    const location = await start(registry);
    const patched = await registry.send("PATCH", location, chunk(blob.bytes, 0, blob.size - 1));
    assert.equal(patched.status, 202);
    assertCreated(await registry.send("PUT", finish(location, blob)), blob);
    await assertServed(registry, blob);
  });

  named("stream", async (registry) => {
    const blob = randomContent(algorithm, 300_000);
    const location = await start(registry);
    const stream = { body: blob.bytes, chunked: true };
    const { status, headers } = await registry.send("PATCH", location, stream);
    assert.deepEqual([status, headers.range], [202, `0-${blob.size - 1}`]);
    assertCreated(await registry.send("PUT", finish(location, blob)), blob);
    await assertServed(registry, blob);
  });

  named("mount", async (registry) => {
    const blob = randomContent(algorithm);
    await registry.pushBlob(REPO2, blob);
    const mounted = await registry.send("POST", `${UPLOADS}?mount=${blob.digest}&from=${REPO2}`);
    assertCreated(mounted, blob);
    assert.equal((await registry.send("DELETE", blobPath(blob, REPO2))).status, 202);
    await assertServed(registry, blob);
  });

  named("mount anonymous", async (registry) => {
    const blob = randomContent(algorithm);
    await registry.pushBlob(REPO2, blob);
    assertCreated(await registry.send("POST", `${UPLOADS}?mount=${blob.digest}`), blob);
    await assertServed(registry, blob);
  });

  named("mount missing", async (registry) => {
    const blob = randomContent(algorithm);
    await registry.pushBlob("elsewhere", blob);
    const location = await start(registry, `?mount=${blob.digest}&from=${REPO2}`);
    assertCreated(await registry.send("PUT", finish(location, blob), { body: blob.bytes }), blob);
    await assertServed(registry, blob);
  });

  named("post cancel", async (registry) => {
    const blob = randomContent(algorithm);
    const location = await start(registry);
    await registry.send("PATCH", location, { body: blob.bytes });
    assert.equal((await registry.send("DELETE", location)).status, 204);
    for (const method of ["GET", "PATCH", "DELETE"]) {
      const after = await registry.send(method, location);
      assert.deepEqual([after.status, errorCodeOf(after)], [404, "BLOB_UPLOAD_UNKNOWN"]);
    }
    assert.equal((await registry.send("PUT", finish(location, blob))).status, 404);
    await assertGone(registry, blob);
  });

  for (const outOfOrder of [false, true]) {
    const kind = outOfOrder ? "chunked out-of-order" : "chunked multi";

    named(kind, async (registry) => {
      const blob = randomContent(algorithm, CHUNK_BYTES * 3 - 5);
      const { location, first } = await sendChunks(registry, blob.bytes, { outOfOrder });
      const last = chunk(blob.bytes, first, blob.size - 1);
      assert.equal((await registry.send("PATCH", location, last)).status, 202);
      assertCreated(await registry.send("PUT", finish(location, blob)), blob);
      await assertServed(registry, blob);
    });

    named(`${kind} and put chunk`, async (registry) => {
      const blob = randomContent(algorithm, CHUNK_BYTES * 3 - 5);
      const { location, first } = await sendChunks(registry, blob.bytes, { outOfOrder });
      const target = finish(location, blob);
      if (outOfOrder) await sendOutOfOrder(registry, target, blob.bytes, first, "PUT");
      const last = chunk(blob.bytes, first, blob.size - 1);
      assertCreated(await registry.send("PUT", target, last), blob);
      await assertServed(registry, blob);
    });
  }

  const ranges: readonly (readonly [string, number, number] | readonly [string])[] = [
    ["500-1499", 500, 1499],
    ["500-", 500, 2047],
    ["-500", 1548, 2047],
    ["2000-5000", 2000, 2047],
    ["500-0"],
    ["5000-10000"],
  ];
  for (const [range, first, last] of ranges) {
    named(`range requests/range ${range}`, async (registry) => {
      const blob = randomContent(algorithm, 2048);
      await registry.pushBlob(REPO, blob);
      const headers = { range: `bytes=${range}` };
      const answer = await registry.send("GET", blobPath(blob), { headers });
      if (first === undefined || last === undefined) {
        assert.equal(answer.status, 416);
        assert.equal(answer.headers["content-range"], "bytes */2048");
        return;
      }
      assert.equal(answer.status, 206);
      assert.equal(answer.headers["content-range"], `bytes ${first}-${last}/2048`);
      assert.equal(answer.headers["content-length"], String(last - first + 1));
      assert.deepEqual([...answer.body], [...blob.bytes.subarray(first, last + 1)]);
    });
  }

  for (const [name, text] of [["empty", ""], ["emptyJSON", "{}"]] as const) {
    named(name, async (registry) => {
      const blob = content(text, "application/octet-stream", algorithm);
      await registry.pushBlob(REPO, blob);
      await assertServed(registry, blob);
      assert.equal((await registry.send("DELETE", blobPath(blob))).status, 202);
      await assertGone(registry, blob);
    });
  }

  for (
    const name of ["post only", "post+put", "chunked", "chunked and put chunk", "stream"] as const
  ) {
    named(`bad digest ${name}`, async (registry) => {
      const { bytes } = randomContent(algorithm, CHUNK_BYTES * 3 - 5);
      const blob = { ...randomContent(algorithm), bytes };
      if (name === "post only") {
        assertRefused(await registry.send("POST", finish(UPLOADS, blob), { body: bytes }));
      } else if (name === "post+put") {
        const target = finish(await start(registry), blob);
        assertRefused(await registry.send("PUT", target, { body: bytes }));
      } else if (name === "stream") {
        const location = await start(registry);
        await registry.send("PATCH", location, { body: bytes, chunked: true });
        assertRefused(await registry.send("PUT", finish(location, blob)));
      } else {
        const { location, first } = await sendChunks(registry, bytes, { outOfOrder: false });
        const last = chunk(bytes, first, bytes.length - 1);
        if (name === "chunked") await registry.send("PATCH", location, last);
        const put = name === "chunked" ? {} : last;
        assertRefused(await registry.send("PUT", finish(location, blob), put));
      }
      await assertGone(registry, blob);
      await assertGone(registry, content(bytes, "application/octet-stream", algorithm));
    });
  }
}

test("S5: an upload is of one repository alone", async () => {
  await using registry = await startEmbeddedRegistry();
  const location = await start(registry);
  const other = location.replace(REPO, REPO2);
  for (const method of ["GET", "PATCH", "DELETE"]) {
    assert.equal((await registry.send(method, other)).status, 404);
  }
  assert.equal((await registry.send("GET", location)).status, 204);
});

test("S5: a chunk that is longer or shorter than its Content-Range is as if never sent", async () => {
  await using registry = await startEmbeddedRegistry();
  const blob = randomContent("sha256", 3000);
  const location = await start(registry);
  await registry.send("PATCH", location, chunk(blob.bytes, 0, 999));
  for (const last of [1000, 1500, 2999]) {
    const { headers } = chunk(blob.bytes, 1000, last);
    const wrong = { headers, body: blob.bytes.subarray(1000, 2000) };
    const answer = await registry.send("PATCH", location, wrong);
    assert.deepEqual([answer.status, errorCodeOf(answer)], [400, "SIZE_INVALID"]);
    assert.equal((await registry.send("GET", location)).headers.range, "0-999");
  }
  for (const range of ["bytes 1000-1999/3000", "1000", "1999-1000", "-1", "1000-", "a-b"]) {
    const headers = { "content-range": range };
    const answer = await registry.send("PATCH", location, { headers, body: blob.bytes });
    assert.deepEqual([answer.status, errorCodeOf(answer)], [400, "BLOB_UPLOAD_INVALID"]);
  }
  await registry.send("PATCH", location, { body: blob.bytes.subarray(1000) });
  assertCreated(await registry.send("PUT", finish(location, blob)), blob);
  await assertServed(registry, blob);
});

test("S10: what is no single byte range is answered with all bytes", async () => {
  await using registry = await startEmbeddedRegistry();
  const blob = randomContent("sha256", 2048);
  await registry.pushBlob(REPO, blob);
  for (const range of ["bytes=0-1,5-6", "lines=1-2", "bytes=", "bytes=a-b", "bytes=-"]) {
    const answer = await registry.send("GET", blobPath(blob), { headers: { range } });
    assert.deepEqual([answer.status, answer.body.length], [200, 2048], range);
  }
  for (const [condition, status] of [[`"${blob.digest}"`, 206], ['"other"', 200]] as const) {
    const headers = { range: "bytes=0-9", "if-range": condition };
    assert.equal((await registry.send("GET", blobPath(blob), { headers })).status, status);
  }
  const head = await registry.send("HEAD", blobPath(blob), { headers: { range: "bytes=0-9" } });
  assert.deepEqual([head.status, head.headers["content-length"]], [200, "2048"]);
});
