import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import {
  type CertificateWithKey,
  createAuthority,
  createSelfSigned,
} from "../support/certificates.ts";
import { listen } from "../support/listen.ts";
import { ANY_REQUEST, startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { bearer, challenge, get, getAs, logOf, TAGS, TAGS_PATH } from "./script.ts";

const AUTHORITY = await createAuthority("regctl test");
const SIGNED = await AUTHORITY.issue({ names: ["127.0.0.1", "localhost"] });
const SELF_SIGNED = await createSelfSigned({ names: ["127.0.0.1"] });
const GOOD = { exitCode: 0, stdout: "1\n", stderr: "", waits: [] };

/** A registry with this certificate; `clientCa` asks for a client certificate and insists on it. */
function startTls(
  { keyPem, certPem }: CertificateWithKey,
  script: readonly Step[] = [get(TAGS_PATH, TAGS)],
  clientCa?: string,
) {
  const tls = { key: keyPem, cert: certPem, ...(clientCa && { requestCert: true, ca: clientCa }) };
  return startScriptedRegistry(script, { tls });
}

test("a certificate that cannot be verified ends the run at once", async () => {
  const yesterday = new Date(Date.now() - 24 * 60 * 60 * 1000);
  const expired = await AUTHORITY.issue({ names: ["127.0.0.1"], notAfter: yesterday });
  const misnamed = await AUTHORITY.issue({ names: ["registry.test"] });
  await using folder = await createTempFolder();
  const caFile = await folder.write("ca.pem", AUTHORITY.certPem);
  const cases = [
    [SIGNED, [], /: its certificate authority is not known$/],
    [
      SELF_SIGNED,
      [],
      /: (it signed its certificate itself|its certificate authority is not known)$/,
    ],
    // Deno's node:https has one word for both.
    [expired, ["--ca-file", caFile], /: its certificate (has expired|authority is not known)$/],
    [misnamed, ["--ca-file", caFile], /: its certificate is for another name$/],
  ] as const;
  for (const [certificate, flags, reason] of cases) {
    await using registry = await startTls(certificate, []);
    const run = await runCaptured(["tags", `${registry.url}/app`, ...flags]);
    const [error = "", hint] = run.stderr.split("\n");
    assert.equal(run.exitCode, 5, run.stderr);
    assert.ok(error.startsWith(`error: Cannot reach ${registry.host}: `), error);
    assert.match(error, reason);
    assert.equal(hint, "hint: Name the certificate authority with --ca-file, if you trust it");
    assert.deepEqual([run.stdout, run.waits, logOf(registry)], ["", [], []]);
  }
});

test("--ca-file, SSL_CERT_FILE and certs.d each make an authority known", async () => {
  await using folder = await createTempFolder();
  await using registry = await startTls(SIGNED, [get(TAGS_PATH, TAGS, { times: 5 })]);
  const caFile = await folder.write(
    "ca.pem",
    `a remark\n${SELF_SIGNED.certPem}${AUTHORITY.certPem}`,
  );
  await folder.write(`docker/docker/certs.d/${registry.host}/ca.crt`, AUTHORITY.certPem);
  await folder.write(`podman/containers/certs.d/${registry.host}/ca.crt`, AUTHORITY.certPem);
  await folder.write(`home/.config/docker/certs.d/${registry.host}/ca.crt`, AUTHORITY.certPem);
  await folder.write("other/docker/certs.d/127.0.0.1/ca.crt", AUTHORITY.certPem);
  const cases: (readonly [readonly string[], Record<string, string>, number])[] = [
    [["--ca-file", caFile], {}, 0],
    [[], { SSL_CERT_FILE: caFile }, 0],
    [[], { XDG_CONFIG_HOME: folder.join("docker") }, 0],
    [[], { XDG_CONFIG_HOME: folder.join("podman") }, 0],
    [[], { HOME: folder.join("home") }, 0],
    [[], { XDG_CONFIG_HOME: folder.join("other") }, 5],
  ];
  for (const [flags, env, exitCode] of cases) {
    const run = await runCaptured(["tags", `${registry.url}/app`, ...flags], { env });
    assert.equal(run.exitCode, exitCode, run.stderr);
    if (exitCode === 0) assert.deepEqual(run, GOOD);
  }
  registry.assertDone();
});

test("a loopback registry is spoken to in http, and in https with https:// or a TLS flag", async () => {
  await using folder = await createTempFolder();
  const caFile = await folder.write("ca.pem", AUTHORITY.certPem);
  await using plain = await startScriptedRegistry([get(TAGS_PATH, TAGS)]);
  assert.deepEqual(await runCaptured(["tags", `${plain.host}/app`]), GOOD);
  await using secure = await startTls(SIGNED, [get(TAGS_PATH, TAGS, { times: 3 })]);
  const words = [
    [`${secure.url}/app`, "--ca-file", caFile],
    [`${secure.host}/app`, "--ca-file", caFile],
    [`${secure.host}/app`, "--insecure"],
  ];
  for (const more of words) assert.deepEqual(await runCaptured(["tags", ...more]), GOOD);
  secure.assertDone();
});

test("https to a registry that speaks http is told apart, and not tried again", async () => {
  // The scripted registry would wait for the end of a request that never comes.
  await using registry = await listen(createServer());
  const host = `127.0.0.1:${registry.port}`;
  const run = await runCaptured(["tags", `https://${host}/app`]);
  assert.deepEqual(run, {
    exitCode: 5,
    stdout: "",
    stderr: `error: Cannot reach ${host}: it does not speak TLS on this port\n` +
      "hint: If the registry speaks plain http, add --plain-http\n",
    waits: [],
  });
});

test("a registry that wants a client certificate gets the one of the flags or of certs.d", async () => {
  const client = await AUTHORITY.issue({ names: ["ann"], client: true });
  await using folder = await createTempFolder();
  await using registry = await startTls(
    SIGNED,
    [get(TAGS_PATH, TAGS, { times: 2 })],
    AUTHORITY.certPem,
  );
  const caFile = await folder.write("ca.pem", AUTHORITY.certPem);
  const certFile = await folder.write("ann.pem", client.certPem);
  const keyFile = await folder.write("ann.key", client.keyPem);
  const certs = `docker/certs.d/${registry.host}`;
  await folder.write(`${certs}/ca.crt`, AUTHORITY.certPem);
  await folder.write(`${certs}/client.cert`, client.certPem);
  await folder.write(`${certs}/client.key`, client.keyPem);
  const flags = ["--ca-file", caFile, "--cert-file", certFile, "--key-file", keyFile];
  assert.deepEqual(await runCaptured(["tags", `${registry.host}/app`, ...flags]), GOOD);
  const env = { XDG_CONFIG_HOME: folder.path };
  assert.deepEqual(await runCaptured(["tags", `${registry.url}/app`], { env }), GOOD);

  const without = ["tags", `${registry.host}/app`, "--ca-file", caFile, "--retries", "0"];
  const run = await runCaptured(without);
  assert.equal(run.exitCode, 5, run.stderr);
  assert.equal(run.stdout, "");
  registry.assertDone();
});

test("16: --insecure is for the named registry: a token server is still verified", async () => {
  await using tokens = await startTls(SELF_SIGNED, ANY_REQUEST);
  await using registry = await startTls(SELF_SIGNED, [
    get(TAGS_PATH, challenge(bearer(`${tokens.url}/token`))),
  ]);
  const words = ["tags", `${registry.host}/app`, "--insecure", "-u", "ann", "--password-stdin"];
  const run = await runCaptured(words, { stdin: "secret" });
  assert.equal(run.exitCode, 5, run.stderr);
  assert.ok(run.stderr.startsWith(`error: Cannot reach ${tokens.host}: `), run.stderr);
  assert.deepEqual([run.stdout, run.waits, logOf(tokens)], ["", [], []]);
  registry.assertDone();
});

test("16: --insecure is for the named registry: a redirect's target is still verified", async () => {
  await using other = await startTls(SELF_SIGNED, ANY_REQUEST);
  await using registry = await startTls(SELF_SIGNED, [
    get(TAGS_PATH, { status: 307, headers: { location: `${other.url}/x` } }),
  ]);
  const run = await runCaptured(["tags", `${registry.host}/app`, "--insecure"]);
  assert.equal(run.exitCode, 5, run.stderr);
  assert.ok(run.stderr.startsWith(`error: Cannot reach ${other.host}: `), run.stderr);
  assert.deepEqual([run.stdout, run.waits, logOf(other)], ["", [], []]);
  registry.assertDone();
});

test("16: --insecure covers the registry's own token server, --ca-file every host", async () => {
  await using folder = await createTempFolder();
  const caFile = await folder.write("ca.pem", AUTHORITY.certPem);
  const token = { status: 200, body: { token: "t1" } };
  await using own = await startTls(SELF_SIGNED, [
    getAs(undefined, TAGS_PATH, challenge(bearer("/token"))),
    get(/^\/token\?/, token),
    getAs("Bearer t1", TAGS_PATH, TAGS),
  ]);
  assert.deepEqual(await runCaptured(["tags", `${own.host}/app`, "--insecure"]), GOOD);
  own.assertDone();
  await using tokens = await startTls(SIGNED, [get(/^\/token\?/, token)]);
  await using registry = await startTls(SIGNED, [
    getAs(undefined, TAGS_PATH, challenge(bearer(`${tokens.url}/token`))),
    getAs("Bearer t1", TAGS_PATH, TAGS),
  ]);
  assert.deepEqual(await runCaptured(["tags", `${registry.host}/app`, "--ca-file", caFile]), GOOD);
  registry.assertDone();
  tokens.assertDone();
});

test("a certificate file that cannot be used is an error before any request", async () => {
  await using folder = await createTempFolder();
  const text = await folder.write("text.pem", "no certificate");
  const gone = folder.join("gone.pem");
  await using registry = await startTls(SIGNED, []);
  const both = "A client certificate needs both --cert-file and --key-file";
  const cases = [
    [["--ca-file", gone], `Cannot read ${gone}: there is no such file`],
    [["--ca-file", text], `Cannot use ${text}: it holds no certificate or key in PEM`],
    [["--cert-file", gone], both],
    [["--key-file", gone], both],
    [["--cert-file", gone, "--key-file", gone], `Cannot read ${gone}: there is no such file`],
  ] as const;
  for (const [flags, message] of cases) {
    const run = await runCaptured(["tags", `${registry.url}/app`, ...flags]);
    const expected = { exitCode: 2, stdout: "", stderr: `error: ${message}\n`, waits: [] };
    assert.deepEqual(run, expected);
  }
  assert.deepEqual(logOf(registry), []);
});
