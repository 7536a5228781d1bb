import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";
import { listen } from "../support/listen.ts";
import { peakMemory } from "../support/peak_memory.ts";
import { startProgram } from "../support/program.ts";
import { startScriptedRegistry } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";

const MEBIBYTE = 1024 * 1024;
const PIECE = Buffer.alloc(MEBIBYTE, "x");
const PIECES = 300;
const SIZE = PIECES * MEBIBYTE;

test("blob: 300 MiB into a file and into a pipe that is slow take little memory", async () => {
  const hash = createHash("sha256");
  for (let i = 0; i < PIECES; i++) hash.update(PIECE);
  const digest = `sha256:${hash.digest("hex")}`;
  await using folder = await createTempFolder();
  const path = folder.join("layer");
  for (const words of [["--output", path], []]) {
    let peak: number | undefined;
    const server = createServer(async (_request, response) => {
      response.writeHead(200, { "content-length": SIZE });
      for (let i = 1; i <= PIECES; i++) {
        if (i === PIECES) peak = peakMemory(program.pid);
        if (!response.write(PIECE)) await new Promise((go) => response.once("drain", go));
      }
      response.end();
    });
    await using listener = await listen(server);
    const blob = `127.0.0.1:${listener.port}/app@${digest}`;
    await using program = await startProgram(["blob", blob, ...words]);
    program.stdin.end();
    let piped = 0;
    const reading = (async () => {
      for await (const bytes of program.stdout) {
        if (piped === 0) await new Promise((go) => setTimeout(go, 1000));
        piped += bytes.length;
      }
    })();
    assert.deepEqual(await program.wait(), { exitCode: 0, signal: null }, program.stderr());
    await reading;
    assert.equal(words.length > 0 ? statSync(path).size : piped, SIZE);
    if (peak !== undefined) assert.ok(peak < 150 * MEBIBYTE, `${peak} bytes`);
  }
});

test("57: a registry that does not answer the end of an upload holds nobody up", async () => {
  await using folder = await createTempFolder();
  const file = await folder.write("blob", "0123456789");
  const { promise: isUnderWay, resolve: began } = Promise.withResolvers<void>();
  await using registry = await startScriptedRegistry([
    { method: "HEAD", path: /./, reply: { status: 404 } },
    { method: "POST", path: /./, reply: { status: 202, headers: { location: "/up/1" } } },
    {
      method: "PUT",
      path: /./,
      fault: "hang",
      when: () => {
        began();
        return true;
      },
    },
    { method: "DELETE", path: "/up/1", fault: "hang" },
  ]);
  await using program = await startProgram(["put-blob", `${registry.host}/app`, file]);
  program.stdin.end();
  await isUnderWay;
  const stoppedAt = performance.now();
  program.kill("SIGINT");
  assert.deepEqual(await program.wait(), { exitCode: 130, signal: null });
  assert.ok(performance.now() - stoppedAt < 10_000);
  assert.equal(program.stderr(), "error: Interrupted\n");
  registry.assertDone();
  assert.deepEqual(readdirSync(folder.path), ["blob"]);
});
