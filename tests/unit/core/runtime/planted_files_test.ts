import assert from "node:assert/strict";
import { chmodSync, chownSync, lchownSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { lstatSync, symlinkSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { updateFile } from "../../../../core/runtime/update_file.ts";
import { assertRejects } from "../../../support/assert_error.ts";
import { createFakeClock } from "../../../support/fake_host.ts";
import { createTempFolder, type TempFolder } from "../../../support/temp_folder.ts";

const skip = process.geteuid?.() === 0 ? false : "only the superuser can give files away";
const OTHER = 12345;
const THIRD = 23456;

const append = (path: string) =>
  updateFile(
    createFakeClock(Date.now()),
    path,
    (old) => new TextEncoder().encode(`${new TextDecoder().decode(old)} two`),
    { maxBytes: 1000 },
  );

/** A folder in `folder` with a file `config.json`, and with a link to `real.json` beside it. */
async function plant(
  folder: TempFolder,
  { mode, folderOwner, owner }: { mode: number; folderOwner: number; owner: number },
) {
  await folder.write("real.json", "one");
  const inside = folder.join("docker");
  mkdirSync(inside);
  const file = await folder.write("docker/config.json", "one");
  const link = folder.join("docker", "link.json");
  symlinkSync("../real.json", link);
  chownSync(file, owner, owner);
  lchownSync(link, owner, owner);
  chownSync(inside, folderOwner, folderOwner);
  chmodSync(inside, mode);
  return { inside, file, link, real: folder.join("real.json") };
}

test("70: what another user put where others can write is refused, and nothing is written", {
  skip,
}, async () => {
  for (const mode of [0o777, 0o1777, 0o757]) {
    for (const folderOwner of [0, THIRD]) {
      await using folder = await createTempFolder();
      const { inside, file, link, real } = await plant(folder, { mode, folderOwner, owner: OTHER });
      const rest = "of another user, in a folder that everybody can write to";
      const forFile = await assertRejects(() => append(file), "CONFIG");
      assert.equal(
        forFile.message,
        `Cannot write ${file}: it belongs to another user, in a folder that everybody can write to`,
      );
      const forLink = await assertRejects(() => append(link), "CONFIG");
      assert.equal(forLink.message, `Cannot write ${link}: ${link} is a link ${rest}`);
      assert.deepEqual([file, real].map((path) => readFileSync(path, "utf8")), ["one", "one"]);
      assert.deepEqual(readdirSync(inside).sort(), ["config.json", "link.json"]);
      assert.deepEqual(readdirSync(folder.path).sort(), ["docker", "real.json"]);
    }
  }
});

test("70: what the folder's owner or we ourselves put there is not", { skip }, async () => {
  const cases = [
    // With sudo: the files of the user whose folder it is.
    { mode: 0o755, folderOwner: OTHER, owner: OTHER },
    { mode: 0o1777, folderOwner: OTHER, owner: OTHER },
    { mode: 0o1777, folderOwner: OTHER, owner: 0 },
    { mode: 0o1777, folderOwner: 0, owner: 0 },
    { mode: 0o1777, folderOwner: THIRD, owner: 0 },
    // A group is trusted, as in a home that is shared by one.
    { mode: 0o2775, folderOwner: 0, owner: OTHER },
    // Nobody but its owner could have put it there.
    { mode: 0o755, folderOwner: 0, owner: OTHER },
  ];
  for (const it of cases) {
    await using folder = await createTempFolder();
    const { inside, file, link, real } = await plant(folder, it);
    await append(file);
    await append(link);
    assert.deepEqual([file, real].map((path) => readFileSync(path, "utf8")), [
      "one two",
      "one two",
    ]);
    const { uid, gid, mode } = lstatSync(file);
    assert.deepEqual([uid, gid, mode & 0o777], [it.owner, it.owner, 0o600]);
    assert.ok(lstatSync(link).isSymbolicLink());
    assert.deepEqual(readdirSync(inside).sort(), ["config.json", "link.json"]);
  }
});
