import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMANDS } from "../../commands/mod.ts";
import { VERSION } from "../../core/version.ts";
import { runCaptured } from "../support/capture_host.ts";
import { assertGolden } from "../support/golden.ts";
import { assertRun } from "./run_against.ts";

const SHOWN = COMMANDS.filter(({ hidden = false }) => !hidden).map(({ name }) => name);

test("the help of the program and of each command is as it was", async () => {
  let text = "";
  for (const words of [["--help"], ...SHOWN.map((name) => [name, "--help"])]) {
    const run = await runCaptured(words);
    assert.equal(run.exitCode, 0);
    assert.equal(run.stderr, "");
    text += `$ regctl ${words.join(" ")}\n${run.stdout}\n`;
  }
  for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
  await assertGolden("help.txt", text);
});

test("65: every way to ask for help writes the same to standard output alone", async () => {
  const { stdout } = await runCaptured(["--help"]);
  assert.match(stdout, /^Usage: regctl /);
  for (const words of [[], ["-h"], ["help"]]) {
    assertRun(await runCaptured(words), { exitCode: 0, stdout, stderr: "" });
  }
  for (const name of SHOWN) {
    const help = await runCaptured(["help", name]);
    assert.match(help.stdout, new RegExp(`^Usage: regctl ${name}`));
    for (const words of [[name, "--help"], [name, "-h"], [name, "--nope", "--help"]]) {
      assertRun(await runCaptured(words), { exitCode: 0, stdout: help.stdout, stderr: "" });
    }
  }
});

test("the help of the program names every command that is not hidden, and no other", async () => {
  const { stdout } = await runCaptured(["--help"]);
  const listed = stdout.slice(stdout.indexOf("Commands:")).matchAll(/^ {2}([a-z_-]+)/gm);
  assert.deepEqual([...listed].map(([, name]) => name), [...SHOWN, "help"]);
});

test("the version alone, and with the program's name", async () => {
  for (const words of [["--version"], ["-V"], ["-q", "--version"]]) {
    assertRun(await runCaptured(words), { exitCode: 0, stdout: `${VERSION}\n`, stderr: "" });
  }
  const run = await runCaptured(["version"]);
  assertRun(run, { exitCode: 0, stdout: `regctl ${VERSION}\n`, stderr: "" });
});

test("a completion script for each shell that the help names", async () => {
  for (const shell of ["bash", "zsh", "fish", "powershell"]) {
    const run = await runCaptured(["completions", shell]);
    assert.equal(run.exitCode, 0);
    assert.equal(run.stderr, "");
    assert.match(run.stdout, /__complete/);
    assert.match(run.stdout, /\n$/);
  }
});
