import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import { reasonToSkip } from "../support/find_program.ts";
import { startScriptedRegistry } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { get } from "./script.ts";

const missing = reasonToSkip("mkfifo");

test("F33: a lock that is no plain file is waited for, and neither read nor removed", {
  skip: missing,
}, async () => {
  const makers: readonly (readonly [string, (path: string) => void])[] = [
    ["a pipe", (path) => execFileSync("mkfifo", [path])],
    ["a folder", (path) => mkdirSync(path)],
    ["a link to what has no end", (path) => symlinkSync("/dev/zero", path)],
    ["a link to nothing", (path) => symlinkSync("none", path)],
  ];
  for (const [what, make] of makers) {
    await using folder = await createTempFolder();
    await using registry = await startScriptedRegistry([get("/v2/", { status: 200, body: {} })]);
    const path = await folder.write("config.json", "{}");
    make(`${path}.lock`);
    const before = lstatSync(`${path}.lock`);
    const run = await runCaptured(
      ["login", registry.host, "-u", "ann", "--password-stdin", "-q"],
      { env: { DOCKER_CONFIG: folder.path }, stdin: "canary" },
    );
    assert.deepEqual(
      [run.exitCode, run.stdout, run.stderr],
      [
        2,
        "",
        `error: Cannot write ${path}: another program holds ${path}.lock\n` +
        "hint: Remove that file when no such program runs\n",
      ],
      what,
    );
    const waited = run.waits.reduce((sum, ms) => sum + ms, 0);
    assert.ok(waited > 14_000 && waited < 16_000, `${what}: ${waited} ms`);
    assert.deepEqual(readdirSync(folder.path).sort(), ["config.json", "config.json.lock"], what);
    assert.equal(lstatSync(`${path}.lock`).ino, before.ino);
    assert.equal(readFileSync(path, "utf8"), "{}");
  }
});
