import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import process from "node:process";
import { test } from "node:test";
import { listen } from "../support/listen.ts";
import { runProgram } from "../support/program.ts";
import { createTempFolder } from "../support/temp_folder.ts";

/** Bun's loader reads them all, unless it is switched off when the program is compiled. */
const ENV_FILES = [".env", ".env.local", ".env.production", ".env.development"];

// `deno run` has neither loader: this is about the file that Bun compiles.
if (process.env["REGCTL_TEST_TARGET"] === "binary") {
  test("autoload: a bunfig.toml in the current folder runs no code", async () => {
    await using folder = await createTempFolder();
    const proof = folder.join("proof");
    await folder.write("bunfig.toml", 'preload = ["./preload.ts"]\n');
    await folder.write(
      "preload.ts",
      `require("node:fs").writeFileSync(${
        JSON.stringify(proof)
      }, "");\nconsole.log("preloaded");\n`,
    );
    const { exitCode, stdout } = await runProgram(["--version"], { cwd: folder.path });
    assert.equal(exitCode, 0);
    assert.doesNotMatch(stdout, /preloaded/);
    assert.equal(existsSync(proof), false);
  });

  test("autoload: a .env in the current folder sets no variable", async () => {
    await using folder = await createTempFolder();
    const credentials: string[] = [];
    let requests = 0;
    await using registry = await listen(createServer((request, response) => {
      requests++;
      const { authorization } = request.headers;
      if (authorization !== undefined) credentials.push(authorization);
      response.writeHead(authorization === undefined ? 401 : 200, {
        "content-type": "application/json",
        "www-authenticate": 'Basic realm="autoload"',
      });
      response.end(JSON.stringify({ name: "app", tags: ["1"], errors: [] }));
    }));
    const name = `127.0.0.1:${registry.port}`;
    const secret = Buffer.from("user:secret").toString("base64");
    await folder.write(
      "docker/config.json",
      JSON.stringify({ auths: { [name]: { auth: secret } } }),
    );
    const variable = { DOCKER_CONFIG: folder.join("docker") };

    // The variable does work when it is really set, or the rest would prove nothing.
    await runProgram(["tags", `${name}/app`], { cwd: folder.path, env: variable });
    assert.ok(credentials.length > 0, "DOCKER_CONFIG of the environment is used");

    credentials.length = 0;
    requests = 0;
    for (const file of ENV_FILES) {
      await folder.write(file, `DOCKER_CONFIG=${variable.DOCKER_CONFIG}\n`);
    }
    await runProgram(["tags", `${name}/app`], { cwd: folder.path });
    assert.ok(requests > 0, "the registry is asked");
    assert.deepEqual(credentials, []);
  });
}
