import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import { startScriptedRegistry } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { absent, begin, finish, sha256 } from "./push_script.ts";

test("74: standard input cannot bring both the content and a password", async () => {
  await using folder = await createTempFolder();
  await using registry = await startScriptedRegistry([]);
  const env = { TMPDIR: folder.path };
  const whom = [["-u", "ann"], ["-u", "ann", "--password-stdin"]];
  for (const words of whom) {
    for (const [command, name] of [["put-blob", "app"], ["put-manifest", "app:1"]] as const) {
      const run = await runCaptured([command, `${registry.host}/${name}`, "-", ...words], {
        env,
        stdin: "canary",
      });
      assert.deepEqual([run.exitCode, run.stdout, run.stderr], [
        2,
        "",
        "error: Standard input cannot bring both the password and the content\n" +
        "hint: Log in first with regctl login, or name a file instead of -\n",
      ]);
    }
  }
  assert.deepEqual(registry.requests, []);
  assert.deepEqual(readdirSync(folder.path), []);
});

test("an empty standard input is pushed, with a warning", async () => {
  await using folder = await createTempFolder();
  const digest = sha256("");
  const put = finish("/up/1", { status: 201 }, digest);
  const warning = "warning: standard input was empty\n";
  for (const [words, stderr] of [[[], warning], [["-q"], ""]] as const) {
    await using registry = await startScriptedRegistry([absent(digest), begin("/up/1"), put]);
    const run = await runCaptured(["put-blob", `${registry.host}/app`, "-", ...words], {
      env: { TMPDIR: folder.path },
    });
    assert.deepEqual([run.exitCode, run.stdout, run.stderr], [0, `${digest}\n`, stderr]);
    assert.deepEqual(readdirSync(folder.path), []);
  }
});

test("what is no repository is refused, with what to write instead", async () => {
  const cases = [
    [
      "localhost:5000/app:1",
      'Not a repository: "localhost:5000/app:1" names one manifest',
      "Leave out the tag and the digest: localhost:5000/app",
    ],
    [
      "localhost:5000",
      '"localhost:5000" is a registry, not a repository',
      "List its repositories with regctl catalog localhost:5000",
    ],
  ] as const;
  for (const [name, message, hint] of cases) {
    const run = await runCaptured(["put-blob", name, "-"], { stdin: "canary" });
    const stderr = `error: ${message}\nhint: ${hint}\n`;
    assert.deepEqual([run.exitCode, run.stdout, run.stderr], [2, "", stderr]);
  }
});
