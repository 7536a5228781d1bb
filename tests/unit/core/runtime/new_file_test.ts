import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import process from "node:process";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { createNewFile } from "../../../../core/runtime/new_file.ts";
import { createTempFolder } from "../../../support/temp_folder.ts";

const BYTES = new TextEncoder().encode("content");
const NO_PIPES = process.platform === "win32" ? "there are no named pipes" : false;

test("a new file has its name when it is whole, and no other is left", async () => {
  await using folder = await createTempFolder();
  for (const name of ["short", "x".repeat(255), "ä".repeat(120)]) {
    const file = await createNewFile(folder.join(name));
    await file.write(BYTES);
    assert.ok(!readdirSync(folder.path).includes(name));
    await file.commit();
    file.discard();
    assert.equal(readFileSync(folder.join(name), "utf8"), "content");
  }
  assert.equal(readdirSync(folder.path).length, 3);
});

test("a file that cannot be given its name leaves nothing", async () => {
  await using folder = await createTempFolder();
  const file = await createNewFile(folder.join("layer"));
  await file.write(BYTES);
  // Somebody else takes the name meanwhile.
  mkdirSync(folder.join("layer", "more"), { recursive: true });
  await assert.rejects(file.commit(), { code: "OUTPUT" });
  assert.deepEqual(readdirSync(folder.path), ["layer"]);
  await assert.rejects(file.write(BYTES), TypeError);
});

test("a file that is given up leaves nothing, and what was there before stays", async () => {
  await using folder = await createTempFolder();
  writeFileSync(folder.join("layer"), "old");
  const listeners = process.listenerCount("exit");
  const file = await createNewFile(folder.join("layer"));
  await file.write(BYTES);
  file.discard();
  file.discard();
  assert.deepEqual(readdirSync(folder.path), ["layer"]);
  assert.equal(readFileSync(folder.join("layer"), "utf8"), "old");
  assert.equal(process.listenerCount("exit"), listeners);
});

test("54: a link is replaced, and what it leads to is not touched, nor made", async () => {
  await using folder = await createTempFolder();
  mkdirSync(folder.join("out"));
  writeFileSync(folder.join("victim"), "precious");
  for (const target of ["../victim", "../new"]) {
    const path = folder.join("out", target.slice(3));
    symlinkSync(target, path);
    const file = await createNewFile(path);
    await file.write(BYTES);
    await file.commit();
    assert.equal(readFileSync(path, "utf8"), "content");
  }
  assert.equal(readFileSync(folder.join("victim"), "utf8"), "precious");
  assert.deepEqual(readdirSync(folder.path).sort(), ["out", "victim"]);
});

test("a named pipe is written to, and stays one", { skip: NO_PIPES }, async () => {
  await using folder = await createTempFolder();
  const path = folder.join("pipe");
  execFileSync("mkfifo", [path]);
  const reader = spawn("cat", [path], { stdio: ["ignore", "pipe", "inherit"] });
  const read = text(reader.stdout);
  const file = await createNewFile(path);
  await file.write(BYTES);
  await file.commit();
  assert.equal(await read, "content");
  assert.ok(statSync(path).isFIFO());
  assert.deepEqual(readdirSync(folder.path), ["pipe"]);
});

test("what replaces a file is open to the same people", async () => {
  await using folder = await createTempFolder();
  for (const mode of [0o600, 0o640, 0o755]) {
    const path = await folder.write("layer", "old", mode);
    chmodSync(path, mode);
    const file = await createNewFile(path);
    await file.write(BYTES);
    await file.commit();
    assert.equal(statSync(path).mode & 0o777, mode);
  }
});

test("F24: a disk that is full is told by the file's name", {
  skip: process.platform === "linux" ? false : "there is no /dev/full",
}, async () => {
  await using folder = await createTempFolder();
  // By a link, so that not even a mistake could replace the device.
  symlinkSync("/dev/full", folder.join("layer"));
  const file = await createNewFile(folder.join("layer"));
  await assert.rejects(file.write(BYTES), {
    code: "OUTPUT",
    message: `Cannot write ${folder.join("layer")}: the disk is full`,
  });
  file.discard();
});
