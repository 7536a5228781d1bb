import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import {
  type CertificateRequest,
  createAuthority,
  createSelfSigned,
} from "../support/certificates.ts";
import { listen } from "../support/listen.ts";
import { startScriptedRegistry } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { OPEN } from "./doctor_script.ts";
import { get } from "./script.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const AUTHORITY = await createAuthority("regctl test");
const DATE = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;

/** A registry with a certificate of the test's authority. */
async function startTls(request: Partial<CertificateRequest> = {}, isReached = true) {
  const { keyPem, certPem } = await AUTHORITY.issue({
    names: ["127.0.0.1", "registry.test"],
    notAfter: new Date(Date.now() + 90.5 * DAY_MS),
    ...request,
  });
  const steps = [get("/v2/", OPEN), get("/v2/_catalog?n=1", { status: 404 })];
  return await startScriptedRegistry(isReached ? steps : [], {
    tls: { key: keyPem, cert: certPem },
  });
}

async function writeAuthority() {
  const folder = await createTempFolder();
  const caFile = await folder.write("ca.pem", AUTHORITY.certPem);
  return { flags: ["--ca-file", caFile], [Symbol.asyncDispose]: folder[Symbol.asyncDispose] };
}

test("TLS: protocol, names, issuer, dates, and who trusts it", async () => {
  await using authority = await writeAuthority();
  await using registry = await startTls();
  const run = await runCaptured(["doctor", registry.url, ...authority.flags]);
  registry.assertDone();
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.match(
    run.stdout,
    new RegExp(
      "^tls: {9}TLSv1\\.3\n" +
        "certificate: CN=127\\.0\\.0\\.1, for IP Address:127\\.0\\.0\\.1, DNS:registry\\.test\n" +
        "issuer: {6}CN=regctl test\n" +
        `valid: {7}${DATE} to ${DATE}, 90 days left\n` +
        "trusted: {5}by --ca-file, SSL_CERT_FILE or certs\\.d$",
      "m",
    ),
  );
  assert.match(run.stdout, /\nNo problems found\n$/);
});

test("TLS: a certificate that ends soon is a problem", async () => {
  await using authority = await writeAuthority();
  await using registry = await startTls({ notAfter: new Date(Date.now() + 3.5 * DAY_MS) });
  const run = await runCaptured(["doctor", registry.url, ...authority.flags, "-o", "json"]);
  const { tls, problems } = JSON.parse(run.stdout);
  assert.deepEqual([tls.daysLeft, tls.trust, tls.reason, run.exitCode], [3, "given", null, 0]);
  assert.deepEqual(problems, [{
    problem: `The certificate of ${registry.host} ends in 3 days`,
    remedy: "Renew the certificate, or tell who runs the registry",
  }]);
});

test("TLS: --insecure gets through, and the report says what it passes over", async () => {
  await using registry = await startTls();
  const run = await runCaptured(["doctor", registry.url, "--insecure"]);
  registry.assertDone();
  assert.equal(run.exitCode, 0, run.stderr);
  assert.match(run.stdout, /^trusted: +by nobody: its certificate authority is not known$/m);
  assert.match(run.stdout, /^problem: The certificate of .* is not trusted: its certificate auth/m);
  assert.match(run.stdout, /^remedy: +Name its certificate authority with --ca-file, and leave/m);
});

test("TLS: a certificate that keeps us out is shown all the same", async () => {
  await using authority = await writeAuthority();
  const old = new Date(Date.now() - DAY_MS);
  const cases = [
    [{}, [], /authority is not known/],
    [{ notAfter: old }, authority.flags, /its certificate has expired/],
    [{ names: ["other.test"] }, authority.flags, /its certificate is for another name/],
  ] as const;
  for (const [request, flags, reason] of cases) {
    await using registry = await startTls(request, false);
    const run = await runCaptured(["doctor", registry.url, ...flags]);
    assert.equal(run.exitCode, 5, run.stderr);
    assert.match(run.stdout, /^status: +failed \(NETWORK\)$/m);
    assert.match(run.stdout, /^issuer: +CN=regctl test$/m);
    assert.match(run.stdout.split("\n").find((line) => /^trusted:/.test(line)) ?? "", reason);
    assert.equal(run.stdout.match(/^problem: /gm)?.length, 1);
    assert.match(run.stdout, /^remedy: {2}Name the certificate authority with --ca-file/m);
    assert.deepEqual(registry.requests, []);
  }
});

test("TLS: one that signed itself", async () => {
  const { keyPem, certPem } = await createSelfSigned({ names: ["127.0.0.1"] });
  await using registry = await startScriptedRegistry([], { tls: { key: keyPem, cert: certPem } });
  const run = await runCaptured(["doctor", registry.url, "-o", "json"]);
  const { tls } = JSON.parse(run.stdout);
  assert.equal(tls.trust, "none");
  assert.match(
    tls.reason,
    /^its certificate authority is not known|signed its certificate itself$/,
  );
  assert.deepEqual([tls.subject, tls.issuer], ["CN=127.0.0.1", "CN=127.0.0.1"]);
});

test("TLS: a client certificate is shown to the registry that wants one", async () => {
  await using folder = await createTempFolder();
  await using authority = await writeAuthority();
  const client = await AUTHORITY.issue({ names: ["ann"], client: true });
  const flags = [
    ...["--cert-file", await folder.write("ann.pem", client.certPem)],
    ...["--key-file", await folder.write("ann.key", client.keyPem)],
  ];
  const server = await AUTHORITY.issue({ names: ["127.0.0.1"] });
  // With TLS 1.2 the handshake itself fails without one.
  const wants = { requestCert: true, ca: AUTHORITY.certPem, maxVersion: "TLSv1.2" };
  const tls = { key: server.keyPem, cert: server.certPem, ...wants };
  await using registry = await startScriptedRegistry(
    [get("/v2/", OPEN), get("/v2/_catalog?n=1", { status: 404 })],
    { tls },
  );
  const run = await runCaptured(["doctor", registry.url, ...authority.flags, ...flags]);
  assert.equal(run.exitCode, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /^tls: +TLSv1\.2$/m);
  assert.match(run.stdout, /^trusted: +by --ca-file/m);
  registry.assertDone();
});

test("TLS: a server that says nothing holds nobody up", async () => {
  await using mute = await listen(createServer((socket) => socket.resume()));
  const words = ["doctor", `https://127.0.0.1:${mute.port}`, "--idle-timeout", "200ms"];
  const startedAt = performance.now();
  const run = await runCaptured([...words, "--retries", "0"]);
  assert.equal(run.exitCode, 5);
  // Far above what it takes, far below the time that a handshake may take by itself.
  assert.ok(performance.now() - startedAt < 8000);
  assert.match(run.stdout, /^status: +failed \(TIMEOUT\)$/m);
  assert.match(run.stdout, /^tls: +not visible$/m);
});

test("TLS: a file that cannot be used is told in the report, once", async () => {
  await using folder = await createTempFolder();
  const gone = folder.join("gone.pem");
  const run = await runCaptured(["doctor", "https://127.0.0.1:1", "--ca-file", gone]);
  assert.equal(run.exitCode, 2);
  assert.deepEqual(run.stdout.match(/^problem: .*$/gm), [
    `problem: Cannot read ${gone}: there is no such file`,
  ]);
});
