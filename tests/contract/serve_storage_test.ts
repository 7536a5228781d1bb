import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { RegctlError } from "../../core/errors.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../core/oci/media_types.ts";
import { Store } from "../../core/server/store.ts";
import {
  content,
  descriptor,
  errorCodeOf,
  startEmbeddedRegistry,
  type TestContent,
} from "../support/embedded_registry.ts";
import { createTempFolder, type TempFolder } from "../support/temp_folder.ts";

const CONFIG = content("{}", "application/vnd.oci.image.config.v1+json");
const LAYER = content("layer", "application/vnd.oci.image.layer.v1.tar");
const REF_NAME = "org.opencontainers.image.ref.name";

function image(layers: readonly TestContent[] = [LAYER], fields: object = {}): TestContent {
  const document = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor(CONFIG),
    layers: layers.map(descriptor),
    ...fields,
  };
  return content(JSON.stringify(document), OCI_MANIFEST);
}

const IMAGE = image();

function blobFile(folder: string, { digest }: TestContent): string {
  return join(folder, "blobs", ...digest.split(":"));
}

/** Writes an image layout as another tool would, into a folder of its own. */
async function writeLayout(
  folder: TempFolder,
  name: string,
  contents: readonly TestContent[],
  manifests: readonly object[],
): Promise<void> {
  for (const one of contents) {
    await folder.write(join(name, "blobs", ...one.digest.split(":")), one.bytes);
  }
  await folder.write(join(name, "oci-layout"), '{"imageLayoutVersion": "1.0.0"}');
  await folder.write(join(name, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}

test("what is pushed is an image layout", async () => {
  await using registry = await startEmbeddedRegistry();
  for (const blob of [CONFIG, LAYER]) await registry.pushBlob("team/app", blob);
  for (const tag of ["1.0", "latest"]) await registry.pushManifest("team/app", tag, IMAGE);
  const other = image([]);
  await registry.pushManifest("team/app", other.digest, other);
  const layout = join(registry.folder, "team/app");
  assert.deepEqual(readdirSync(layout).sort(), ["blobs", "index.json", "oci-layout"]);
  const read = (name: string) => JSON.parse(readFileSync(join(layout, name), "utf8"));
  assert.deepEqual(read("oci-layout"), { imageLayoutVersion: "1.0.0" });
  assert.deepEqual(read("index.json"), {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [
      { ...descriptor(IMAGE), annotations: { [REF_NAME]: "1.0" } },
      { ...descriptor(IMAGE), annotations: { [REF_NAME]: "latest" } },
      descriptor(other),
    ],
  });
  for (const one of [CONFIG, LAYER, IMAGE, other]) {
    assert.ok(readFileSync(blobFile(layout, one)).equals(one.bytes));
  }
});

test("equal blobs of several repositories are one file", async () => {
  await using registry = await startEmbeddedRegistry();
  const files = ["a", "b/c", "d"].map((name) => blobFile(join(registry.folder, name), LAYER));
  await registry.pushBlob("a", LAYER);
  await registry.pushBlob("b/c", LAYER);
  await registry.send("POST", `/v2/d/blobs/uploads/?mount=${LAYER.digest}&from=a`);
  assert.equal(new Set(files.map((file) => statSync(file).ino)).size, 1);

  for (const name of ["a", "b/c", "d"]) {
    assert.equal((await registry.send("DELETE", `/v2/${name}/blobs/${LAYER.digest}`)).status, 202);
  }
  assert.equal(existsSync(join(registry.folder, ".regctl/blobs/sha256", LAYER.digest)), false);
  const anonymous = `/v2/a/blobs/uploads/?mount=${LAYER.digest}`;
  assert.equal((await registry.send("POST", anonymous)).status, 202);
});

test("a layout that another tool put there is served, and what it does not list is found", async () => {
  await using folder = await createTempFolder();
  const child = image([]);
  const inner = content(
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [descriptor(child)] }),
    OCI_INDEX,
  );
  const outer = content(
    JSON.stringify({ schemaVersion: 2, manifests: [descriptor(inner), descriptor(child)] }),
    OCI_INDEX,
  );
  const subject = { subject: descriptor(outer), artifactType: "text/plain" };
  const referrer = image([], subject);
  await writeLayout(folder, "a/b", [CONFIG, LAYER, IMAGE, child, inner, outer, referrer], [
    { ...descriptor(IMAGE), annotations: { [REF_NAME]: "v1", "org.example": "kept" } },
    { ...descriptor(outer), annotations: { [REF_NAME]: "all" } },
    { ...descriptor(IMAGE), annotations: { [REF_NAME]: "docker.io/library/x:latest" } },
    descriptor(referrer),
  ]);
  await using registry = await startEmbeddedRegistry({ folder: folder.path });
  const tags = async () => {
    const { body } = await registry.send("GET", "/v2/a/b/tags/list");
    return JSON.parse(String(body)).tags;
  };
  assert.deepEqual(await tags(), ["all", "v1"]);
  for (const one of [IMAGE, child, inner, outer, referrer]) {
    const { headers, body } = await registry.send("GET", `/v2/a/b/manifests/${one.digest}`);
    assert.equal(headers["content-type"], one.mediaType);
    assert.ok(body.equals(one.bytes));
  }
  const { body } = await registry.send("GET", `/v2/a/b/referrers/${outer.digest}`);
  assert.equal(JSON.parse(String(body)).manifests[0].digest, referrer.digest);

  // Deleting an index does not lose the children that only it listed.
  assert.equal((await registry.send("DELETE", `/v2/a/b/manifests/${outer.digest}`)).status, 202);
  assert.equal((await registry.send("GET", `/v2/a/b/manifests/${child.digest}`)).status, 200);
  const { manifests } = JSON.parse(readFileSync(folder.join("a/b/index.json"), "utf8"));
  assert.equal(manifests[0].annotations["org.example"], "kept");
  assert.equal(manifests[1].annotations[REF_NAME], "docker.io/library/x:latest");
});

test("what another program changes meanwhile is seen at once", async () => {
  await using folder = await createTempFolder();
  await using registry = await startEmbeddedRegistry({ folder: folder.path });
  const status = async (reference: string) =>
    (await registry.send("HEAD", `/v2/app/manifests/${reference}`)).status;
  assert.equal(await status("one"), 404);
  const named = (tag: string) => ({ ...descriptor(IMAGE), annotations: { [REF_NAME]: tag } });
  await writeLayout(folder, "app", [CONFIG, LAYER, IMAGE], [named("one")]);
  assert.equal(await status("one"), 200);
  await writeLayout(folder, "app", [], [named("two")]);
  assert.deepEqual([await status("one"), await status("two")], [404, 200]);
  rmSync(folder.join("app"), { recursive: true });
  const list = await registry.send("GET", "/v2/app/tags/list");
  assert.deepEqual([list.status, errorCodeOf(list)], [404, "NAME_UNKNOWN"]);
});

test("a damaged layout fails alone, in words, and is not written over", async () => {
  const warnings: string[] = [];
  await using folder = await createTempFolder();
  await using registry = await startEmbeddedRegistry({
    folder: folder.path,
    warn: (text) => warnings.push(text),
  });
  const bad = [
    "",
    "{",
    "null",
    "[]",
    '{"schemaVersion":2,"manifests":{}}',
  ];
  for (const [i, text] of bad.entries()) {
    await folder.write(`bad${i}/index.json`, text);
    for (const method of ["GET", "PUT"]) {
      const answer = await registry.send(method, `/v2/bad${i}/manifests/a`, {
        headers: { "content-type": OCI_INDEX },
        body: method === "PUT" ? '{"schemaVersion":2,"manifests":[]}' : "",
      });
      assert.deepEqual([answer.status, errorCodeOf(answer)], [500, "UNKNOWN"]);
      assert.doesNotMatch(String(answer.body), /regctl-test/);
    }
    assert.equal(readFileSync(folder.join(`bad${i}/index.json`), "utf8"), text);
  }
  assert.equal(warnings.length, 2 * bad.length);
  for (const warning of warnings) assert.match(warning, /the image layout .* is damaged: /);
  await registry.pushBlob("good", LAYER);
  assert.equal((await registry.send("GET", "/v2/good/tags/list")).status, 200);
});

test("entries and fields that mean nothing here stay as they were", async () => {
  await using folder = await createTempFolder();
  const strange = { mediaType: "a/b", digest: "blake3:abc", size: 1, x: [1] };
  const annotations = { "org.example": "kept" };
  await writeLayout(folder, "app", [CONFIG, LAYER, IMAGE], [
    strange,
    { ...descriptor(IMAGE), annotations: { [REF_NAME]: "one" } },
  ]);
  const path = folder.join("app/index.json");
  const before = JSON.parse(readFileSync(path, "utf8"));
  await writeFile(path, JSON.stringify({ ...before, annotations, unknown: 1 }));
  await using registry = await startEmbeddedRegistry({ folder: folder.path });
  assert.equal((await registry.send("GET", "/v2/app/manifests/one")).status, 200);
  await registry.pushManifest("app", "two", IMAGE);
  const { manifests, ...fields } = JSON.parse(readFileSync(path, "utf8"));
  assert.deepEqual(fields, { schemaVersion: 2, annotations, unknown: 1 });
  assert.deepEqual(manifests[0], strange);
  assert.equal(manifests.length, 3);
});

test("what another tool lists is served as a manifest only where it can be one", async () => {
  await using folder = await createTempFolder();
  const large = content(`${" ".repeat(4 * 1024 * 1024)}{}`, OCI_INDEX);
  const page = content("<script>", "text/html");
  const broken = content("{", OCI_INDEX);
  const lost = image([CONFIG]);
  const document = {
    schemaVersion: 2,
    manifests: [large, page, broken, lost].map(descriptor),
  };
  const index = content(JSON.stringify(document), OCI_INDEX);
  await writeLayout(folder, "app", [large, page, broken, index], [
    { ...descriptor(index), annotations: { [REF_NAME]: "all" } },
    { ...descriptor(page), annotations: { [REF_NAME]: "page" } },
  ]);
  await using registry = await startEmbeddedRegistry({ folder: folder.path });
  for (const reference of ["page", large.digest, page.digest, lost.digest]) {
    const answer = await registry.send("GET", `/v2/app/manifests/${reference}`);
    assert.deepEqual([answer.status, errorCodeOf(answer)], [404, "MANIFEST_UNKNOWN"]);
  }
  assert.equal((await registry.send("GET", "/v2/app/manifests/all")).status, 200);
  assert.equal((await registry.send("GET", `/v2/app/referrers/${IMAGE.digest}`)).status, 200);
});

test("an index can name no blob as one of its manifests", async () => {
  await using registry = await startEmbeddedRegistry();
  await registry.pushBlob("app", IMAGE);
  const document = { schemaVersion: 2, manifests: [descriptor(IMAGE)] };
  const index = content(JSON.stringify(document), OCI_INDEX);
  const headers = { "content-type": OCI_INDEX };
  const put = await registry.send("PUT", "/v2/app/manifests/a", { headers, body: index.bytes });
  assert.deepEqual([put.status, errorCodeOf(put)], [400, "MANIFEST_BLOB_UNKNOWN"]);
});

test("what is no file is no layout", async (context) => {
  await using folder = await createTempFolder();
  await mkdir(folder.join("dir/index.json"), { recursive: true });
  await mkdir(folder.join("pipe"));
  if (spawnSync("mkfifo", [folder.join("pipe/index.json")]).status !== 0) {
    return context.skip("mkfifo is not here");
  }
  await using registry = await startEmbeddedRegistry({ folder: folder.path });
  for (const name of ["dir", "pipe"]) {
    const answer = await registry.send("GET", `/v2/${name}/tags/list`);
    assert.deepEqual([answer.status, errorCodeOf(answer)], [404, "NAME_UNKNOWN"]);
  }
});

test("a push mends what is damaged, here and where it is shared", async () => {
  await using registry = await startEmbeddedRegistry();
  for (const blob of [CONFIG, LAYER]) await registry.pushBlob("a", blob);
  await registry.pushManifest("a", "x", IMAGE);
  const file = (one: TestContent) => blobFile(join(registry.folder, "a"), one);
  truncateSync(file(LAYER), 2);
  await writeFile(file(IMAGE), "x".repeat(IMAGE.size));
  await writeFile(file(CONFIG), "x".repeat(CONFIG.size));
  for (const name of ["b", "a"]) {
    for (const blob of [CONFIG, LAYER]) await registry.pushBlob(name, blob);
    await registry.pushManifest(name, "x", IMAGE);
    const layer = await registry.send("GET", `/v2/${name}/blobs/${LAYER.digest}`);
    assert.ok(layer.body.equals(LAYER.bytes));
    const config = await registry.send("GET", `/v2/${name}/blobs/${CONFIG.digest}`);
    assert.ok(config.body.equals(CONFIG.bytes));
    const manifest = await registry.send("GET", `/v2/${name}/manifests/x`);
    assert.ok(manifest.body.equals(IMAGE.bytes));
  }
  const [a, b] = ["a", "b"].map((name) => statSync(blobFile(join(registry.folder, name), LAYER)));
  assert.equal(a?.ino, b?.ino);
});

test("a mount that finds nothing leaves nothing", async () => {
  await using registry = await startEmbeddedRegistry();
  await registry.pushBlob("a", LAYER);
  for (const query of [`mount=${CONFIG.digest}&from=a`, `mount=${CONFIG.digest}`]) {
    assert.equal((await registry.send("POST", `/v2/new/blobs/uploads/?${query}`)).status, 202);
  }
  assert.equal(existsSync(join(registry.folder, "new")), false);
});

test("one blob pushed, mounted and deleted again and again at once fails nobody", async () => {
  await using registry = await startEmbeddedRegistry();
  const names = ["a", "b", "c"];
  const path = (name: string) => `/v2/${name}/blobs/${LAYER.digest}`;
  for (const name of names) await registry.pushBlob(name, CONFIG);
  for (let round = 0; round < 20; round++) {
    const statuses = await Promise.all(names.flatMap((name, i) => [
      registry.send("POST", `/v2/${name}/blobs/uploads/?digest=${LAYER.digest}`, {
        body: LAYER.bytes,
      }),
      registry.send("DELETE", path(name)),
      registry.send(
        "POST",
        `/v2/${name}/blobs/uploads/?mount=${LAYER.digest}&from=${names.at(i - 1)}`,
      ),
    ]));
    for (const { status, body } of statuses) assert.ok(status < 500, `${status} ${body}`);
  }
  for (const name of names) {
    await registry.pushBlob(name, LAYER);
    assert.ok((await registry.send("GET", path(name))).body.equals(LAYER.bytes));
  }
});

test("a mount never replaces what is there", async () => {
  await using registry = await startEmbeddedRegistry();
  for (const name of ["a", "b"]) await registry.pushBlob(name, LAYER);
  const damaged = blobFile(join(registry.folder, "a"), LAYER);
  rmSync(damaged);
  await writeFile(damaged, "lay");
  for (const query of [`mount=${LAYER.digest}&from=a`, `mount=${LAYER.digest}`]) {
    assert.equal((await registry.send("POST", `/v2/b/blobs/uploads/?${query}`)).status, 201);
    const { body } = await registry.send("GET", `/v2/b/blobs/${LAYER.digest}`);
    assert.ok(body.equals(LAYER.bytes));
  }
});

test("a manifest that is pushed again to a list without its content is a referrer at once", async () => {
  await using folder = await createTempFolder();
  const referrer = image([], { subject: descriptor(IMAGE) });
  await writeLayout(folder, "app", [CONFIG], [descriptor(referrer)]);
  await using registry = await startEmbeddedRegistry({ folder: folder.path });
  const list = async () => {
    const { body } = await registry.send("GET", `/v2/app/referrers/${IMAGE.digest}`);
    return JSON.parse(String(body)).manifests.length;
  };
  assert.equal(await list(), 0);
  await registry.pushManifest("app", referrer.digest, referrer);
  assert.equal(await list(), 1);
});

test("two stores on one folder are refused, until the first one is closed", async () => {
  await using folder = await createTempFolder();
  const first = await Store.open(folder.path);
  await assert.rejects(Store.open(folder.path), (error) => {
    assert.ok(error instanceof RegctlError);
    assert.equal(error.code, "CONFIG");
    assert.match(error.message, /^Cannot serve .*: another process serves it$/);
    return true;
  });
  (await Store.open(folder.path, { readOnly: true })).close();
  first.close();
  (await Store.open(folder.path)).close();
});

test("a folder that is a layout itself, or no folder, is refused", async () => {
  await using folder = await createTempFolder();
  await writeLayout(folder, "app", [], []);
  await folder.write("file", "");
  const code = (path: string) =>
    Store.open(folder.join(path)).then(() => "none", (error) => (error as RegctlError).code);
  assert.deepEqual([await code("app"), await code("file")], ["CONFIG", "CONFIG"]);
  const readOnly = (path: string) =>
    Store.open(folder.join(path), { readOnly: true })
      .then(() => "none", (error) => (error as RegctlError).code);
  assert.deepEqual([await readOnly("none"), await readOnly("file")], ["CONFIG", "CONFIG"]);
  assert.equal(existsSync(folder.join("app/.regctl")), false);
});

test("a read-only registry writes nothing into its folder", async () => {
  await using folder = await createTempFolder();
  await writeLayout(folder, "app", [CONFIG, LAYER, IMAGE], [
    { ...descriptor(IMAGE), annotations: { [REF_NAME]: "one" } },
  ]);
  const before = readdirSync(folder.path, { recursive: true, encoding: "utf8" });
  await using registry = await startEmbeddedRegistry({ folder: folder.path, readOnly: true });
  assert.equal((await registry.send("GET", "/v2/app/manifests/one")).status, 200);
  assert.deepEqual(readdirSync(folder.path, { recursive: true, encoding: "utf8" }), before);
});

test("61: what a crash left of uploads, and of blobs that nothing needs, goes at the next start", async () => {
  await using folder = await createTempFolder();
  const leaveUpload = async () => {
    await using registry = await startEmbeddedRegistry({ folder: folder.path });
    await registry.pushBlob("app", LAYER);
    const { headers } = await registry.send("POST", "/v2/app/blobs/uploads/");
    await registry.send("PATCH", headers.location ?? "", { body: "half" });
    return headers.location ?? "";
  };
  const location = await leaveUpload();
  const own = folder.join(".regctl");
  assert.equal(readdirSync(join(own, "scratch")).length, 1);
  await writeFile(join(own, "blobs/sha256", CONFIG.digest.slice(7)), CONFIG.bytes);
  await writeFile(join(own, "blobs/sha256/half.tmp"), "half");
  await mkdir(join(own, "blobs/sha512"), { recursive: true });

  await using registry = await startEmbeddedRegistry({ folder: folder.path });
  assert.deepEqual(readdirSync(join(own, "scratch")), []);
  assert.deepEqual(readdirSync(join(own, "blobs/sha256")), [LAYER.digest.slice(7)]);
  assert.equal((await registry.send("GET", location)).status, 404);
  assert.equal((await registry.send("GET", `/v2/app/blobs/${LAYER.digest}`)).status, 200);
});

test("a push and a delete of one manifest, again and again at once, never leave half of it", async () => {
  await using registry = await startEmbeddedRegistry();
  for (const blob of [CONFIG, LAYER]) await registry.pushBlob("app", blob);
  const other = content('{"schemaVersion":2,"manifests":[]}', OCI_INDEX);
  for (let round = 0; round < 30; round++) {
    await registry.pushManifest("app", "a", IMAGE);
    // The first one is written at once; what comes meanwhile is written together.
    const first = registry.pushManifest("app", `r${round}`, other);
    const [deleted, ...pushed] = await Promise.all([
      registry.send("DELETE", `/v2/app/manifests/${IMAGE.digest}`),
      ...["b", "c", "d"].map((tag) => registry.pushManifest("app", tag, IMAGE)),
      first,
    ]);
    assert.equal(deleted.status, 202);
    for (const { status } of pushed) assert.equal(status, 201);
    const { body } = await registry.send("GET", "/v2/app/tags/list");
    for (const tag of JSON.parse(String(body)).tags) {
      assert.equal((await registry.send("GET", `/v2/app/manifests/${tag}`)).status, 200);
    }
  }
});

test("what cannot be written is answered 500, and what is there stays", async () => {
  await using registry = await startEmbeddedRegistry();
  const first = content('{"schemaVersion":2,"manifests":[]}', OCI_INDEX);
  const second = content('{"schemaVersion":2,"manifests":[] }', OCI_INDEX);
  await registry.pushManifest("app", "a", first);
  const folder = join(registry.folder, "app/blobs/sha256");
  renameSync(folder, `${folder}.away`);
  await writeFile(folder, "in the way");
  const headers = { "content-type": OCI_INDEX };
  const put = await registry.send("PUT", "/v2/app/manifests/a", { headers, body: second.bytes });
  assert.deepEqual([put.status, errorCodeOf(put)], [500, "UNKNOWN"]);
  rmSync(folder);
  renameSync(`${folder}.away`, folder);
  const get = await registry.send("GET", "/v2/app/manifests/a");
  assert.equal(get.headers["docker-content-digest"], first.digest);
});
