import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runProgram } from "../support/program.ts";
import { writeCredentialHelper } from "../support/credential_helper.ts";
import { startScriptedRegistry } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";

test("__complete: commands, flags, values and tags come from the program itself", async () => {
  await using registry = await startScriptedRegistry([{
    method: "GET",
    path: "/v2/app/tags/list",
    times: Infinity,
    reply: { status: 200, body: { tags: ["1.0", "$(touch x)", "1.1"] } },
  }]);
  const app = `${registry.host}/app`;
  for (
    const [words, values] of [
      [["t"], ["tags"]],
      [["tags", "--so"], ["--sort"]],
      [["tags", "--sort", "v"], ["version"]],
      [["tags", "--output=nd"], ["--output=ndjson"]],
      [["completions", "z"], ["zsh"]],
      [["tags", `${app}:`], [`${app}:1.0`, `${app}:1.1`]],
    ] as const
  ) {
    const run = await runProgram(["__complete", "--", ...words]);
    const lines = run.stdout.trimEnd().split("\n");
    assert.match(lines.at(-1) ?? "", /^:/);
    assert.deepEqual(lines.slice(0, -1).map((line) => line.split("\t")[0]), values);
    assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  }
});

test("__complete: a registry that hangs, fails or is not there gives nothing, and soon", async () => {
  await using registry = await startScriptedRegistry([
    { method: "GET", path: "/v2/hang/tags/list", fault: "hang" },
    { method: "GET", path: "/v2/fail/tags/list", reply: { status: 500 } },
    {
      method: "GET",
      path: "/v2/login/tags/list",
      reply: { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } },
    },
  ]);
  // Only a helper that never answers could hold it up longer.
  await using folder = await createTempFolder();
  await folder.write("bin/.keep", "");
  await writeCredentialHelper(folder.join("bin"), "stuck", { hang: true });
  await folder.write("docker/config.json", JSON.stringify({ credsStore: "stuck" }));
  const env = {
    DOCKER_CONFIG: folder.join("docker"),
    PATH: `${folder.join("bin")}:/usr/bin:/bin`,
  };
  for (
    const name of [
      `${registry.host}/login`,
      `${registry.host}/hang`,
      `${registry.host}/fail`,
      "127.0.0.1:1/app",
    ]
  ) {
    const startedAt = performance.now();
    const run = await runProgram(["__complete", "--", "tags", `${name}:`], { env });
    assert.deepEqual(run, { exitCode: 0, signal: null, stdout: ":\n", stderr: "" });
    // One second for the registry; the rest is the start of a runtime on a busy machine.
    assert.ok(performance.now() - startedAt < 3000);
  }
});

for (
  const [shell, file] of [
    ["bash", "regctl.bash"],
    ["zsh", "regctl.zsh"],
    ["fish", "regctl.fish"],
    ["powershell", "regctl.ps1"],
  ] as const
) {
  test(`completions ${shell}: the program prints the script that is checked in`, async () => {
    const script = readFileSync(new URL(`../../completions/${file}`, import.meta.url), "utf8");
    const run = await runProgram(["completions", shell]);
    assert.deepEqual(run, { exitCode: 0, signal: null, stdout: script, stderr: "" });
  });
}
