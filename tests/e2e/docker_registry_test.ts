import assert from "node:assert/strict";
import { test } from "node:test";
import { createAuthority } from "../support/certificates.ts";
import { writeCredentialHelper } from "../support/credential_helper.ts";
import { startDockerRegistry } from "../support/docker_registry.ts";
import { reasonToSkip } from "../support/find_program.ts";
import { runCommand, runProgram } from "../support/program.ts";
import { basic, pushImage, pushTags } from "../support/push.ts";
import { startSlowProxy } from "../support/slow_proxy.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { startTokenServer } from "../support/token_server.ts";

const missing = reasonToSkip("docker-registry", "htpasswd");

const USER = "ann";
const PASSWORD = "pässword:with a colon";

function ok(stdout: string) {
  return { exitCode: 0, signal: null, stdout, stderr: "" };
}

test("docker-registry: 1,000 tags over plain http, in ASCII order", { skip: missing }, async () => {
  await using registry = await startDockerRegistry();
  const tags = Array.from({ length: 1000 }, (_, i) => `1.${i}`);
  await pushTags(registry.url, "team/app", tags);
  const run = await runProgram(["tags", `${registry.host}/team/app`]);
  assert.deepEqual(run, ok([...tags].sort().map((tag) => `${tag}\n`).join("")));

  const newest = await runProgram([
    ...["tags", `localhost:${registry.port}/team/app`],
    ...["--sort", "version", "--reverse", "--limit", "2", "-o", "json"],
  ]);
  assert.deepEqual(JSON.parse(newest.stdout), { name: "team/app", tags: ["1.999", "1.998"] });
});

const missingPeer = reasonToSkip("docker-registry", "htpasswd", "skopeo");

test("docker-registry: the same tags as skopeo lists", { skip: missingPeer }, async () => {
  await using registry = await startDockerRegistry();
  await pushTags(registry.url, "app", ["1.0", "latest", "v2", "_x", "A.b-c"]);
  const repository = `${registry.host}/app`;
  const peer = await runCommand([
    "skopeo",
    "list-tags",
    "--tls-verify=false",
    `docker://${repository}`,
  ]);
  const run = await runProgram(["tags", repository, "-o", "json"]);
  assert.deepEqual(JSON.parse(run.stdout).tags.sort(), JSON.parse(peer.stdout).Tags.sort());
});

test("docker-registry: an unknown repository is not found", { skip: missing }, async () => {
  await using registry = await startDockerRegistry();
  const run = await runProgram(["tags", `${registry.host}/nope`]);
  assert.equal(run.exitCode, 3);
  assert.equal(run.stdout, "");
  assert.match(
    run.stderr,
    /^error: Cannot list the tags of "127\.0\.0\.1:\d+\/nope": 127\.0\.0\.1:\d+ answered 404 NAME_UNKNOWN/,
  );
});

test("docker-registry: ping and the paged catalog", { skip: missing }, async () => {
  await using registry = await startDockerRegistry();
  const names = ["a", "b/c", "d"];
  for (const name of names) await pushImage(registry.url, name, "latest");
  const catalog = await runProgram(["catalog", registry.host, "--page-size", "1", "-v"]);
  assert.equal(catalog.stdout, "a\nb/c\nd\n");
  // Debian's 2.8.2 gives a link on its last page too, which leads to an empty one.
  assert.match(catalog.stderr, /_catalog\?(last=a&n=1|n=1&last=a) 200/);
  const ping = await runProgram(["ping", registry.host, "-o", "json"]);
  const { status, schemes, apiVersion } = JSON.parse(ping.stdout);
  assert.deepEqual({ status, schemes, apiVersion }, {
    status: 200,
    schemes: [],
    apiVersion: "registry/2.0",
  });
});

test("docker-registry: TLS with its own authority and htpasswd", { skip: missing }, async () => {
  const authority = await createAuthority("e2e");
  await using folder = await createTempFolder();
  const ca = await folder.write("ca.pem", authority.certPem);
  await using registry = await startDockerRegistry({
    tls: await authority.issue({ names: ["localhost", "127.0.0.1"] }),
    htpasswd: { [USER]: PASSWORD },
  });
  await pushImage(registry.url, "app", "1.0", {
    ca: authority.certPem,
    authorization: basic(USER, PASSWORD),
  });
  const repository = `https://${registry.host}/app`;
  const login = ["-u", USER, "--password-stdin"];

  const run = await runProgram(["tags", repository, "--ca-file", ca, ...login], {
    stdin: `${PASSWORD}\n`,
  });
  assert.deepEqual(run, ok("1.0\n"));

  const untrusted = await runProgram(["tags", repository, ...login], { stdin: PASSWORD });
  assert.equal(untrusted.exitCode, 5);
  assert.match(untrusted.stderr, /^error: Cannot reach 127\.0\.0\.1:\d+: its certificate/);
  assert.match(untrusted.stderr, /\nhint: .*--ca-file/);

  const insecure = await runProgram(["tags", repository, "--insecure", ...login], {
    stdin: PASSWORD,
  });
  assert.deepEqual(insecure, ok("1.0\n"));

  const env = { SSL_CERT_FILE: ca };
  const wrong = await runProgram(["tags", repository, "-u", USER, "-p", "wr0ng"], { env });
  assert.equal(wrong.exitCode, 4);
  assert.match(wrong.stderr, /answered 401 UNAUTHORIZED/);
  assert.doesNotMatch(wrong.stderr, /wr0ng/);

  const anonymous = await runProgram(["tags", repository], { env });
  assert.equal(anonymous.exitCode, 4);
  assert.match(anonymous.stderr, /\nhint: It does not exist, or needs credentials/);
});

test("docker-registry: a client certificate", { skip: missing }, async () => {
  const authority = await createAuthority("e2e");
  await using folder = await createTempFolder();
  await using registry = await startDockerRegistry({
    tls: await authority.issue({ names: ["127.0.0.1"] }),
    clientCaPem: authority.certPem,
  });
  const client = await authority.issue({ names: ["client"], client: true });
  await pushImage(registry.url, "app", "1.0", { ca: authority.certPem, client });
  const ca = await folder.write("ca.pem", authority.certPem);
  const cert = await folder.write("client.pem", client.certPem);
  const key = await folder.write("client-key.pem", client.keyPem);
  const command = ["tags", `https://${registry.host}/app`, "--ca-file", ca];
  const run = await runProgram([...command, "--cert-file", cert, "--key-file", key]);
  assert.deepEqual(run, ok("1.0\n"));
  assert.equal((await runProgram([...command, "--retries", "0"])).exitCode, 5);

  const host = registry.host;
  await folder.write(`config/docker/certs.d/${host}/ca.crt`, authority.certPem);
  await folder.write(`config/docker/certs.d/${host}/client.cert`, client.certPem);
  await folder.write(`config/docker/certs.d/${host}/client.key`, client.keyPem);
  const byFolder = await runProgram(["tags", `https://${host}/app`], {
    env: { XDG_CONFIG_HOME: folder.join("config") },
  });
  assert.deepEqual(byFolder, ok("1.0\n"));
});

test(
  "docker-registry: credentials from config.json and from a helper",
  { skip: missing },
  async () => {
    await using folder = await createTempFolder();
    await using registry = await startDockerRegistry({ htpasswd: { [USER]: PASSWORD } });
    await pushImage(registry.url, "app", "1.0", { authorization: basic(USER, PASSWORD) });
    const auth = basic(USER, PASSWORD).slice("Basic ".length);
    const repository = `${registry.host}/app`;

    await folder.write(
      "docker/config.json",
      JSON.stringify({ auths: { [registry.host]: { auth } } }),
    );
    const env = { DOCKER_CONFIG: folder.join("docker") };
    assert.deepEqual(await runProgram(["tags", repository], { env }), ok("1.0\n"));

    const inHome = await folder.write(
      "home/.docker/config.json",
      JSON.stringify({ auths: { [`https://${registry.host}/v1/`]: { auth } } }),
    );
    assert.ok(inHome);
    const home = { HOME: folder.join("home") };
    assert.deepEqual(await runProgram(["tags", repository], { env: home }), ok("1.0\n"));

    await folder.write("bin/.keep", "");
    const helper = await writeCredentialHelper(folder.join("bin"), "safe", {
      answer: { ServerURL: registry.host, Username: USER, Secret: PASSWORD },
    });
    await folder.write(
      "helped/config.json",
      JSON.stringify({ credHelpers: { [registry.host]: "safe" } }),
    );
    const helped = {
      DOCKER_CONFIG: folder.join("helped"),
      PATH: `${folder.join("bin")}:/usr/bin:/bin`,
    };
    assert.deepEqual(await runProgram(["tags", repository], { env: helped }), ok("1.0\n"));
    assert.equal((await helper.calls()).length, 1);
  },
);

test("docker-registry: bearer tokens, private and anonymous", { skip: missing }, async () => {
  await using tokens = await startTokenServer({
    users: { [USER]: PASSWORD },
    anonymous: { open: ["pull"] },
  });
  await using registry = await startDockerRegistry({ token: tokens });
  for (const name of ["open", "private"]) {
    const token = await tokens.issue([{ type: "repository", name, actions: ["pull", "push"] }]);
    await pushImage(registry.url, name, "1.0", { authorization: `Bearer ${token}` });
  }
  assert.deepEqual(await runProgram(["tags", `${registry.host}/open`]), ok("1.0\n"));

  const closed = await runProgram(["tags", `${registry.host}/private`]);
  assert.equal(closed.exitCode, 4);
  assert.equal(closed.stdout, "");

  const run = await runProgram(
    ["tags", `${registry.host}/private`, "-u", USER, "--password-stdin"],
    { stdin: PASSWORD },
  );
  assert.deepEqual(run, ok("1.0\n"));
  const last = tokens.requests.at(-1);
  assert.deepEqual([...(last?.query ?? [])], [
    ["service", tokens.service],
    ["scope", "repository:private:pull"],
    ["account", USER],
  ]);

  const refused = await runProgram(
    ["tags", `${registry.host}/private`, "-u", USER, "--password-stdin"],
    { stdin: "wr0ng" },
  );
  assert.equal(refused.exitCode, 4);
  assert.match(
    refused.stderr,
    /^error: Cannot get a token for .* as "ann" \(from --password-stdin\)/,
  );
});

// The token says how long it lives, so it is renewed in time; or it does not, and is refused early.
for (const [name, claimed] of [["told", 1], ["not told", 300]] as const) {
  test(`docker-registry: a token that lives 1 s, ${name}`, { skip: missing }, async () => {
    await using tokens = await startTokenServer({
      users: { [USER]: PASSWORD },
      lifetimeSeconds: 1,
      claimedLifetimeSeconds: claimed,
      leewaySeconds: 60,
    });
    await using registry = await startDockerRegistry({ token: tokens });
    const names = Array.from({ length: 14 }, (_, i) => `app${i}`).sort();
    for (const name of names) {
      const token = await tokens.issue([{ type: "repository", name, actions: ["pull", "push"] }]);
      await pushImage(registry.url, name, "1.0", { authorization: `Bearer ${token}` });
    }
    await using slow = await startSlowProxy(registry.port, 250);
    const before = tokens.requests.length;
    const run = await runProgram(
      [
        ...["catalog", `127.0.0.1:${slow.port}`, "--page-size", "1"],
        ...["-u", USER, "--password-stdin"],
      ],
      { stdin: PASSWORD },
    );
    assert.deepEqual(run, ok(names.map((name) => `${name}\n`).join("")));
    const exchanges = tokens.requests.length - before;
    assert.ok(exchanges >= 2, `${exchanges} exchanges`);
  });
}
