import assert from "node:assert/strict";
import { test } from "node:test";

import type { CacheFolder } from "../../../../core/host.ts";
import { ContentCache } from "../../../../core/inventory/content_cache.ts";
import { computeDigest } from "../../../../core/oci/hash.ts";
import { createFakeHost } from "../../../support/fake_host.ts";

/** A cache whose folder is a map. */
async function open() {
  const files = new Map<string, Uint8Array>();
  const folder: CacheFolder = {
    read: (name, maxBytes) => {
      const bytes = files.get(name);
      return bytes && bytes.byteLength <= maxBytes ? bytes : undefined;
    },
    write: (name, bytes) => void (files.has(name) || files.set(name, bytes)),
    remove: (name) => void files.delete(name),
    trim: () => {},
    measure: () => ({ files: files.size, bytes: 0 }),
    clear: () => ({ files: 0, bytes: 0, failed: 0 }),
  };
  const host = { ...createFakeHost(), openCache: () => Promise.resolve(folder) };
  const cache = await ContentCache.open(host);
  assert.ok(cache);
  return { cache, files };
}

const BYTES = new TextEncoder().encode("content");

test("content is kept under its digest, of either algorithm, and only read when it is that", async () => {
  for (const algorithm of ["sha256", "sha512"] as const) {
    const { cache, files } = await open();
    const digest = computeDigest(BYTES, algorithm);
    assert.equal(cache.read(digest), undefined);
    cache.write(digest, BYTES);
    const [[name = ""] = []] = files;
    assert.match(name, new RegExp(`^([0-9a-f]{2})/${algorithm}-\\1[0-9a-f]+$`));
    assert.deepEqual(cache.read(digest), BYTES);
    files.set(name, BYTES.slice(1));
    assert.deepEqual([cache.read(digest), files.size], [undefined, 0]);
  }
});

test("what is no digest names no file", async () => {
  const { cache, files } = await open();
  for (const name of ["", "sha256:00", "../../etc/passwd", `md5:${"0".repeat(32)}`]) {
    cache.write(name, BYTES);
    assert.equal(cache.read(name), undefined);
  }
  assert.equal(files.size, 0);
});

test("the tags that were read are noted for each repository, as many as fit", async () => {
  const { cache } = await open();
  assert.equal(cache.tagsRead("r.example/a").size, 0);
  cache.noteTagsRead("r.example/a", new Set(["1", "2"]));
  cache.noteTagsRead("r.example/b", new Set(["3"]));
  cache.noteTagsRead("r.example/a", new Set(["1", "2", "4"]));
  assert.deepEqual([...cache.tagsRead("r.example/a")], ["1", "2", "4"]);
  assert.deepEqual([...cache.tagsRead("r.example/b")], ["3"]);
  cache.noteTagsRead("r.example/a", new Set(Array.from({ length: 50_000 }, (_, i) => `tag-${i}`)));
  const { size } = cache.tagsRead("r.example/a");
  assert.ok(size > 20_000 && size < 50_000, `${size}`);
});
