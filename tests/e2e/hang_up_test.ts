import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, watch } from "node:fs";
import { readdir } from "node:fs/promises";
import { createServer } from "node:http";
import process from "node:process";
import { test } from "node:test";
import { startEmbeddedRegistry } from "../support/embedded_registry.ts";
import { listen } from "../support/listen.ts";
import { programCommand, startCommand, startProgram } from "../support/program.ts";
import { pushImage } from "../support/push.ts";
import { startServe } from "../support/serve_program.ts";
import { createTempFolder } from "../support/temp_folder.ts";

// Elsewhere nothing tells whether the signal is ignored, and then it is left alone.
const skip = process.platform === "linux" ? false : "there is no /proc";
const SIZE = 1_000_000;
const DIGEST = `sha256:${createHash("sha256").update(new Uint8Array(SIZE)).digest("hex")}`;
const IGNORING = ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh"];

/** A server that begins to send a blob; it goes on when it is told to, and tells when it has begun. */
async function startStuckRegistry() {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const listener = await listen(createServer((_request, response) => {
    response.writeHead(200, { "content-length": String(SIZE) });
    response.write(new Uint8Array(SIZE / 2), () => begin());
    void released.then(() => response.end(new Uint8Array(SIZE / 2)));
  }));
  const blob = `127.0.0.1:${listener.port}/app@${DIGEST}`;
  return {
    ...listener,
    blob,
    begun,
    release,
    [Symbol.asyncDispose]: listener[Symbol.asyncDispose],
  };
}

/** Resolves when something is written into the folder. */
function hasChanged(path: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = watch(path, () => {
    watcher.close();
    resolve();
  });
  return promise;
}

test("F22: a terminal that is closed in a download leaves no file", { skip }, async () => {
  await using folder = await createTempFolder();
  await using registry = await startStuckRegistry();
  const changed = hasChanged(folder.path);
  await using program = await startProgram(
    ["blob", registry.blob, "--output", folder.join("layer")],
  );
  await Promise.all([registry.begun, changed]);
  program.kill("SIGHUP");
  assert.deepEqual(await program.wait(), { exitCode: 143, signal: null });
  assert.equal(program.stderr(), "error: Terminated\n");
  assert.deepEqual(await readdir(folder.path), []);
});

test("57: a terminal that is closed while standard input comes in leaves no file", {
  skip,
}, async () => {
  await using folder = await createTempFolder();
  await using registry = await startEmbeddedRegistry();
  const changed = hasChanged(folder.path);
  await using program = await startProgram(["put-blob", `${registry.host}/app`, "-"], {
    env: { TMPDIR: folder.path },
  });
  program.stdin.write("some of it");
  await changed;
  program.kill("SIGHUP");
  assert.deepEqual(await program.wait(), { exitCode: 143, signal: null });
  assert.deepEqual(readdirSync(folder.path), []);
});

test("58: serve ends with its terminal, and leaves nothing", { skip }, async () => {
  await using folder = await createTempFolder();
  await using serving = await startServe([], { env: { TMPDIR: folder.path } });
  await pushImage(serving.url, "app", "1");
  assert.equal(readdirSync(folder.path).length, 1);
  serving.kill("SIGHUP");
  assert.deepEqual(await serving.wait(), { exitCode: 0, signal: null });
  assert.deepEqual(readdirSync(folder.path), []);
});

// Deno takes the signal over before any program of its runs, and would end by it under nohup, too.
if (programCommand().length === 1) {
  test("F22: under nohup the program goes on when its terminal is closed", { skip }, async () => {
    await using folder = await createTempFolder();
    await using registry = await startStuckRegistry();
    const words = ["blob", registry.blob, "--output", folder.join("layer")];
    await using program = await startCommand([...IGNORING, ...programCommand(), ...words]);
    await registry.begun;
    program.kill("SIGHUP");
    registry.release();
    assert.deepEqual(await program.wait(), { exitCode: 0, signal: null }, program.stderr());
    assert.deepEqual(await readdir(folder.path), ["layer"]);
  });

  test("58: under nohup serve goes on, and still ends on a signal that asks for it", {
    skip,
  }, async () => {
    await using folder = await createTempFolder();
    const words = ["serve", "--listen", "127.0.0.1:0"];
    await using serving = await startCommand([...IGNORING, ...programCommand(), ...words], {
      env: { TMPDIR: folder.path },
    });
    const url = await new Promise<string>((resolve) =>
      serving.stdout.once("data", (line) => resolve(`${line}`.trim()))
    );
    serving.kill("SIGHUP");
    await pushImage(url, "app", "1");
    assert.equal((await fetch(`${url}/v2/app/tags/list`)).status, 200);
    serving.kill("SIGTERM");
    assert.deepEqual(await serving.wait(), { exitCode: 0, signal: null });
    assert.deepEqual(readdirSync(folder.path), []);
  });

  test("F22: --timeout holds while the password on standard input has no end", async () => {
    await using folder = await createTempFolder();
    const words = ["login", "127.0.0.1:1", "-u", "ann", "--password-stdin", "--timeout", "500ms"];
    await using program = await startProgram(words, { env: { DOCKER_CONFIG: folder.path } });
    program.stdin.write("canary");
    assert.deepEqual(await program.wait(), { exitCode: 5, signal: null });
    assert.equal(program.stderr(), "error: Gave up after 0.5 s, as --timeout says\n");
    assert.deepEqual(await readdir(folder.path), []);
  });
}
