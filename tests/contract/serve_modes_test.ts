import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { hash } from "bcryptjs";
import { test } from "node:test";
import { OCI_INDEX } from "../../core/oci/media_types.ts";
import { createAuthenticate } from "../../core/server/htpasswd.ts";
import {
  content,
  type EmbeddedRegistry,
  errorCodeOf,
  type SendOptions,
  startEmbeddedRegistry,
} from "../support/embedded_registry.ts";
import { basic } from "../support/push.ts";
import { createTempFolder } from "../support/temp_folder.ts";

const INDEX = content('{"schemaVersion":2,"manifests":[]}', OCI_INDEX);
const BLOB = content("blob");
const AS_INDEX = { headers: { "content-type": OCI_INDEX }, body: INDEX.bytes };

const READS: readonly (readonly [string, number])[] = [
  ["/v2/", 200],
  ["/v2/_catalog", 200],
  ["/v2/app/tags/list", 200],
  ["/v2/app/manifests/latest", 200],
  [`/v2/app/manifests/${INDEX.digest}`, 200],
  [`/v2/app/blobs/${BLOB.digest}`, 200],
  [`/v2/app/referrers/${BLOB.digest}`, 200],
];
const DELETES = [
  "/v2/app/manifests/latest",
  "/v2/app/manifests/nothing",
  `/v2/app/manifests/${INDEX.digest}`,
  `/v2/app/blobs/${BLOB.digest}`,
  `/v2/nowhere/blobs/${BLOB.digest}`,
];
const PUSHES: readonly (readonly [string, string, SendOptions?])[] = [
  ["PUT", "/v2/app/manifests/new", AS_INDEX],
  ["POST", "/v2/app/blobs/uploads/"],
  ["POST", `/v2/app/blobs/uploads/?digest=${BLOB.digest}`, { body: BLOB.bytes }],
  ["POST", `/v2/other/blobs/uploads/?mount=${BLOB.digest}&from=app`],
  ["PATCH", "/v2/app/blobs/uploads/00000000-0000-4000-8000-000000000000", { body: "x" }],
];

/** A folder with an `app:latest`. */
async function createFilledFolder() {
  const folder = await createTempFolder();
  await using registry = await startEmbeddedRegistry({ folder: folder.path });
  await registry.pushBlob("app", BLOB);
  await registry.pushManifest("app", "latest", INDEX);
  return folder;
}

async function assertServed(registry: EmbeddedRegistry): Promise<void> {
  for (const [path, status] of READS) {
    for (const method of ["GET", "HEAD"]) {
      assert.equal((await registry.send(method, path)).status, status, `${method} ${path}`);
    }
  }
}

async function assertRefused(
  registry: EmbeddedRegistry,
  requests: readonly (readonly [string, string, SendOptions?])[],
): Promise<void> {
  for (const [method, path, options] of requests) {
    const answer = await registry.send(method, path, options);
    assert.deepEqual([answer.status, errorCodeOf(answer)], [405, "UNSUPPORTED"], path);
  }
}

test("62: a read-only registry serves, and refuses every change with 405", async () => {
  await using folder = await createFilledFolder();
  await using registry = await startEmbeddedRegistry({ folder: folder.path, readOnly: true });
  await assertRefused(registry, [...PUSHES, ...DELETES.map((path) => ["DELETE", path] as const)]);
  await assertServed(registry);
});

test("62: without deleting, tags, digests and blobs are refused alike; pushing works", async () => {
  await using folder = await createFilledFolder();
  await using registry = await startEmbeddedRegistry({ folder: folder.path, noDelete: true });
  await assertRefused(registry, DELETES.map((path) => ["DELETE", path] as const));
  await assertServed(registry);
  await registry.pushManifest("app", "new", INDEX);
  const { headers } = await registry.send("POST", "/v2/app/blobs/uploads/");
  assert.equal((await registry.send("DELETE", headers.location ?? "")).status, 204);
});

test("62: without deleting, a repository's name cannot pass for an upload", async () => {
  await using registry = await startEmbeddedRegistry({ noDelete: true });
  for (const name of ["blobs/uploads", "x/blobs/uploads", "x/blobs/uploads/y"]) {
    await registry.pushBlob(name, BLOB);
    await registry.pushManifest(name, "v1", INDEX);
    const paths = [`manifests/v1`, `manifests/${INDEX.digest}`, `blobs/${BLOB.digest}`];
    await assertRefused(registry, paths.map((path) => ["DELETE", `/v2/${name}/${path}`] as const));
  }
});

test("only the users of a htpasswd file are served", async () => {
  await using folder = await createFilledFolder();
  const text = `# users\nann:${await hash("pässword:with a colon", 4)}\nbob:${await hash(
    "b",
    4,
  )}\n`;
  const authenticate = await createAuthenticate(text, "users");
  await using registry = await startEmbeddedRegistry({ folder: folder.path, authenticate });
  const wrong = [
    undefined,
    basic("ann", "b"),
    basic("ann", ""),
    basic("nobody", "b"),
    basic("__proto__", "b"),
    "Basic",
    "Basic !",
    "Bearer abc",
    `Basic ${Buffer.from("ann").toString("base64")}`,
  ];
  for (const authorization of wrong) {
    for (const [path] of READS) {
      const headers: Record<string, string> = authorization ? { authorization } : {};
      const answer = await registry.send("GET", path, { headers });
      assert.deepEqual([answer.status, errorCodeOf(answer)], [401, "UNAUTHORIZED"]);
      assert.match(answer.headers["www-authenticate"] ?? "", /^Basic realm="regctl"/);
      assert.equal(answer.headers["docker-distribution-api-version"], "registry/2.0");
    }
  }
  for (const [method, path, options] of PUSHES) {
    assert.equal((await registry.send(method, path, options)).status, 401);
  }
  for (const right of [basic("ann", "pässword:with a colon"), basic("bob", "b")]) {
    for (const [path, status] of READS) {
      const answer = await registry.send("GET", path, { headers: { authorization: right } });
      assert.equal(answer.status, status);
    }
  }
});

test("requests are logged, a line each, with nothing secret", async () => {
  const lines: string[] = [];
  const authenticate = await createAuthenticate(`ann:${await hash("canary", 4)}`, "users");
  await using registry = await startEmbeddedRegistry({
    authenticate,
    log: {
      headers: true,
      write: (line) => lines.push(line.replace(/\d+ ms/, "N ms").replace(/^\d{4}-\S+Z/, "TIME")),
    },
  });
  const headers = { authorization: basic("ann", "canary") };
  await registry.send("GET", "/v2/app/tags/list?n=1", { headers });
  await registry.send("GET", "/v2/%2e%2e/tags/list");
  assert.deepEqual(lines.filter((line) => !/^[<>]/.test(line)), [
    "TIME 127.0.0.1 GET /v2/app/tags/list?n=1 404 N ms",
    "TIME 127.0.0.1 GET /v2/%2e%2e/tags/list 400 N ms",
  ]);
  assert.ok(lines.includes("< docker-distribution-api-version: registry/2.0"));
  const secret = headers.authorization.replace("Basic ", "");
  for (const line of lines) assert.ok(!line.includes("canary") && !line.includes(secret), line);
});
