import assert from "node:assert/strict";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { test } from "node:test";
import { readSmallFile } from "../../../../core/runtime/files.ts";
import { assertRejects } from "../../../support/assert_error.ts";
import { createTempFolder } from "../../../support/temp_folder.ts";

/** Why a device cannot be tried; false where it can. */
const without = (path: string) => existsSync(path) ? false : `there is no ${path}`;

test("73: a file is read whole, up to the limit and no further", async () => {
  await using folder = await createTempFolder();
  for (const size of [0, 1, 65_536, 100_000]) {
    const path = await folder.write("file", "x".repeat(size));
    assert.equal(readSmallFile(path, 100_000)?.byteLength, size);
  }
  const path = await folder.write("file", "x".repeat(100_001));
  await assertRejects(() => readSmallFile(path, 100_000), "CONFIG", /larger than 100000 bytes$/);
});

test("73: what is not there is undefined, and what cannot be read is named", async () => {
  await using folder = await createTempFolder();
  const file = await folder.write("file", "x");
  assert.equal(readSmallFile(folder.join("none"), 10), undefined);
  assert.equal(readSmallFile(`${file}/none`, 10), undefined);
  mkdirSync(folder.join("folder"));
  await assertRejects(
    () => readSmallFile(folder.join("folder"), 10),
    "CONFIG",
    /^Cannot read .*folder: EISDIR$/,
  );
});

test(
  "73: a device without end is refused by what comes",
  { skip: without("/dev/zero") },
  async () => {
    await using folder = await createTempFolder();
    const path = folder.join("config.json");
    symlinkSync("/dev/zero", path);
    const error = await assertRejects(() => readSmallFile(path, 1_000_000), "CONFIG");
    assert.equal(error.message, `Cannot read ${path}: it is larger than 1000000 bytes`);
  },
);

test("73: a device with nothing in it is empty", { skip: without("/dev/null") }, async () => {
  await using folder = await createTempFolder();
  symlinkSync("/dev/null", folder.join("config.json"));
  assert.equal(readSmallFile(folder.join("config.json"), 10)?.byteLength, 0);
});
