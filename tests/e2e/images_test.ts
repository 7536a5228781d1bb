import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { test } from "node:test";
import { buffer } from "node:stream/consumers";
import { startDockerRegistry } from "../support/docker_registry.ts";
import { reasonToSkip } from "../support/find_program.ts";
import { listen } from "../support/listen.ts";
import { runCommand, runProgram, startProgram } from "../support/program.ts";
import { pushBlob, pushImage, pushManifest } from "../support/push.ts";
import { startServe } from "../support/serve_program.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { startTokenServer } from "../support/token_server.ts";

const missing = reasonToSkip("docker-registry");
const missingPeer = reasonToSkip("docker-registry", "skopeo");

const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";

function digestOf(bytes: string | Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

async function regctl(...words: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runProgram(words);
  assert.deepEqual([exitCode, stderr], [0, ""], words.join(" "));
  return stdout;
}

/** Standard output of the program, byte for byte. */
async function readBytes(words: readonly string[]): Promise<Uint8Array> {
  await using program = await startProgram(words);
  const bytes = await buffer(program.stdout);
  assert.deepEqual(await program.wait(), { exitCode: 0, signal: null }, program.stderr());
  return bytes;
}

for (
  const [name, start] of [["docker-registry", startDockerRegistry], ["serve", startServe]] as const
) {
  test(`27: what skopeo pushed to ${name} reads back byte for byte`, {
    skip: missingPeer,
  }, async () => {
    await using folder = await createTempFolder();
    await using serving = await startServe(["--demo"]);
    await using registry = await start();
    const flags = ["--all", "--src-tls-verify=false", "--dest-tls-verify=false"];
    for (const image of ["library/busybox:latest", "team/app:2.1.0"]) {
      const target = `docker://${registry.host}/${image}`;
      const layout = `oci:${folder.join(image.replace(/\W/g, "-"))}:x`;
      // By way of a layout, which skopeo keeps as it is.
      for (const [from, to] of [[`docker://${serving.host}/${image}`, layout], [layout, target]]) {
        const run = await runCommand(["skopeo", "copy", ...flags, String(from), String(to)]);
        assert.equal(run.exitCode, 0, run.stderr);
      }
      const ref = `${registry.host}/${image}`;
      const raw = await runCommand(["skopeo", "inspect", "--raw", "--tls-verify=false", target]);
      const bytes = await readBytes(["manifest", ref]);
      assert.equal(new TextDecoder().decode(bytes), raw.stdout);
      assert.equal(await regctl("digest", ref), `${digestOf(bytes)}\n`);
      assert.deepEqual(
        JSON.parse(await regctl("manifest", ref, "-o", "json")),
        JSON.parse(raw.stdout),
      );
      const head = await regctl("manifest", ref, "--head");
      assert.match(
        head,
        new RegExp(`^digest: +${digestOf(bytes)}\n.*\nsize: +${bytes.length}\n$`, "s"),
      );
    }
    const app = `${registry.host}/team/app:2.1.0`;
    const table = await regctl("manifest", app, "-o", "table");
    const digest = /^linux\/arm64\/v8 .* (sha256:\w+)$/m.exec(table)?.[1];
    assert.equal(await regctl("digest", app, "--platform", "linux/arm64"), `${digest}\n`);
    const config = JSON.parse(await regctl("config", app, "--platform", "linux/arm64/v8"));
    assert.equal(config.architecture, "arm64");
  });
}

test("layers and configs come whole, as files and through pipes", { skip: missing }, async () => {
  await using folder = await createTempFolder();
  await using registry = await startDockerRegistry();
  const layer = randomBytes(5_000_000);
  await pushImage(registry.url, "app", "1", { layers: [layer] });
  const manifest = JSON.parse(await regctl("manifest", `${registry.host}/app:1`));
  const blob = `${registry.host}/app@${manifest.layers[0].digest}`;
  assert.deepEqual(Buffer.from(await readBytes(["blob", blob])), layer);
  const path = folder.join("layer.tar.gz");
  assert.equal(await regctl("blob", blob, "--output", path), "");
  assert.deepEqual(await readFile(path), layer);
  assert.deepEqual(await readdir(folder.path), ["layer.tar.gz"]);
  const part = await readBytes(["blob", blob, "--range", "1000-1999"]);
  assert.deepEqual(Buffer.from(part), layer.subarray(1000, 2000));
  assert.equal(
    await regctl("blob", blob, "--head"),
    `digest: ${digestOf(layer)}\nsize:   5000000\n`,
  );
  const raw = await readBytes(["config", `${registry.host}/app:1`, "-o", "raw"]);
  assert.equal(digestOf(raw), manifest.config.digest);
});

test("a token server lets manifests and blobs through", { skip: missing }, async () => {
  await using tokens = await startTokenServer({ users: { ann: "secret" } });
  await using registry = await startDockerRegistry({ token: tokens });
  const push = await tokens.issue([{ type: "repository", name: "app", actions: ["pull", "push"] }]);
  const authorization = `Bearer ${push}`;
  const image = await pushImage(registry.url, "app", "1", { authorization });
  const words = ["-u", "ann", "--password-stdin"];
  const ask = (...more: string[]) => runProgram([...more, ...words], { stdin: "secret" });
  assert.equal((await ask("digest", `${registry.host}/app:1`)).stdout, `${image}\n`);
  assert.equal(JSON.parse((await ask("config", `${registry.host}/app:1`)).stdout).os, "linux");
  const anonymous = await runProgram(["manifest", `${registry.host}/app:1`]);
  assert.deepEqual([anonymous.exitCode, anonymous.stdout], [4, ""]);
});

test("what is not there, and what is no index", { skip: missing }, async () => {
  await using registry = await startDockerRegistry();
  const child = await pushImage(registry.url, "app", "1");
  const size = Number(
    /size: +(\d+)/.exec(await regctl("manifest", `${registry.host}/app:1`, "--head"))?.[1],
  );
  const manifests = [{
    mediaType: MANIFEST_TYPE,
    digest: child,
    size,
    platform: { os: "linux", architecture: "s390x" },
  }];
  await pushManifest(registry.url, "app", "all", {
    schemaVersion: 2,
    mediaType: INDEX_TYPE,
    manifests,
  }, INDEX_TYPE);
  const run = (...words: string[]) => runProgram(words);
  const missingTag = await run("manifest", `${registry.host}/app:nope`);
  assert.deepEqual([missingTag.exitCode, missingTag.stdout], [3, ""]);
  assert.match(
    missingTag.stderr,
    /^error: Cannot get the manifest "[^"]+": [^ ]+ answered 404 MANIFEST_UNKNOWN/,
  );
  const missingPlatform = await run(
    "digest",
    `${registry.host}/app:all`,
    "--platform",
    "linux/amd64",
  );
  assert.equal(missingPlatform.exitCode, 3);
  assert.match(missingPlatform.stderr, /no image for linux\/amd64: there is linux\/s390x\n/);
  const missingBlob = await run("blob", `${registry.host}/app@${digestOf("nothing")}`);
  assert.deepEqual([missingBlob.exitCode, missingBlob.stdout], [3, ""]);
});

/** A server that begins to send a blob and never goes on; tells when it has begun. */
async function startStuckRegistry() {
  let begin: (() => void) | undefined;
  const begun = new Promise<void>((resolve) => begin = resolve);
  const listener = await listen(createServer((_request, response) => {
    response.writeHead(200, { "content-length": "1000000" });
    response.write(new Uint8Array(500_000), () => begin?.());
  }));
  return { ...listener, begun, [Symbol.asyncDispose]: listener[Symbol.asyncDispose] };
}

for (
  const [signal, times, exitCode] of [["SIGINT", 1, 130], ["SIGTERM", 1, 143], [
    "SIGINT",
    2,
    130,
  ]] as const
) {
  test(`F22: ${times} ${signal} in a download leaves no file`, async () => {
    await using folder = await createTempFolder();
    await using registry = await startStuckRegistry();
    const blob = `127.0.0.1:${registry.port}/app@${digestOf("x")}`;
    await using program = await startProgram(["blob", blob, "--output", folder.join("layer")]);
    await registry.begun;
    for (let i = 0; i < times; i++) program.kill(signal);
    assert.deepEqual(await program.wait(), { exitCode, signal: null });
    assert.deepEqual(await readdir(folder.path), []);
  });
}

test("66: a reader that has enough ends a download quietly", { skip: missing }, async () => {
  await using registry = await startDockerRegistry();
  const { digest } = await pushBlob(registry.url, "app", randomBytes(20_000_000), "x/y");
  const run = await runProgram(["blob", `${registry.host}/app@${digest}`], {
    pipeTo: "head -c 10 | wc -c",
  });
  assert.deepEqual([run.exitCode, run.stdout.trim(), run.stderr], [0, "10", ""]);
});
