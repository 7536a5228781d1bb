import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";

import { SYSTEM_CLOCK } from "../../../../core/runtime/system_clock.ts";
import { updateFile } from "../../../../core/runtime/update_file.ts";
import { assertRejects } from "../../../support/assert_error.ts";
import { createFakeClock } from "../../../support/fake_host.ts";
import { createTempFolder } from "../../../support/temp_folder.ts";

const LIMITS = { maxBytes: 100_000 };
const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);
const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

/** Adds to a file's text. */
function append(path: string, text: string, clock = SYSTEM_CLOCK): Promise<void> {
  return updateFile(clock, path, (old) => encode((decode(old) ?? "") + text), LIMITS);
}

/** The clock of the files, which stands still until somebody waits. */
function createClock() {
  return createFakeClock(Date.now());
}

test("69: a new file is for its owner alone, and so are the folders above it", async () => {
  await using folder = await createTempFolder();
  const path = folder.join("a", "b", "config.json");
  await append(path, "one");
  assert.equal(await readFile(path, "utf8"), "one");
  const modes = await Promise.all([folder.join("a"), folder.join("a", "b"), path].map(modeOf));
  assert.deepEqual(modes, [0o700, 0o700, 0o600]);
  assert.deepEqual(await readdir(folder.join("a", "b")), ["config.json"]);
});

test("69: a file that others can read is closed to them, whether it changes or not", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("config.json", "one", 0o644);
  await append(path, " two");
  assert.equal(await modeOf(path), 0o600);
  await chmod(path, 0o644);
  const before = await stat(path);
  await updateFile(SYSTEM_CLOCK, path, () => undefined, LIMITS);
  const after = await stat(path);
  assert.deepEqual([after.mode & 0o777, after.ino, after.mtimeMs], [
    0o600,
    before.ino,
    before.mtimeMs,
  ]);
});

test("69: readers see the old file or the new one", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("config.json", "one");
  const before = await stat(path);
  await append(path, " two");
  assert.notEqual((await stat(path)).ino, before.ino);
  assert.equal(await readFile(path, "utf8"), "one two");
});

test("69: a file keeps its owner", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("only the superuser can give a file away");
  const { chown } = await import("node:fs/promises");
  await using folder = await createTempFolder();
  const path = await folder.write("config.json", "one");
  await chown(path, 12345, 23456);
  await append(path, " two");
  const { uid, gid, mode } = await stat(path);
  assert.deepEqual([uid, gid, mode & 0o777], [12345, 23456, 0o600]);
});

test("70: a file that does not change is not written to, not even beside it", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("config.json", "one", 0o444);
  await utimes(folder.path, 1, 1);
  const before = await stat(path);
  let calls = 0;
  await updateFile(SYSTEM_CLOCK, path, () => void calls++, LIMITS);
  const after = await stat(path);
  assert.deepEqual([after.ino, after.mtimeMs, after.mode], [
    before.ino,
    before.mtimeMs,
    before.mode,
  ]);
  assert.equal((await stat(folder.path)).mtimeMs, 1000);
  assert.equal(calls, 1);
  const missing = folder.join("none", "config.json");
  await updateFile(SYSTEM_CLOCK, missing, () => undefined, LIMITS);
  assert.deepEqual(await readdir(folder.path), ["config.json"]);
});

test("70: a link stays, and what it leads to is replaced", async () => {
  await using folder = await createTempFolder();
  await folder.write("real/config.json", "one");
  await mkdir(folder.join("docker"));
  const cases = [
    ["absolute", folder.join("real", "config.json")],
    ["relative", "../real/config.json"],
    ["second", "relative"],
  ] as const;
  for (const [name, target] of cases) {
    const link = folder.join("docker", name);
    await symlink(target, link);
    await append(link, ` ${name}`);
    assert.equal(await readlink(link), target);
  }
  const text = await readFile(folder.join("real", "config.json"), "utf8");
  assert.equal(text, "one absolute relative second");
  assert.deepEqual(await readdir(folder.join("real")), ["config.json"]);
});

test("70: a link that leads nowhere yet gets its target, folders included", async () => {
  await using folder = await createTempFolder();
  await symlink("new/deep/config.json", folder.join("config.json"));
  await append(folder.join("config.json"), "one");
  assert.ok((await lstat(folder.join("config.json"))).isSymbolicLink());
  const target = folder.join("new", "deep", "config.json");
  assert.equal(await readFile(target, "utf8"), "one");
  assert.deepEqual([await modeOf(folder.join("new")), await modeOf(target)], [0o700, 0o600]);
});

test("70: two dots in a link behind a linked folder mean the folder's own parent", async () => {
  await using folder = await createTempFolder();
  await folder.write("dotfiles/shared.json", "one");
  await mkdir(folder.join("dotfiles", "docker"));
  await symlink("../shared.json", folder.join("dotfiles", "docker", "config.json"));
  await symlink("dotfiles/docker", folder.join(".docker"));
  await append(folder.join(".docker", "config.json"), " two");
  assert.equal(await readFile(folder.join("dotfiles", "shared.json"), "utf8"), "one two");
  assert.deepEqual((await readdir(folder.path)).sort(), [".docker", "dotfiles"]);
});

test("70: links in a circle are refused", async () => {
  await using folder = await createTempFolder();
  await symlink("b", folder.join("a"));
  await symlink("a", folder.join("b"));
  for (const name of ["a", "a/config.json"]) {
    const path = folder.join(name);
    const run = () => append(path, "one");
    const error = await assertRejects(run, "CONFIG", /its links lead in a circle$/);
    assert.ok(error.message.includes(path));
  }
  assert.deepEqual((await readdir(folder.path)).sort(), ["a", "b"]);
});

test("69: what cannot be written is named, and nothing is left behind", async () => {
  await using folder = await createTempFolder();
  await folder.write("file", "one");
  await mkdir(folder.join("folder"));
  const cases = [
    [folder.join("file", "config.json"), /^Cannot write .*file.config\.json: E(NOTDIR|EXIST)$/],
    [folder.join("folder"), /^Cannot write .*folder: it is not a plain file$/],
    ["/proc/nope/config.json", /^Cannot write \/proc\/nope\/config\.json: E/],
  ] as const;
  for (const [path, message] of cases) {
    await assertRejects(() => append(path, "two"), "CONFIG", message);
  }
  assert.deepEqual((await readdir(folder.path)).sort(), ["file", "folder"]);
  const large = await folder.write("large", "x".repeat(100_001));
  await assertRejects(() => append(large, "two"), "CONFIG", /larger than 100000 bytes$/);
});

test("69: what the change throws leaves the file as it was", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("config.json", "one");
  let calls = 0;
  const change = () => {
    // The second call is the one under the lock.
    if (calls++ === 1) throw new TypeError("a bug");
    return encode("two");
  };
  await assert.rejects(() => updateFile(SYSTEM_CLOCK, path, change, LIMITS), TypeError);
  assert.equal(await readFile(path, "utf8"), "one");
  assert.deepEqual(await readdir(folder.path), ["config.json"]);
});

test("F33: a change is made on what another program has written meanwhile", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("config.json", "one");
  const lock = await folder.write("config.json.lock", "another program's");
  const clock = createClock();
  const waiting = {
    ...clock,
    sleep: async () => {
      await writeFile(path, "one two");
      await rename(lock, folder.join("given-back"));
    },
  };
  await append(path, " three", waiting);
  assert.equal(await readFile(path, "utf8"), "one two three");
  assert.deepEqual((await readdir(folder.path)).sort(), ["config.json", "given-back"]);
});

test("F33: a lock that is renewed again and again is an error in the end", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("config.json", "one");
  const clock = createClock();
  const busy = {
    ...clock,
    sleep: async (ms: number) => {
      await clock.sleep(ms);
      const lock = await folder.write("config.json.lock", "another program's");
      await utimes(lock, clock.now() / 1000, clock.now() / 1000);
    },
  };
  await folder.write("config.json.lock", "another program's");
  const error = await assertRejects(() => append(path, " two", busy), "CONFIG");
  assert.equal(error.message, `Cannot write ${path}: another program holds ${path}.lock`);
  const waited = clock.waits.reduce((sum, ms) => sum + ms, 0);
  assert.ok(waited >= 15_000 && waited < 16_000, `${waited} ms`);
  assert.equal(await readFile(path, "utf8"), "one");
});

test("F33: what a killed program left is cleared away after ten seconds", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("config.json", "one");
  const id = crypto.randomUUID();
  for (const left of [id, "", "../../not-an-id"]) {
    await folder.write("config.json.lock", left);
    await folder.write(`config.json.${id}.tmp`, "half");
    const clock = createClock();
    await append(path, "+", clock);
    const waited = clock.waits.reduce((sum, ms) => sum + ms, 0);
    assert.ok(waited > 9000 && waited <= 10_100, `${waited} ms`);
    const names = await readdir(folder.path);
    assert.deepEqual(names.includes(`config.json.${id}.tmp`), left !== id);
    assert.ok(!names.some((name) => name.includes(".lock")));
  }
  assert.equal(await readFile(path, "utf8"), "one+++");
});

test("F33: what a lock says of itself removes no other file", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("config.json", "one");
  await folder.write("victim.tmp", "mine");
  await folder.write("config.json.x/file", "mine");
  await folder.write("config.json.lock", "x/../victim");
  await append(path, " two", createClock());
  assert.equal(await readFile(folder.join("victim.tmp"), "utf8"), "mine");
  assert.equal(await readFile(path, "utf8"), "one two");
});

test("F33: who lost the lock on the way starts over", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("config.json", "one");
  let calls = 0;
  await updateFile(
    createClock(),
    path,
    (old) => {
      calls++;
      // Another program has taken the lock over, written, and given it back.
      if (calls === 2) {
        rmSync(`${path}.lock`);
        writeFileSync(path, "one two");
      }
      return encode(`${decode(old)} three`);
    },
    LIMITS,
  );
  assert.equal(calls, 3);
  assert.equal(await readFile(path, "utf8"), "one two three");
  assert.deepEqual(await readdir(folder.path), ["config.json"]);
});

test("F33: the wait for another program ends with the call", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("config.json", "one");
  await folder.write("config.json.lock", "another program's");
  const abort = new AbortController();
  abort.abort(new TypeError("enough"));
  const run = updateFile(createClock(), path, () => encode("two"), {
    ...LIMITS,
    signal: abort.signal,
  });
  await assert.rejects(run, { message: "enough" });
  assert.equal(await readFile(path, "utf8"), "one");
});
