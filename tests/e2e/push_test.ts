import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, truncateSync, watch } from "node:fs";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { startDockerRegistry } from "../support/docker_registry.ts";
import { startEmbeddedRegistry } from "../support/embedded_registry.ts";
import { reasonToSkip } from "../support/find_program.ts";
import { listen } from "../support/listen.ts";
import { peakMemory } from "../support/peak_memory.ts";
import { runCommand, runProgram, startProgram } from "../support/program.ts";
import { startScriptedRegistry } from "../support/scripted_registry.ts";
import { startServe } from "../support/serve_program.ts";
import { createTempFolder, type TempFolder } from "../support/temp_folder.ts";
import { startTokenServer } from "../support/token_server.ts";

const missing = reasonToSkip("docker-registry", "htpasswd");
const missingPeer = reasonToSkip("docker-registry", "htpasswd", "skopeo");

const USER = "ann";
const PASSWORD = "pässword:with a colon";
const LOGIN = ["-u", USER, "--password-stdin"];

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";

function sha256(bytes: string | Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function printed(line: string, stderr = "") {
  return { exitCode: 0, signal: null, stdout: `${line}\n`, stderr };
}

/** An image in files: what each holds, and the manifest in a form that no tool would write. */
async function writeImage(folder: TempFolder) {
  const tar = new Uint8Array(1024);
  const layer = gzipSync(tar);
  const config = JSON.stringify({
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [sha256(tar)] },
  });
  const describe = (mediaType: string, bytes: string | Uint8Array) =>
    JSON.stringify({ mediaType, digest: sha256(bytes), size: bytes.length });
  const manifest = `{ "schemaVersion": 2,\n\t"mediaType": "${OCI_MANIFEST}",
    "config": ${describe("application/vnd.oci.image.config.v1+json", config)},
    "layers": [ ${describe("application/vnd.oci.image.layer.v1.tar+gzip", layer)} ] }\n`;
  return {
    layer: { path: await folder.write("layer.tar.gz", layer), digest: sha256(layer) },
    config: {
      path: await folder.write("config.json", config),
      digest: sha256(config),
      text: config,
    },
    manifest: {
      path: await folder.write("manifest.json", manifest),
      digest: sha256(manifest),
      text: manifest,
    },
  };
}

/** Pushes an image piece by piece, and lets skopeo look at it. */
async function pushAndCheck(
  host: string,
  words: readonly string[] = [],
  peer: readonly string[] = [],
): Promise<void> {
  await using folder = await createTempFolder();
  const { layer, config, manifest } = await writeImage(folder);
  const repository = `${host}/team/app`;
  const options = words.length > 0 ? { stdin: PASSWORD } : {};
  const put = (...args: readonly string[]) => runProgram([...args, ...words], options);

  const early = await put("put-manifest", `${repository}:1.0`, manifest.path);
  assert.match(early.stderr, /MANIFEST_BLOB_UNKNOWN.*\nhint: Push its blobs first: /);
  assert.notEqual(early.exitCode, 0);

  assert.deepEqual(await put("put-blob", repository, layer.path), printed(layer.digest));
  if (words.length === 0) {
    const piped = await runProgram(["put-blob", repository, "-"], { stdin: config.text });
    assert.deepEqual(piped, printed(config.digest));
  } else {
    assert.deepEqual(await put("put-blob", repository, config.path), printed(config.digest));
  }
  assert.deepEqual(
    await put("put-blob", repository, config.path),
    printed(config.digest, "note: It is there already: nothing was sent\n"),
  );
  assert.deepEqual(
    await put("put-manifest", `${repository}:1.0@${manifest.digest}`, manifest.path),
    printed(manifest.digest),
  );
  const raw = await runCommand(
    ["skopeo", "inspect", "--raw", "--tls-verify=false", ...peer, `docker://${repository}:1.0`],
  );
  assert.equal(raw.stdout, manifest.text, raw.stderr);
  const flags = peer.map((flag) => flag.replace("--", "--src-"));
  const copied = await runCommand([
    ...["skopeo", "copy", "--insecure-policy", "--src-tls-verify=false", ...flags],
    ...[`docker://${repository}:1.0`, `dir:${folder.join("copy")}`],
  ]);
  assert.equal(copied.exitCode, 0, copied.stderr);
  assert.equal(readFileSync(folder.join("copy/manifest.json"), "utf8"), manifest.text);
}

test("push: an image to docker-registry, as skopeo sees it", { skip: missingPeer }, async () => {
  await using registry = await startDockerRegistry();
  await pushAndCheck(registry.host);
});

test("push: with htpasswd", { skip: missingPeer }, async () => {
  await using registry = await startDockerRegistry({ htpasswd: { [USER]: PASSWORD } });
  await pushAndCheck(registry.host, LOGIN, [`--creds=${USER}:${PASSWORD}`]);
});

test("push: with a token for pull and push", { skip: missingPeer }, async () => {
  await using tokens = await startTokenServer({ users: { [USER]: PASSWORD } });
  await using registry = await startDockerRegistry({ token: tokens });
  await pushAndCheck(registry.host, LOGIN, [`--creds=${USER}:${PASSWORD}`]);
  const [scope = ""] = tokens.requests[0]?.query.getAll("scope") ?? [];
  assert.match(scope, /^repository:team\/app:(pull,push|push,pull)$/);
});

test("push: to regctl serve", { skip: missingPeer }, async () => {
  await using serving = await startServe();
  await pushAndCheck(serving.host);
});

test(
  "push: a blob in chunks to docker-registry and to regctl serve",
  { skip: missing },
  async () => {
    await using folder = await createTempFolder();
    const content = Uint8Array.from({ length: 3_000_000 }, (_, i) => i * 7 + (i >> 8));
    const file = await folder.write("blob", content);
    await using other = await startDockerRegistry();
    await using serving = await startServe();
    for (const { host, url } of [other, serving]) {
      const words = ["put-blob", `${host}/app`, file, "--chunk-size", "1MiB", "-v"];
      const run = await runProgram(words);
      assert.equal(run.stdout, `${sha256(content)}\n`, run.stderr);
      assert.equal(run.stderr.match(/^PATCH .* 202 /gm)?.length, 3);
      const got = await fetch(`${url}/v2/app/blobs/${sha256(content)}`);
      assert.equal(sha256(new Uint8Array(await got.arrayBuffer())), sha256(content));
    }
  },
);

test(
  "56: referrers in docker-registry, which has no list, and in ours",
  { skip: missing },
  async () => {
    await using folder = await createTempFolder();
    const image = await writeImage(folder);
    const subject = {
      mediaType: OCI_MANIFEST,
      digest: image.manifest.digest,
      size: image.manifest.text.length,
    };
    const signature = image.manifest.text.replace(
      '"config"',
      `"artifactType": "text/x", "annotations": {"a": "b"}, "subject": ${
        JSON.stringify(subject)
      }, ` +
        '"config"',
    );
    const file = await folder.write("signature.json", signature);
    const entry = {
      mediaType: OCI_MANIFEST,
      digest: sha256(signature),
      size: signature.length,
      artifactType: "text/x",
      annotations: { a: "b" },
    };
    await using other = await startDockerRegistry();
    await using serving = await startServe();
    for (const { host, url } of [other, serving]) {
      const put = (...words: readonly string[]) => runProgram(words);
      await put("put-blob", `${host}/app`, image.layer.path);
      await put("put-blob", `${host}/app`, image.config.path);
      // Twice: it is listed once.
      for (let i = 0; i < 2; i++) {
        const run = await put("put-manifest", `${host}/app:sig`, file);
        assert.equal(run.stdout, `${entry.digest}\n`, run.stderr);
        assert.equal(/^note: .*keeps no list of referrers/.test(run.stderr), host === other.host);
      }
      const where = host === other.host
        ? `manifests/${subject.digest.replace(":", "-")}`
        : `referrers/${subject.digest}`;
      const listed = await fetch(`${url}/v2/app/${where}`, { headers: { accept: OCI_INDEX } });
      assert.deepEqual((await listed.json()).manifests, [entry]);
    }
  },
);

/** Passes connections on to a port of this machine, and cuts one of them, once, after so many bytes. */
async function startCuttingProxy(port: number, cutAfterBytes: number) {
  let isCut = false;
  const server = createTcpServer((client) => {
    const upstream = connect({ host: "127.0.0.1", port });
    let bytes = 0;
    client.on("data", (data) => {
      bytes += data.length;
      if (isCut || bytes < cutAfterBytes) return;
      isCut = true;
      client.resetAndDestroy();
      // What came before goes through.
      upstream.end();
    });
    for (const socket of [client, upstream]) socket.on("error", () => socket.destroy());
    client.pipe(upstream).pipe(client);
  });
  const listener = await listen(server);
  return {
    host: `127.0.0.1:${listener.port}`,
    isCut: () => isCut,
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

test(
  "F27: a cut in the middle of a chunk, on the way to a registry",
  { skip: missing },
  async () => {
    await using folder = await createTempFolder();
    const content = Uint8Array.from({ length: 3_000_000 }, (_, i) => i * 7 + (i >> 8));
    const file = await folder.write("blob", content);
    await using other = await startDockerRegistry();
    await using serving = await startServe();
    for (const { url } of [other, serving]) {
      for (const chunkSize of ["1000000", "0"]) {
        const repository = `app${chunkSize}`;
        await using proxy = await startCuttingProxy(Number(new URL(url).port), 500_000);
        const words = ["put-blob", `${proxy.host}/${repository}`, file, "--chunk-size", chunkSize];
        const run = await runProgram([...words, "-v"]);
        assert.equal(run.stdout, `${sha256(content)}\n`, run.stderr);
        assert.ok(proxy.isCut());
        const got = await fetch(`${url}/v2/${repository}/blobs/${sha256(content)}`);
        assert.equal(sha256(new Uint8Array(await got.arrayBuffer())), sha256(content));
      }
    }
  },
);

test("push: 300 MiB in chunks take little memory", async () => {
  await using folder = await createTempFolder();
  const size = 300 * 1024 * 1024;
  const file = await folder.write("blob", "");
  truncateSync(file, size);
  let peak: number | undefined;
  let received = 0;
  const statuses: Readonly<Record<string, number>> = { HEAD: 404, POST: 202, PATCH: 202, PUT: 201 };
  const server = createServer((request, response) => {
    const { method = "" } = request;
    request.on("data", ({ length }: Uint8Array) => received += length);
    request.on("end", () => {
      if (method === "PUT") peak = peakMemory(program.pid);
      response.writeHead(statuses[method] ?? 500, { location: "/up" }).end();
    });
  });
  await using listener = await listen(server);
  const host = `127.0.0.1:${listener.port}`;
  await using program = await startProgram(["put-blob", `${host}/app`, file]);
  program.stdin.end();
  program.stdout.resume();
  assert.deepEqual(await program.wait(), { exitCode: 0, signal: null }, program.stderr());
  assert.equal(received, size);
  if (peak !== undefined) assert.ok(peak < 220 * 1024 * 1024, `${peak} bytes`);
});

test("57: Ctrl-C in the middle of a chunk leaves no upload behind", async () => {
  await using folder = await createTempFolder();
  const file = await folder.write("blob", "0123456789");
  for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const { promise: isUnderWay, resolve: began } = Promise.withResolvers<void>();
    await using registry = await startScriptedRegistry([
      { method: "HEAD", path: /./, reply: { status: 404 } },
      { method: "POST", path: /./, reply: { status: 202, headers: { location: "/up/1" } } },
      {
        method: "PATCH",
        path: "/up/1",
        fault: "hang",
        when: () => {
          began();
          return true;
        },
      },
      { method: "DELETE", path: "/up/1", reply: { status: 204 } },
    ]);
    await using program = await startProgram(
      ["put-blob", `${registry.host}/app`, file, "--chunk-size", "4"],
    );
    program.stdin.end();
    await isUnderWay;
    program.kill(signal);
    assert.deepEqual(await program.wait(), { exitCode, signal: null });
    assert.match(program.stderr(), /^error: (Interrupted|Terminated)\n$/);
    registry.assertDone();
  }
});

test("57: Ctrl-C while standard input comes in leaves no file behind", async () => {
  await using folder = await createTempFolder();
  await using registry = await startEmbeddedRegistry();
  const watcher = watch(folder.path);
  const hasBegun = new Promise((resolve) => watcher.once("change", resolve));
  await using program = await startProgram(["put-blob", `${registry.host}/app`, "-"], {
    env: { TMPDIR: folder.path },
  });
  program.stdin.write("some of it");
  await hasBegun;
  watcher.close();
  program.kill("SIGINT");
  assert.deepEqual(await program.wait(), { exitCode: 130, signal: null });
  assert.deepEqual(readdirSync(folder.path), []);
});

test("57: who asks twice waits for nothing, and still leaves no file behind", async () => {
  await using folder = await createTempFolder();
  const { promise: isUnderWay, resolve: began } = Promise.withResolvers<void>();
  const { promise: isCancelled, resolve: cancelled } = Promise.withResolvers<void>();
  const tell = (event: () => void) => () => {
    event();
    return true;
  };
  await using registry = await startScriptedRegistry([
    { method: "HEAD", path: /./, reply: { status: 404 } },
    { method: "POST", path: /./, reply: { status: 202, headers: { location: "/up/1" } } },
    { method: "PUT", path: /./, fault: "hang", when: tell(began) },
    { method: "DELETE", path: "/up/1", fault: "hang", when: tell(cancelled) },
  ]);
  await using program = await startProgram(["put-blob", `${registry.host}/app`, "-"], {
    env: { TMPDIR: folder.path },
  });
  program.stdin.end("content");
  await isUnderWay;
  assert.equal(readdirSync(folder.path).length, 1);
  program.kill("SIGINT");
  await isCancelled;
  program.kill("SIGINT");
  assert.deepEqual(await program.wait(), { exitCode: 130, signal: null });
  assert.deepEqual(readdirSync(folder.path), []);
});

test("a file that changes while it is sent is not taken for what it was", async () => {
  await using folder = await createTempFolder();
  const file = await folder.write("blob", "0123456789");
  await using registry = await startEmbeddedRegistry();
  await using front = await startScriptedRegistry([
    {
      method: "HEAD",
      path: /./,
      replyWith: async () => {
        await folder.write("blob", "9876543210");
        return { status: 404 };
      },
    },
    {
      method: "POST",
      path: /./,
      replyWith: async () => {
        const { headers } = await registry.send("POST", "/v2/app/blobs/uploads/");
        return { status: 202, headers: { location: `${registry.url}${headers.location}` } };
      },
    },
  ]);
  const run = await runProgram(["put-blob", `${front.host}/app`, file]);
  assert.deepEqual([run.exitCode, run.stdout], [6, ""]);
  assert.match(
    run.stderr,
    /DIGEST_INVALID.*\nhint: Look whether the file changes while it is read/,
  );
});
