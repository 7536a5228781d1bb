import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { test } from "node:test";
import { SYSTEM_CLOCK } from "../../../../core/runtime/system_clock.ts";
import { updateFile } from "../../../../core/runtime/update_file.ts";
import { createTempFolder } from "../../../support/temp_folder.ts";

test("70: two dots behind a link within a link mean what they mean to the system", async () => {
  await using folder = await createTempFolder();
  await folder.write("far/shared.json", "one");
  mkdirSync(folder.join("far", "deep"));
  symlinkSync("far/deep", folder.join("near"));
  symlinkSync("near/../shared.json", folder.join("config.json"));
  const add = (old?: Uint8Array) =>
    new TextEncoder().encode(`${new TextDecoder().decode(old)} two`);
  await updateFile(SYSTEM_CLOCK, folder.join("config.json"), add, { maxBytes: 1000 });
  assert.equal(readFileSync(folder.join("far", "shared.json"), "utf8"), "one two");
  assert.deepEqual(readdirSync(folder.path).sort(), ["config.json", "far", "near"]);
});
