import assert from "node:assert/strict";
import { test } from "node:test";
import { createAuthority } from "../support/certificates.ts";
import { startConnectProxy } from "../support/connect_proxy.ts";
import { startDockerRegistry } from "../support/docker_registry.ts";
import { reasonToSkip } from "../support/find_program.ts";
import { startEmbeddedRegistry } from "../support/embedded_registry.ts";
import { type ProgramResult, type RunOptions, runProgram } from "../support/program.ts";
import { basic, pushImage, pushTags } from "../support/push.ts";
import { startScriptedRegistry } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { startTokenServer } from "../support/token_server.ts";
import { OPEN } from "../contract/doctor_script.ts";
import { get } from "../contract/script.ts";

const missing = reasonToSkip("docker-registry", "htpasswd");

const USER = "ann";
const PASSWORD = "pässword:with a colon";
const LOGIN = ["-u", USER, "--password-stdin"];
const TYPED = { stdin: PASSWORD };

interface Problem {
  readonly problem: string;
  readonly remedy: string;
}

/** Runs it with JSON; gives the report and how it ended. */
async function look(words: readonly string[], options: RunOptions = {}) {
  const run: ProgramResult = await runProgram(["doctor", ...words, "-o", "json"], options);
  const report = JSON.parse(run.stdout);
  const problems = report.problems.map(({ problem }: Problem) => problem) as string[];
  return { report, problems, exitCode: run.exitCode, stderr: run.stderr };
}

test("doctor: the built-in registry, where all works", async () => {
  await using registry = await startEmbeddedRegistry();
  await pushTags(registry.url, "team/app", ["1", "2", "3"]);
  const run = await runProgram(["doctor", `${registry.host}/team/app`]);
  assert.deepEqual(run, {
    exitCode: 0,
    signal: null,
    stdout: `url:        ${registry.url}/v2/
status:     200 open to all
version:    registry/2.0
auth:       none
credential: none found
access:     200 granted
paging:     pages with links
page size:  up to 10000 accepted, the largest page had 3 tags
deletion:   enabled (404)
referrers:  by the API (200)
rate limit: none named
tls:        none, it is plain http
clock:      in step with this machine's

No problems found
`,
    stderr: "",
  });
  const tags = await runProgram(["tags", `${registry.host}/team/app`]);
  assert.equal(tags.stdout, "1\n2\n3\n");
});

test("doctor: the built-in registry that deletes nothing", async () => {
  await using registry = await startEmbeddedRegistry({ noDelete: true });
  await pushTags(registry.url, "app", ["1"]);
  const { report, problems, exitCode } = await look([`${registry.host}/app`]);
  assert.deepEqual([report.deletion, exitCode], [{ state: "disabled", status: 405 }, 0]);
  assert.deepEqual(problems, ["Deleting is disabled"]);
});

test("doctor: docker-registry, open, with and without deleting", { skip: missing }, async () => {
  for (const deleteEnabled of [true, false]) {
    await using registry = await startDockerRegistry({ deleteEnabled });
    await pushTags(registry.url, "app", ["1", "2", "3"]);
    const { report, problems, exitCode, stderr } = await look([`${registry.host}/app`]);
    assert.deepEqual([exitCode, stderr], [0, ""]);
    assert.deepEqual(report.credential, { state: "none" });
    assert.deepEqual(report.api.version, "registry/2.0");
    // Debian's 2.8.2 knows no pages of tags, and no referrers.
    assert.deepEqual([report.paging.state, report.paging.largestPage], ["whole", 3]);
    assert.deepEqual(report.referrers, { state: "tags", status: 404 });
    assert.deepEqual(
      report.deletion,
      deleteEnabled ? { state: "enabled", status: 404 } : { state: "disabled", status: 405 },
    );
    assert.deepEqual(problems, deleteEnabled ? [] : ["Deleting is disabled"]);
    assert.deepEqual(report.clock, { skewSeconds: 0 });
    const methods = [...registry.log().matchAll(/http\.request\.method=(\w+)/g)];
    assert.ok(methods.length > 0 && methods.filter(([, name]) => name === "DELETE").length <= 4);

    const whole = await look([registry.host]);
    assert.deepEqual([whole.report.catalog, whole.exitCode], [{ state: "open", status: 200 }, 0]);
    const unknown = await look([`${registry.host}/nope`]);
    assert.equal(unknown.exitCode, 3);
    assert.match(unknown.problems[0] ?? "", /404 NAME_UNKNOWN/);
  }
});

test("doctor: docker-registry with htpasswd", { skip: missing }, async () => {
  await using registry = await startDockerRegistry({ htpasswd: { [USER]: PASSWORD } });
  await pushImage(registry.url, "app", "1", { authorization: basic(USER, PASSWORD) });
  const known = await look([`${registry.host}/app`, ...LOGIN], TYPED);
  assert.deepEqual([known.exitCode, known.problems, known.stderr], [0, [], ""]);
  assert.deepEqual(known.report.api.schemes, ["basic"]);
  assert.equal(known.report.credential.username, USER);
  assert.equal(known.report.deletion.state, "enabled");

  for (const target of [registry.host, `${registry.host}/app`]) {
    const refused = await look([target, ...LOGIN], { stdin: "wr0ng" });
    assert.equal(refused.exitCode, 4);
    assert.match(refused.problems[0] ?? "", /answered 401/);
    assert.match(refused.report.problems[0].remedy, /^Check the credential/);
    assert.doesNotMatch(JSON.stringify(refused), /wr0ng/);
    const nobody = await look([target]);
    assert.equal(nobody.exitCode, 4);
    assert.match(nobody.report.problems[0].remedy, /^Give a credential/);
  }
});

test("doctor: docker-registry with tokens that grant less", { skip: missing }, async () => {
  await using tokens = await startTokenServer({
    users: { [USER]: PASSWORD },
    anonymous: { app: ["pull"] },
    grants: (user, _type, _name, actions) =>
      user === undefined ? [] : actions.filter((action) => action !== "delete"),
  });
  await using registry = await startDockerRegistry({ token: tokens });
  const token = await tokens.issue([{
    type: "repository",
    name: "app",
    actions: ["pull", "push"],
  }]);
  await pushImage(registry.url, "app", "1", { authorization: `Bearer ${token}` });
  const { report, problems, exitCode } = await look([`${registry.host}/app`, ...LOGIN], TYPED);
  assert.equal(exitCode, 0);
  const { schemes, realm, service } = report.api;
  assert.deepEqual({ schemes, realm, service }, {
    schemes: ["bearer"],
    realm: tokens.realm,
    service: tokens.service,
  });
  assert.deepEqual(report.tokens, [
    { asked: ["repository:app:pull"], granted: ["repository:app:pull"], lifetimeSeconds: 300 },
    { asked: ["repository:app:delete"], granted: [], lifetimeSeconds: 300 },
  ]);
  assert.deepEqual(report.deletion, { state: "notAllowed", status: 401 });
  assert.deepEqual(problems, ["The token does not grant delete on repository:app"]);

  const anonymous = await look([`${registry.host}/app`]);
  assert.deepEqual([anonymous.exitCode, anonymous.problems], [0, []]);
  const whole = await look([registry.host, ...LOGIN], TYPED);
  assert.deepEqual([whole.exitCode, whole.report.access], [0, { status: 200 }]);
});

test("doctor: docker-registry by TLS with an authority of its own", { skip: missing }, async () => {
  const authority = await createAuthority("e2e");
  await using folder = await createTempFolder();
  const ca = await folder.write("ca.pem", authority.certPem);
  await using registry = await startDockerRegistry({
    tls: await authority.issue({ names: ["localhost", "127.0.0.1"] }),
  });
  await pushImage(registry.url, "app", "1", { ca: authority.certPem });
  const target = `https://localhost:${registry.port}/app`;
  const { report, problems, exitCode } = await look([target, "--ca-file", ca]);
  assert.equal(exitCode, 0);
  const { protocol, subject, issuer, names, daysLeft, trust } = report.tls;
  assert.deepEqual({ protocol, subject, issuer, names, daysLeft, trust }, {
    protocol: "TLSv1.3",
    subject: "CN=localhost",
    issuer: "CN=e2e",
    names: "DNS:localhost, IP Address:127.0.0.1",
    daysLeft: 0,
    trust: "given",
  });
  assert.deepEqual(problems, [`The certificate of localhost:${registry.port} ends in 0 days`]);
  const untrusted = await look([target]);
  assert.equal(untrusted.exitCode, 5);
  assert.equal(untrusted.report.tls.trust, "none");
  assert.match(untrusted.report.problems[0].remedy, /--ca-file/);
  const insecure = await look([target, "--insecure"]);
  assert.equal(insecure.exitCode, 0);
  assert.match(
    insecure.problems[0] ?? "",
    /is not trusted: its certificate authority is not known/,
  );
});

test("doctor: a certificate is not visible through a proxy, which is not gone around", async () => {
  const authority = await createAuthority("e2e");
  await using folder = await createTempFolder();
  const caFile = await folder.write("ca.pem", authority.certPem);
  const { keyPem: key, certPem: cert } = await authority.issue({ names: ["registry.test"] });
  await using registry = await startScriptedRegistry(
    [get("/v2/", OPEN), get("/v2/_catalog?n=1", { status: 404 })],
    { tls: { key, cert } },
  );
  await using proxy = await startConnectProxy({ resolve: { "registry.test:443": registry.port } });
  const env = { HTTPS_PROXY: proxy.url };
  const { report, problems, exitCode } = await look(
    ["registry.test", "--ca-file", caFile],
    { env },
  );
  assert.deepEqual([report.tls, problems, exitCode], [{ state: "proxy" }, [], 0]);
  registry.assertDone();
});
