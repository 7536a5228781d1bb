import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { reasonToSkip } from "../support/find_program.ts";
import { runCommand } from "../support/program.ts";
import { pushImage } from "../support/push.ts";
import { startServe } from "../support/serve_program.ts";
import { createTempFolder, type TempFolder } from "../support/temp_folder.ts";

// Clients that nobody here wrote, against the built-in registry.

const missing = reasonToSkip("skopeo");

async function skopeo(...words: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runCommand(["skopeo", ...words]);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

function copy(from: string, to: string): Promise<string> {
  return skopeo("copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false", from, to);
}

/** The descriptor of the one image in a layout. */
function readIndex(folder: TempFolder, name: string): { digest: string } {
  return JSON.parse(readFileSync(folder.join(name, "index.json"), "utf8")).manifests[0];
}

test("skopeo copies in and out, lists, inspects and deletes", { skip: missing }, async () => {
  await using folder = await createTempFolder();
  await using serving = await startServe(["--demo"]);
  const remote = `docker://${serving.host}`;
  for (const image of ["library/busybox:latest", "team/app:2.1.0", "team/app:1.0.0"]) {
    const [name = ""] = image.split(":");
    const layout = image.replace(/\W/g, "-");
    await copy(`${remote}/${image}`, `oci:${folder.join(layout)}:x`);
    await copy(`oci:${folder.join(layout)}:x`, `${remote}/copy/${name}:pushed`);
    const inspect = ["inspect", "--tls-verify=false"];
    const pushed = JSON.parse(await skopeo(...inspect, `${remote}/copy/${name}:pushed`));
    assert.equal(pushed.Digest, readIndex(folder, layout).digest);
    const served = JSON.parse(await skopeo(...inspect, `${remote}/${image}`));
    assert.equal(pushed.Digest, served.Digest);
    assert.ok(pushed.RepoTags.includes("pushed"));
  }
  const list = ["list-tags", "--tls-verify=false", `${remote}/copy/team/app`];
  assert.deepEqual(JSON.parse(await skopeo(...list)).Tags, ["pushed"]);
  await skopeo("delete", "--tls-verify=false", `${remote}/copy/team/app:pushed`);
  assert.deepEqual(JSON.parse(await skopeo(...list)).Tags, []);
});

test("skopeo reads from the folder what was pushed, and what it puts there is served", {
  skip: missing,
}, async () => {
  await using folder = await createTempFolder();
  const data = folder.join("data");
  await using serving = await startServe(["--demo", "--dir", data]);
  const digest = await pushImage(serving.url, "team/new", "1.0");
  const read = JSON.parse(await skopeo("inspect", `oci:${data}/team/new:1.0`));
  assert.equal(read.Digest, digest);
  const index = await skopeo("inspect", "--raw", `oci:${data}/team/app:2.1.0`);
  assert.equal(JSON.parse(index).manifests.length, 3);

  const source = `docker://${serving.host}/team/app:2.1.0`;
  await copy(source, `oci:${data}/team/layout:v9`);
  const inspected = await skopeo(
    ...["inspect", "--raw", "--tls-verify=false", `docker://${serving.host}/team/layout:v9`],
  );
  const hash = createHash("sha256").update(inspected).digest("hex");
  assert.equal(`sha256:${hash}`, readIndex(folder, "data/team/layout").digest);
  // Its children are in no list of the layout, and can be pulled all the same.
  await copy(`docker://${serving.host}/team/layout:v9`, `oci:${folder.join("out")}:x`);
});

test("npm's docker-registry-client lists, gets, downloads and uploads", async () => {
  await using folder = await createTempFolder();
  await using serving = await startServe(["--demo"]);
  const bytes = randomBytes(100_000);
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const { exitCode, stdout, stderr } = await runCommand([
    "node",
    fileURLToPath(new URL("../support/npm_client.mjs", import.meta.url)),
    `${serving.host}/library/busybox`,
    await folder.write("blob", bytes),
    digest,
  ]);
  assert.equal(exitCode, 0, stderr);
  const results = JSON.parse(stdout);
  const manifest = await fetch(`${serving.url}/v2/library/busybox/manifests/latest`);
  const text = await manifest.text();
  assert.equal(results.supportsV2, true);
  assert.equal(results.tags.name, "library/busybox");
  assert.equal(results.tags.tags.length, 14);
  assert.deepEqual(results.manifest, {
    text,
    digest: manifest.headers.get("docker-content-digest"),
  });
  assert.equal(results.blob, JSON.parse(text).config.digest);
  assert.deepEqual(results.uploaded, { status: 201, digest });
  assert.equal(results.uploadedBlob, digest);
});
