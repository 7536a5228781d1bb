import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { createAuthority } from "../support/certificates.ts";
import { startConnectProxy } from "../support/connect_proxy.ts";
import { writeCredentialHelper } from "../support/credential_helper.ts";
import { listen } from "../support/listen.ts";
import { runProgram } from "../support/program.ts";
import { startScriptedRegistry } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import {
  basic,
  bearer,
  challenge,
  get,
  getAs,
  logOf,
  TAGS,
  TAGS_PATH,
} from "../contract/script.ts";

const AUTHORITY = await createAuthority("regctl test");
const CREDENTIALS = { user: "proxy-user", password: "proxy-canary" };
const GOOD = { exitCode: 0, signal: null, stdout: "1\n" };

/** The registry's certificate, for each name the tests use. */
async function createTls() {
  const names = ["127.0.0.1", "registry.test", "registry-1.docker.io", "auth.docker.io"];
  const { keyPem, certPem } = await AUTHORITY.issue({ names });
  return { key: keyPem, cert: certPem };
}

test("proxy: https goes through a tunnel, its credentials are shown to nobody", async () => {
  await using folder = await createTempFolder();
  const caFile = await folder.write("ca.pem", AUTHORITY.certPem);
  await using registry = await startScriptedRegistry([get(TAGS_PATH, TAGS)], {
    tls: await createTls(),
  });
  await using proxy = await startConnectProxy({
    credentials: CREDENTIALS,
    resolve: { "registry.test:443": registry.port },
  });
  const run = await runProgram(
    ["tags", "registry.test/app", "--ca-file", caFile, "-vv", "--debug"],
    { env: { HTTPS_PROXY: proxy.urlWithCredentials } },
  );
  const { stderr, ...rest } = run;
  assert.deepEqual(rest, GOOD, stderr);
  assert.match(stderr, /^GET https:\/\/registry\.test\/v2\/app\/tags\/list 200 \d+ ms$/m);
  const pair = btoa(`${CREDENTIALS.user}:${CREDENTIALS.password}`);
  assert.ok(!stderr.includes(CREDENTIALS.password) && !stderr.includes(pair), stderr);
  assert.deepEqual(
    [...new Set(proxy.requests.map(({ method, target }) => `${method} ${target}`))],
    [
      "CONNECT registry.test:443",
    ],
  );
  assert.equal(registry.requests[0]?.headers["proxy-authorization"], undefined);
  registry.assertDone();
});

test("proxy: plain http is asked for by its whole URL", async () => {
  await using registry = await startScriptedRegistry([get(TAGS_PATH, TAGS)]);
  await using proxy = await startConnectProxy({
    credentials: CREDENTIALS,
    resolve: { "registry.test:80": registry.port },
  });
  const { stderr, ...rest } = await runProgram(
    ["tags", "registry.test/app", "--plain-http", "-vv", "--debug"],
    { env: { HTTP_PROXY: proxy.urlWithCredentials } },
  );
  assert.deepEqual(rest, GOOD, stderr);
  const pair = btoa(`${CREDENTIALS.user}:${CREDENTIALS.password}`);
  assert.ok(!stderr.includes(CREDENTIALS.password) && !stderr.includes(pair), stderr);
  assert.deepEqual(proxy.requests, [{
    method: "GET",
    target: `http://registry.test${TAGS_PATH}`,
    proxyAuthorization: basic(CREDENTIALS.user, CREDENTIALS.password),
  }]);
  registry.assertDone();
});

test("proxy: NO_PROXY keeps a host away from it, in http and https", async () => {
  await using folder = await createTempFolder();
  const caFile = await folder.write("ca.pem", AUTHORITY.certPem);
  await using proxy = await startConnectProxy();
  const env = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url, NO_PROXY: "127.0.0.1" };
  const tls = await createTls();
  for (const [options, flags] of [[{}, []], [{ tls }, ["--ca-file", caFile]]] as const) {
    await using registry = await startScriptedRegistry([get(TAGS_PATH, TAGS)], options);
    const { stderr, ...rest } = await runProgram(["tags", `${registry.url}/app`, ...flags], {
      env,
    });
    assert.deepEqual(rest, GOOD, stderr);
    registry.assertDone();
  }
  assert.deepEqual(proxy.requests, []);
});

test("proxy: a proxy that refuses is a network error that shows no credentials", async () => {
  await using folder = await createTempFolder();
  const caFile = await folder.write("ca.pem", AUTHORITY.certPem);
  await using proxy = await startConnectProxy({ credentials: CREDENTIALS });
  const env = { HTTPS_PROXY: proxy.urlWithCredentials.replace("canary", "canary-wrong") };
  const words = ["tags", "registry.test/app", "--retries", "0", "-vv", "--debug"];
  for (const flags of [[], ["--ca-file", caFile]]) {
    const run = await runProgram([...words, ...flags], { env });
    assert.equal(run.exitCode, 5, run.stderr);
    assert.equal(run.stdout, "");
    assert.match(run.stderr, /^error: Cannot reach registry\.test: /m);
    assert.doesNotMatch(run.stderr, /canary|cHJveHktdXNlc/);
  }
});

test("proxy: its own answer to CONNECT is never taken for the registry's", async () => {
  await using folder = await createTempFolder();
  const caFile = await folder.write("ca.pem", AUTHORITY.certPem);
  const answers = [
    'HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer realm="https://tokens.test/"',
    "HTTP/1.1 307 Temporary Redirect\r\nlocation: https://tokens.test/",
    "HTTP/1.1 404 Not Found",
  ];
  for (const answer of answers) {
    const asked: string[] = [];
    await using proxy = await listen(createServer((socket) => {
      socket.once("data", (head) => {
        asked.push(String(head).split("\r\n")[0] ?? "");
        socket.end(`${answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
      });
    }));
    const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
    for (const flags of [[], ["--ca-file", caFile]]) {
      const words = ["tags", "registry.test/app", "-u", "ann", "--password-stdin", ...flags];
      const run = await runProgram([...words, "--retries", "0"], { env, stdin: "secret" });
      assert.equal(run.exitCode, 5, run.stderr);
      assert.match(run.stderr, /^error: Cannot reach registry\.test: /);
    }
    assert.deepEqual([...new Set(asked)], ["CONNECT registry.test:443 HTTP/1.1"]);
  }
});

test("11: a public registry may not name an internal token server or redirect", async () => {
  await using folder = await createTempFolder();
  const caFile = await folder.write("ca.pem", AUTHORITY.certPem);
  const replies = (url: string) => [
    challenge(bearer(url)),
    { status: 307, headers: { location: url } },
  ];
  const urls = ["https://127.0.0.1/x", "https://10.0.0.1/x", "https://[::ffff:127.0.0.1]/x"];
  urls.push("https://localhost/x", "http://registry.test/x");
  for (const reply of urls.flatMap(replies)) {
    await using registry = await startScriptedRegistry([get(TAGS_PATH, reply)], {
      tls: await createTls(),
    });
    await using proxy = await startConnectProxy({
      resolve: { "registry.test:443": registry.port },
    });
    const env = { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url };
    const run = await runProgram(["tags", "registry.test/app", "--ca-file", caFile], { env });
    assert.equal(run.exitCode, 7, run.stderr);
    assert.match(run.stderr, /^error: Refused to follow registry\.test to /);
    assert.ok(proxy.requests.every(({ target }) => target === "registry.test:443"));
    registry.assertDone();
  }
});

test("71: Docker Hub: its API host, its token server and its key", async () => {
  await using folder = await createTempFolder();
  const caFile = await folder.write("ca.pem", AUTHORITY.certPem);
  const path = "/v2/library/busybox/tags/list";
  const helper = await writeCredentialHelper(folder.path, "hub", {
    answer: { ServerURL: "x", Username: "ann", Secret: "helper-canary" },
    stderr: "the helper speaks\n",
  });
  await folder.write("config.json", JSON.stringify({ credsStore: "hub" }));
  const tls = await createTls();
  await using tokens = await startScriptedRegistry([
    getAs(basic("ann", "helper-canary"), /^\/token\?/, {
      status: 200,
      body: { token: "t1-canary" },
    }),
  ], { tls });
  await using registry = await startScriptedRegistry([
    getAs(undefined, path, challenge(bearer("https://auth.docker.io/token"))),
    getAs("Bearer t1-canary", path, TAGS),
  ], { tls });
  await using proxy = await startConnectProxy({
    resolve: { "registry-1.docker.io:443": registry.port, "auth.docker.io:443": tokens.port },
  });
  const { stderr, ...rest } = await runProgram(["tags", "busybox", "--ca-file", caFile, "-vv"], {
    env: {
      HTTPS_PROXY: proxy.url,
      DOCKER_CONFIG: folder.path,
      PATH: `${folder.path}:/usr/bin:/bin`,
    },
  });
  assert.deepEqual(rest, GOOD, stderr);
  assert.deepEqual(await helper.calls(), [{ args: ["get"], stdin: "https://index.docker.io/v1/" }]);
  assert.doesNotMatch(stderr, /canary/);
  assert.match(stderr, /^the helper speaks$/m);
  assert.equal(
    tokens.requests[0]?.path,
    "/token?service=registry.test&scope=repository%3Alibrary%2Fbusybox%3Apull&account=ann",
  );
  assert.equal(logOf(registry).length, 2);
  registry.assertDone();
  tokens.assertDone();
});

test("proxy: this machine's own registry is asked directly", async () => {
  await using proxy = await startConnectProxy({});
  await using registry = await startScriptedRegistry([
    { ...get(TAGS_PATH, TAGS), times: Infinity },
  ]);
  for (const name of [registry.host, `localhost:${registry.port}`]) {
    const env = { HTTP_PROXY: proxy.url, http_proxy: proxy.url };
    const run = await runProgram(["tags", `${name}/app`], { env });
    assert.deepEqual(run, { ...GOOD, stderr: "" });
  }
  assert.deepEqual(proxy.requests, []);
});

test("proxy: --insecure and a client certificate are not for an https proxy", async () => {
  await using folder = await createTempFolder();
  await using registry = await startScriptedRegistry([
    { ...get(TAGS_PATH, TAGS), times: Infinity },
  ], { tls: await createTls() });
  await using proxy = await startConnectProxy({ resolve: { "registry.test:443": registry.port } });
  const authority = await createAuthority("the proxy's");
  const { keyPem, certPem } = await authority.issue({ names: ["localhost"] });
  const shown: unknown[] = [];
  const server = createTlsServer(
    { key: keyPem, cert: certPem, requestCert: true, rejectUnauthorized: false },
    (socket) => {
      shown.push(socket.getPeerCertificate()?.subject);
      socket.pipe(connect(proxy.port, "127.0.0.1")).on("error", () => {}).pipe(socket);
    },
  );
  await using front = await listen(server);
  const env = { HTTPS_PROXY: `https://localhost:${front.port}` };
  const command = ["tags", "registry.test/app", "--retries", "0"];

  const insecure = await runProgram([...command, "--insecure"], { env });
  assert.equal(insecure.exitCode, 5, insecure.stderr);
  assert.deepEqual(proxy.requests, []);

  const both = await folder.write("both.pem", `${AUTHORITY.certPem}\n${authority.certPem}`);
  const client = await AUTHORITY.issue({ names: ["client"], client: true });
  const cert = await folder.write("client.pem", client.certPem);
  const key = await folder.write("client-key.pem", client.keyPem);
  const trusted = await runProgram(
    [...command, "--ca-file", both, "--cert-file", cert, "--key-file", key],
    { env },
  );
  assert.deepEqual(trusted, { ...GOOD, stderr: "" });
  assert.ok(shown.length > 0);
  assert.ok(shown.every((subject) => !JSON.stringify(subject ?? {}).includes("client")));
});
