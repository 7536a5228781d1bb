import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import process from "node:process";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { openAppendLog } from "../../../../core/runtime/append_log.ts";
import { createTempFolder } from "../../../support/temp_folder.ts";

const NO_PIPES = process.platform === "win32" ? "there are no named pipes" : false;

test("a log is for its owner alone, and so are the folders above it", async () => {
  await using folder = await createTempFolder();
  const log = await openAppendLog(folder.join("state", "regctl", "log"));
  await log.append("line\n");
  await log.close();
  assert.equal(readFileSync(folder.join("state", "regctl", "log"), "utf8"), "line\n");
  if (process.platform === "win32") return;
  const mode = (...names: string[]) => statSync(folder.join(...names)).mode & 0o777;
  assert.equal(mode("state", "regctl", "log"), 0o600);
  assert.deepEqual([mode("state"), mode("state", "regctl")], [0o700, 0o700]);
});

test("a log that is there is added to, and closed to others", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("log", "old\n");
  chmodSync(path, 0o644);
  const log = await openAppendLog(path);
  await log.append("new\n");
  await log.close();
  assert.equal(readFileSync(path, "utf8"), "old\nnew\n");
  if (process.platform !== "win32") assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("what is appended at once arrives whole and in order", async () => {
  await using folder = await createTempFolder();
  const log = await openAppendLog(folder.join("log"));
  const lines = Array.from({ length: 300 }, (_, i) => `${i} ${"x".repeat(i * 31)}\n`);
  // What is promised is on the disk, whatever else is under way.
  await Promise.all(lines.map(async (line, i) => {
    if (i % 100 === 50) await Promise.resolve();
    await log.append(line);
    assert.ok(readFileSync(folder.join("log"), "utf8").includes(line));
  }));
  const last = log.append("last\n");
  await log.close();
  await last;
  const found = readFileSync(folder.join("log"), "utf8");
  assert.ok(found.endsWith("last\n"));
  const order = found.trimEnd().split("\n").map((line) => `${line}\n`);
  assert.deepEqual(order.toSorted(), [...lines, "last\n"].sort());
  const steady = order.filter((line) => Number(line.split(" ")[0]) % 100 !== 50);
  assert.deepEqual(steady, [...lines.filter((_, i) => i % 100 !== 50), "last\n"]);
});

test("a log that failed once fails for good, and nothing more is written", {
  skip: NO_PIPES,
}, async () => {
  await using folder = await createTempFolder();
  const path = folder.join("pipe");
  execFileSync("mkfifo", [path]);
  const reader = spawn("cat", [path], { stdio: ["ignore", "pipe", "inherit"] });
  const read = text(reader.stdout);
  const log = await openAppendLog(path);
  // It takes what is written, but there is no disk to sync.
  const failed = { code: "OUTPUT", message: new RegExp(`^Cannot write ${path}: `) };
  await assert.rejects(log.append("first\n"), failed);
  await assert.rejects(log.append("second\n"), failed);
  await Promise.all(["third\n", "fourth\n"].map((one) => assert.rejects(log.append(one), failed)));
  await log.close();
  assert.equal(await read, "first\n");
});

test("what cannot be written is named", async () => {
  await using folder = await createTempFolder();
  await folder.write("file", "");
  mkdirSync(folder.join("folder"));
  for (const path of [folder.join("file", "log"), folder.join("folder")]) {
    await assert.rejects(openAppendLog(path), (error: Error & { code?: string }) => {
      assert.equal(error.code, "OUTPUT");
      assert.ok(error.message.startsWith(`Cannot write ${path}: `), error.message);
      return true;
    });
  }
});

test("54: a link is not followed", {
  skip: process.platform === "win32" ? "links are for administrators" : false,
}, async () => {
  await using folder = await createTempFolder();
  writeFileSync(folder.join("victim"), "precious");
  chmodSync(folder.join("victim"), 0o644);
  for (const target of ["victim", "new"]) {
    symlinkSync(target, folder.join(`to-${target}`));
    await assert.rejects(openAppendLog(folder.join(`to-${target}`)), { code: "OUTPUT" });
  }
  assert.equal(readFileSync(folder.join("victim"), "utf8"), "precious");
  assert.equal(statSync(folder.join("victim")).mode & 0o777, 0o644);
  assert.ok(!existsSync(folder.join("new")));
});
