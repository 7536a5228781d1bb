import assert from "node:assert/strict";
import { request as httpsRequest } from "node:https";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { createAuthority } from "./certificates.ts";
import { startDockerRegistry } from "./docker_registry.ts";
import { reasonToSkip } from "./find_program.ts";
import { basic, pushImage, pushManifest, pushTags } from "./push.ts";
import { startTokenServer } from "./token_server.ts";

const skip = reasonToSkip("docker-registry");
const skipBasic = reasonToSkip("docker-registry", "htpasswd");
const ACCEPT = "application/vnd.oci.image.manifest.v1+json";

function getStatus(url: string, authorization?: string): Promise<number> {
  return fetch(url, { headers: { ...(authorization && { authorization }), accept: ACCEPT } })
    .then(async (response) => {
      await response.body?.cancel();
      return response.status;
    });
}

function getTlsStatus(url: string, options: object): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    httpsRequest(url, { ...options, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", reject).end();
  });
}

test("an image goes in and comes out, and nothing stays behind", { skip }, async () => {
  let folder = "";
  {
    await using registry = await startDockerRegistry();
    folder = registry.folder;
    const digest = await pushImage(registry.url, "a/b", "1.0", { layers: ["x", "y"] });
    const response = await fetch(`${registry.url}/v2/a/b/manifests/1.0`, {
      headers: { accept: ACCEPT },
    });
    assert.equal(response.headers.get("docker-content-digest"), digest);
    const manifest = await response.json();
    assert.equal(manifest.layers.length, 2);
    assert.match(registry.log(), /method=PUT .*uri=\/v2\/a\/b\/manifests\/1\.0 /);
    const deleted = await fetch(`${registry.url}/v2/a/b/manifests/${digest}`, { method: "DELETE" });
    assert.equal(deleted.status, 202);
    const other = await pushImage(registry.url, "a/b", "1.1");
    assert.notEqual(other, await pushImage(registry.url, "a/b", "1.2"));
  }
  assert.equal(existsSync(folder), false);
});

test("an index of an image", { skip }, async () => {
  await using registry = await startDockerRegistry({ deleteEnabled: false });
  const digest = await pushImage(registry.url, "a", "child");
  const child = await fetch(`${registry.url}/v2/a/manifests/child`, {
    headers: { accept: ACCEPT },
  });
  const size = (await child.arrayBuffer()).byteLength;
  const mediaType = "application/vnd.oci.image.index.v1+json";
  const platform = { os: "linux", architecture: "amd64" };
  const manifests = [{ mediaType: ACCEPT, digest, size, platform }];
  const index = { schemaVersion: 2, mediaType, manifests };
  const pushed = await pushManifest(registry.url, "a", "all", index, mediaType);
  const refused = await fetch(`${registry.url}/v2/a/manifests/${pushed.digest}`, {
    method: "DELETE",
  });
  assert.equal(refused.status, 405);
});

test("many tags of one digest", { skip }, async () => {
  await using registry = await startDockerRegistry();
  const tags = Array.from({ length: 200 }, (_, number) => `v${number}`);
  const digest = await pushTags(registry.url, "many", tags);
  const { tags: listed } = await (await fetch(`${registry.url}/v2/many/tags/list?n=1000`)).json();
  assert.deepEqual(listed.toSorted(), tags.toSorted());
  const last = await fetch(`${registry.url}/v2/many/manifests/v199`, {
    headers: { accept: ACCEPT },
  });
  assert.equal(last.headers.get("docker-content-digest"), digest);
});

test("basic authentication by htpasswd", { skip: skipBasic }, async () => {
  await using registry = await startDockerRegistry({ htpasswd: { ann: "pä:ss", bob: "b" } });
  await assert.rejects(pushImage(registry.url, "a", "1"), /401/);
  await pushImage(registry.url, "a", "1", { authorization: basic("ann", "pä:ss") });
  assert.equal(await getStatus(`${registry.url}/v2/`, basic("bob", "b")), 200);
  assert.equal(await getStatus(`${registry.url}/v2/`, basic("bob", "wrong")), 401);
});

test("TLS with client certificates of an own authority", { skip }, async () => {
  const authority = await createAuthority("test authority");
  const client = await authority.issue({ names: ["client"], client: true });
  await using registry = await startDockerRegistry({
    tls: await authority.issue({ names: ["127.0.0.1"] }),
    clientCaPem: authority.certPem,
  });
  await pushImage(registry.url, "a", "1", { ca: authority.certPem, client });
  const url = `${registry.url}/v2/a/tags/list`;
  const own = { cert: client.certPem, key: client.keyPem };
  assert.equal(await getTlsStatus(url, { ca: authority.certPem, ...own }), 200);
  await assert.rejects(getTlsStatus(url, { ca: authority.certPem }));
  const stranger = await createAuthority("somebody else");
  await assert.rejects(getTlsStatus(url, { ca: stranger.certPem, ...own }));
});

test("a token opens its own repository and no other", { skip }, async () => {
  await using tokens = await startTokenServer({
    users: { ann: "secret" },
    anonymous: { "team/app": ["pull"] },
  });
  await using registry = await startDockerRegistry({ token: tokens });
  const access = { type: "repository", name: "team/app", actions: ["pull", "push"] };
  const authorization = `Bearer ${await tokens.issue([access])}`;
  await pushImage(registry.url, "team/app", "1", { authorization });
  await assert.rejects(pushImage(registry.url, "team/other", "1", { authorization }), /401/);

  const challenge = (await fetch(`${registry.url}/v2/team/app/tags/list`)).headers
    .get("www-authenticate") ?? "";
  assert.ok(challenge.includes(`realm="${tokens.realm}"`), challenge);
  const query = `service=${tokens.service}&scope=repository:team/app:pull,push`;
  const { token } = await (await fetch(`${tokens.realm}?${query}`)).json();
  assert.equal(await getStatus(`${registry.url}/v2/team/app/tags/list`, `Bearer ${token}`), 200);
  await assert.rejects(
    pushImage(registry.url, "team/app", "2", { authorization: `Bearer ${token}` }),
    /401/,
  );
});

test("a token of one second dies when the leeway is taken off", { skip }, async () => {
  await using tokens = await startTokenServer({ users: {}, lifetimeSeconds: 1, leewaySeconds: 60 });
  await using registry = await startDockerRegistry({ token: tokens });
  const url = `${registry.url}/v2/`;
  const authorization = `Bearer ${await tokens.issue([])}`;
  assert.equal(await getStatus(url, authorization), 200);
  const deadline = performance.now() + 10_000;
  while (await getStatus(url, authorization) === 200) {
    assert.ok(performance.now() < deadline, "the token lives on");
  }
});

test("without the option a token outlives its exp", { skip }, async () => {
  await using tokens = await startTokenServer({ users: {}, lifetimeSeconds: -5 });
  await using registry = await startDockerRegistry({ token: tokens });
  assert.equal(await getStatus(`${registry.url}/v2/`, `Bearer ${await tokens.issue([])}`), 200);
});

test("a registry that cannot start says why", { skip }, async () => {
  const tls = { certPem: "no certificate", keyPem: "no key" };
  await assert.rejects(startDockerRegistry({ tls }), /docker-registry ended with 1/);
});

test("disposing ends the process", { skip }, async () => {
  const registry = await startDockerRegistry();
  await registry[Symbol.asyncDispose]();
  await assert.rejects(fetch(registry.url));
});
