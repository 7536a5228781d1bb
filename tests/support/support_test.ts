import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import process from "node:process";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { createAuthority } from "./certificates.ts";
import { startConnectProxy } from "./connect_proxy.ts";
import { writeCredentialHelper } from "./credential_helper.ts";
import { findProgram } from "./find_program.ts";
import { programCommand, runCommand, startCommand } from "./program.ts";
import { ANY_REQUEST, startScriptedRegistry } from "./scripted_registry.ts";
import { createTempFolder } from "./temp_folder.ts";

/** Opens a CONNECT tunnel by hand; returns the status and, when it is 200, the socket. */
function openTunnel(
  port: number,
  target: string,
  headers: Record<string, string> = {},
): Promise<{ status: number | undefined; socket: Socket }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      port,
      host: "127.0.0.1",
      method: "CONNECT",
      path: target,
      headers,
    });
    request.on("connect", ({ statusCode }, socket) => resolve({ status: statusCode, socket }));
    request.on("response", (response) => {
      response.resume();
      resolve({ status: response.statusCode, socket: response.socket });
    });
    request.on("error", reject).end();
  });
}

test("CONNECT reaches an invented name over TLS", async () => {
  const authority = await createAuthority("test authority");
  const { keyPem, certPem } = await authority.issue({ names: ["registry.test"] });
  const script = [{ method: "GET", path: "/v2/", reply: { status: 200, body: "hello" } }];
  await using registry = await startScriptedRegistry(script, {
    tls: { key: keyPem, cert: certPem },
  });
  await using proxy = await startConnectProxy({ resolve: { "registry.test:443": registry.port } });
  const { status, socket } = await openTunnel(proxy.port, "registry.test:443");
  assert.equal(status, 200);
  const body = await new Promise((resolve, reject) => {
    const options = { socket, ca: authority.certPem, agent: false as const };
    httpsRequest("https://registry.test/v2/", options, (response) => resolve(text(response)))
      .on("error", reject).end();
  });
  assert.equal(body, "hello");
  assert.deepEqual(proxy.requests, [
    { method: "CONNECT", target: "registry.test:443", proxyAuthorization: undefined },
  ]);
});

test("the proxy asks for its password and never leaves the machine", async () => {
  await using proxy = await startConnectProxy({ credentials: { user: "u@x", password: "p:1" } });
  assert.match(proxy.urlWithCredentials, /^http:\/\/u%40x:p%3A1@127\.0\.0\.1:\d+$/);
  const refused = await openTunnel(proxy.port, "registry.test:443");
  assert.equal(refused.status, 407);
  const basic = `Basic ${btoa("u@x:p:1")}`;
  const headers = { "proxy-authorization": basic };
  const unknown = await openTunnel(proxy.port, "registry.test:443", headers);
  assert.equal(unknown.status, 502);
  assert.equal(proxy.requests[1]?.proxyAuthorization, basic);
  for (const { socket } of [refused, unknown]) socket.destroy();
});

test("a plain request goes through the proxy in origin form", async () => {
  await using origin = await startScriptedRegistry(ANY_REQUEST);
  await using proxy = await startConnectProxy({ resolve: { "registry.test:80": origin.port } });
  const body = await new Promise((resolve, reject) => {
    const path = "http://registry.test/v2/?n=1";
    const headers = { host: "registry.test", "proxy-authorization": "Basic x" };
    const request = httpRequest(
      { port: proxy.port, host: "127.0.0.1", path, headers, agent: false, method: "PUT" },
      (response) => resolve(text(response)),
    );
    request.on("error", reject).end("content");
  });
  assert.equal(body, "{}");
  const [request] = origin.requests;
  assert.deepEqual([request?.path, request?.body], ["/v2/?n=1", "content"]);
  assert.equal(request?.headers["proxy-authorization"], undefined);
});

test("a program gets its input and a minimal environment", async () => {
  const script = 'cat; echo "$HOME|$A" >&2; ls -A "$HOME"; exit 3';
  const result = await runCommand(["/bin/sh", "-c", script], { stdin: "in", env: { A: "1" } });
  const home = result.stderr.split("|")[0] ?? "";
  assert.deepEqual({ ...result, stderr: "" }, {
    exitCode: 3,
    signal: null,
    stdout: "in",
    stderr: "",
  });
  assert.match(result.stderr, /regctl-test-.*\|1\n$/);
  assert.equal(existsSync(home), false);
  const names = await runCommand(["/usr/bin/env"], { env: { PATH: undefined } });
  const expected = ["DENO_DIR", "HOME", "TMPDIR", "XDG_RUNTIME_DIR"];
  assert.deepEqual(names.stdout.match(/^\w+/gm)?.sort(), expected);
});

test("a program that takes too long is killed with all it started", async () => {
  await using folder = await createTempFolder();
  const pidFile = folder.join("pid");
  const script = `sleep 60 & echo $! > ${pidFile}; echo busy >&2; wait`;
  const run = runCommand(["/bin/sh", "-c", script], { timeoutMs: 300 });
  await assert.rejects(run, /took longer than 300 ms; stderr:\nbusy/);
  const { stdout: pid } = await runCommand(["cat", pidFile]);
  assert.match(await readState(pid.trim()), /^(Z.*)?$/, "gone, or waiting to be reaped");
});

/** The state of a process, "" when it is gone. Small systems have no `ps`, but Linux tells by itself. */
async function readState(pid: string): Promise<string> {
  if (!existsSync("/proc/self/stat")) {
    return (await runCommand(["ps", "-o", "stat=", "-p", pid])).stdout.trim();
  }
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) ? readFileSync(stat, "utf8").replace(/^.*\) /s, "").slice(0, 1) : "";
}

test("a missing program is an error", async () => {
  await assert.rejects(runCommand(["/nonexistent/program"]), /ENOENT/);
});

test("a started program takes signals and a closed pipe", async () => {
  await using waiting = await startCommand(["/bin/sh", "-c", "echo up; exec sleep 60"]);
  await new Promise((resolve) => waiting.stdout.once("data", resolve));
  waiting.kill("SIGTERM");
  assert.deepEqual(await waiting.wait(), { exitCode: null, signal: "SIGTERM" });
  await using writer = await startCommand(["yes"]);
  await new Promise((resolve) => writer.stdout.once("data", resolve));
  writer.stdout.destroy();
  assert.notEqual((await writer.wait()).exitCode, 0);
});

test("a pipe hands on what its reader takes and keeps the writer's exit code", async () => {
  const script = "echo 1; echo 2; echo note >&2; exit 5";
  const result = await runCommand(["/bin/sh", "-c", script], { pipeTo: "sed -n 2p" });
  assert.deepEqual(result, { exitCode: 5, signal: null, stdout: "2\n", stderr: "note\n" });
  const closed = await runCommand(["yes", "it's $1"], { pipeTo: "head -n 1" });
  assert.equal(closed.stdout, "it's $1\n");
  assert.notEqual(closed.exitCode, 0);
});

test("the program under test is named by absolute paths", () => {
  const before = process.env["REGCTL_TEST_TARGET"];
  try {
    process.env["REGCTL_TEST_TARGET"] = "binary";
    assert.match(programCommand()[0], /^\/.*\/dist\/regctl$/);
    process.env["REGCTL_TEST_TARGET"] = "deno";
    assert.ok(existsSync(programCommand()[0]));
    process.env["REGCTL_TEST_TARGET"] = "other";
    assert.throws(() => programCommand(), /not binary or deno/);
  } finally {
    if (before === undefined) delete process.env["REGCTL_TEST_TARGET"];
    else process.env["REGCTL_TEST_TARGET"] = before;
  }
});

test("a fake credential helper answers and keeps what it was asked", async () => {
  await using folder = await createTempFolder();
  const answer = { ServerURL: "r", Username: "it's", Secret: "s" };
  const helper = await writeCredentialHelper(folder.path, "fake", { answer, stderr: "note" });
  const env = { PATH: `${folder.path}:/usr/bin:/bin` };
  const command = ["/bin/sh", "-c", 'docker-credential-fake "$@"', "sh", "get", "a, b"];
  const result = await runCommand(command, { env, stdin: "r.test\n" });
  assert.deepEqual(JSON.parse(result.stdout), answer);
  assert.equal(result.stderr, "note");
  assert.deepEqual(await helper.calls(), [{ args: ["get", "a, b"], stdin: "r.test\n" }]);
});

test("a fake credential helper fails, floods and hangs", async () => {
  await using folder = await createTempFolder();
  const failing = await writeCredentialHelper(folder.path, "a", { answer: "no", exitCode: 1 });
  const { exitCode, stdout } = await runCommand([failing.path, "get"]);
  assert.deepEqual([exitCode, stdout], [1, "no"]);
  const flooding = await writeCredentialHelper(folder.path, "b", { floodBytes: 1_000_000 });
  assert.equal((await runCommand([flooding.path])).stdout.length, 1_000_000);
  const hanging = await writeCredentialHelper(folder.path, "c", { hang: true });
  await assert.rejects(runCommand([hanging.path], { timeoutMs: 300 }), /longer than/);
  assert.equal((await hanging.calls()).length, 1);
});

test("a temporary folder is writable and goes away", async () => {
  let path = "";
  {
    await using folder = await createTempFolder();
    path = await folder.write("a/b", "text", 0o600);
    assert.equal(path, folder.join("a", "b"));
    assert.equal(statSync(path).mode & 0o777, 0o600);
  }
  assert.equal(existsSync(path), false);
});

test("programs are found on PATH", () => {
  assert.match(findProgram("sh") ?? "", /^\/.*\/sh$/);
  assert.equal(findProgram("no-such-program"), undefined);
});
