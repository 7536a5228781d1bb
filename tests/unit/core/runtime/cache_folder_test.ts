import assert from "node:assert/strict";
import { chmodSync, existsSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { openCacheFolder } from "../../../../core/runtime/cache_folder.ts";
import { createTempFolder } from "../../../support/temp_folder.ts";

const DAY_S = 86_400;
const isRoot = process.getuid?.() === 0;

async function open() {
  const folder = await createTempFolder();
  const path = folder.join("cache");
  const cache = openCacheFolder(path);
  assert.ok(cache);
  return { path, cache, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

const bytes = (length: number) => new Uint8Array(length).fill(7);

test("what was written is read, and a larger file than expected is not", async () => {
  await using scene = await open();
  const { cache } = scene;
  assert.equal(cache.read("a/00/x", 10), undefined);
  cache.write("a/00/x", bytes(10));
  assert.deepEqual(cache.read("a/00/x", 10)?.length, 10);
  assert.equal(cache.read("a/00/x", 9), undefined);
  assert.equal(cache.read("a/00", 100), undefined);
  cache.write("a/00/x", bytes(3));
  assert.deepEqual(cache.read("a/00/x", 10)?.length, 3);
  cache.remove("a/00/x");
  cache.remove("a/00/x");
  assert.equal(cache.read("a/00/x", 10), undefined);
});

test("trim removes what was used longest ago, in the folders that were written to", async () => {
  await using scene = await open();
  const { path, cache } = scene;
  const now = Date.now() / 1000;
  for (let i = 0; i < 20; i++) {
    cache.write(`a/00/${i}`, bytes(5000));
    utimesSync(join(path, `a/00/${i}`), now, now - (100 - i) * DAY_S);
  }
  // Read again after a long time, which is noted.
  assert.ok(cache.read("a/00/3", 5000));
  // What a process left that was killed counts, too.
  writeFileSync(join(path, "a/00/.left"), bytes(8192));
  utimesSync(join(path, "a/00/.left"), now, now - 200 * DAY_S);
  cache.trim(100_000);
  const left = readdirSync(join(path, "a/00")).sort();
  // Two blocks each: 9 of them are within three quarters of the limit.
  assert.deepEqual(left, ["12", "13", "14", "15", "16", "17", "18", "19", "3"]);
  const other = openCacheFolder(path);
  other?.trim(0);
  assert.equal(readdirSync(join(path, "a/00")).length, 9);
});

test("a use is noted once a day, so that reading does not write", async () => {
  await using scene = await open();
  const { path, cache } = scene;
  cache.write("a/00/x", bytes(1));
  const file = join(path, "a/00/x");
  const now = Date.now() / 1000;
  for (const [ageS, isNoted] of [[DAY_S / 2, false], [2 * DAY_S, true]] as const) {
    utimesSync(file, now, now - ageS);
    cache.read("a/00/x", 10);
    const noted = Math.abs(statSync(file).mtimeMs / 1000 - now) < 60;
    assert.equal(noted, isNoted);
  }
});

test("measure and clear look at the folders they are told", async () => {
  await using scene = await open();
  const { path, cache } = scene;
  cache.write("a/00/x", bytes(1));
  cache.write("a/01/y", bytes(4097));
  cache.write("b/00/z", bytes(0));
  cache.write("c/00/other", bytes(1));
  assert.deepEqual(cache.measure(["a", "b", "none"]), { files: 3, bytes: 4 * 4096 });
  assert.deepEqual(cache.clear(["a", "b", "none"]), { files: 3, bytes: 4 * 4096 });
  assert.deepEqual(readdirSync(path), ["c"]);
  // It goes on as before.
  cache.write("a/00/x", bytes(1));
});

test("a folder that cannot be written to is read from, and says nothing", {
  skip: isRoot && "root may write anywhere",
}, async () => {
  await using scene = await open();
  const { path, cache } = scene;
  cache.write("a/00/x", bytes(1));
  chmodSync(join(path, "a/00"), 0o500);
  cache.write("a/00/y", bytes(1));
  cache.write("a/01/z", bytes(1));
  assert.deepEqual([existsSync(join(path, "a/01")), cache.read("a/00/x", 9)?.length], [false, 1]);
});

test("what is no folder is no cache", async () => {
  await using folder = await createTempFolder();
  await folder.write("file", "x");
  assert.equal(openCacheFolder(folder.join("file")), undefined);
});
