import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { createAuthority } from "./certificates.ts";
import { ANY_REQUEST, startScriptedRegistry } from "./scripted_registry.ts";

/** What a client without any HTTP library saw: the bytes, and how the connection ended. */
interface Seen {
  readonly text: string;
  readonly end: "closed" | "reset" | "left";
}

/** Sends a request by hand; `stopAt` hangs up once that many bytes have come, 0 after a short silence. */
function exchange(
  port: number,
  path: string,
  stopAt = Infinity,
  method = "GET",
): Promise<Seen> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const socket = connect({ port, host: "127.0.0.1" });
    const finish = (end: Seen["end"]) => {
      socket.destroy();
      resolve({ text: Buffer.concat(chunks).toString(), end });
    };
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= stopAt) finish("left");
    });
    socket.on("end", () => finish("closed"));
    socket.on("error", () => finish("reset"));
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: registry.test\r\nX-A: 1\r\nX-A: 2\r\n\r\n`);
    if (stopAt === 0) setTimeout(() => finish("left"), 100);
  });
}

function bodyOf(seen: Seen): string {
  return seen.text.slice(seen.text.indexOf("\r\n\r\n") + 4);
}

test("the first unused step that fits answers", async () => {
  await using registry = await startScriptedRegistry([
    { method: "DELETE", path: "/v2/", times: Infinity },
    { method: "GET", path: "/v2/", when: () => false, times: Infinity },
    { method: "GET", path: "/v2/", reply: { status: 401, headers: [["x-b", "1"], ["x-b", "2"]] } },
    { method: "GET", path: "/v2/", reply: { status: 200, body: { again: true } } },
    { method: "PUT", path: /^\/v2\/a\//, when: ({ body }) => body === "ä", reply: { status: 201 } },
    { method: "GET", path: "/hold", replyWith: ({ path }) => ({ status: 200, body: path }) },
    { method: "HEAD", path: "/head", reply: { status: 200, body: "12345" } },
  ]);
  const first = await fetch(`${registry.url}/v2/`);
  assert.equal(first.status, 401);
  assert.equal(first.headers.get("x-b"), "1, 2");
  const second = await fetch(`${registry.url}/v2/`);
  assert.equal(second.headers.get("content-type"), "application/json");
  assert.deepEqual(await second.json(), { again: true });
  assert.throws(() => registry.assertDone(), /unused step \(1 left\): PUT/);
  const put = await fetch(`${registry.url}/v2/a/b?c=d`, { method: "PUT", body: "ä" });
  assert.equal(put.status, 201);
  assert.equal(await (await fetch(`${registry.url}/hold`)).text(), "/hold");
  const head = await exchange(registry.port, "/head", Infinity, "HEAD");
  assert.match(head.text, /content-length: 5\r\n\r\n$/);
  registry.assertDone();
  assert.equal(registry.requests[2]?.path, "/v2/a/b?c=d");
  assert.equal(registry.requests[2]?.body, "ä");
});

test("a request outside the script is answered 500 and reported", async () => {
  await using registry = await startScriptedRegistry([]);
  const response = await fetch(`${registry.url}/x`);
  await response.text();
  assert.equal(response.status, 500);
  assert.throws(() => registry.assertDone(), {
    name: "AssertionError",
    message: /unexpected request: GET \/x/,
  });
});

test("a script that throws is reported", async () => {
  await using registry = await startScriptedRegistry([{
    method: "GET",
    path: "/",
    replyWith: () => {
      throw new Error("broken");
    },
  }]);
  assert.equal((await fetch(registry.url)).status, 500);
  assert.throws(() => registry.assertDone(), /broken/);
});

test("steps with times are counted, and Infinity may stay unused", async () => {
  await using registry = await startScriptedRegistry([
    { method: "GET", path: "/", times: 2 },
    { method: "GET", path: "/never", times: Infinity },
  ]);
  await (await fetch(registry.url)).text();
  assert.throws(() => registry.assertDone(), /unused step \(1 left\)/);
  await (await fetch(registry.url)).text();
  registry.assertDone();
});

test("a connection can be kept for a second request", async () => {
  await using registry = await startScriptedRegistry(ANY_REQUEST, { keepAlive: true });
  const { text: answers } = await new Promise<Seen>((resolve) => {
    let seen = "";
    const socket = connect(registry.port, "127.0.0.1");
    socket.on("data", (data) => {
      seen += data;
      if (seen.split("HTTP/1.1 200").length === 3) {
        socket.destroy();
        resolve({ text: seen, end: "left" });
      }
    });
    const chunked = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
    socket.write(`POST /1 HTTP/1.1\r\n${chunked}GET /2 HTTP/1.1\r\n\r\n`);
  });
  assert.match(answers, /connection: keep-alive/);
  assert.deepEqual(registry.requests.map(({ path, body }) => [path, body]), [
    ["/1", "abcd"],
    ["/2", ""],
  ]);
});

test("a recording origin keeps every request and its headers", async () => {
  await using origin = await startScriptedRegistry(ANY_REQUEST);
  const seen = await exchange(origin.port, "/stolen?token=1");
  assert.equal(bodyOf(seen), "{}");
  assert.equal(origin.requests[0]?.path, "/stolen?token=1");
  assert.deepEqual(origin.requests[0]?.headers, { host: "registry.test", "x-a": "1, 2" });
  origin.assertDone();
});

test("reset-before-response is a TCP reset without a byte", async () => {
  await using registry = await startScriptedRegistry([
    { method: "GET", path: "/", fault: "reset-before-response" },
  ]);
  assert.deepEqual(await exchange(registry.port, "/"), { text: "", end: "reset" });
  registry.assertDone();
});

test("reset-mid-body sends the head and half of the body", async () => {
  await using registry = await startScriptedRegistry([
    { method: "GET", path: "/", fault: "reset-mid-body", reply: { status: 200, body: "12345678" } },
  ]);
  const seen = await exchange(registry.port, "/");
  assert.match(seen.text, /content-length: 8\r\n/);
  assert.equal(bodyOf(seen), "1234");
  assert.equal(seen.end, "reset");
});

test("short-body closes in order after fewer bytes than promised", async () => {
  const reply = { status: 206, body: "12345678" };
  await using registry = await startScriptedRegistry([
    { method: "GET", path: "/", fault: "short-body", reply, cutAt: 6 },
  ]);
  const seen = await exchange(registry.port, "/");
  assert.match(seen.text, /^HTTP\/1.1 206 [^]*content-length: 8\r\n/);
  assert.equal(bodyOf(seen), "123456");
  assert.equal(seen.end, "closed");
});

test("hang sends nothing and keeps the connection", async () => {
  await using registry = await startScriptedRegistry([{ method: "GET", path: "/", fault: "hang" }]);
  assert.deepEqual(await exchange(registry.port, "/", 0), { text: "", end: "left" });
  registry.assertDone();
});

test("half-close ends the answer before it began", async () => {
  await using registry = await startScriptedRegistry([
    { method: "GET", path: "/", fault: "half-close" },
  ]);
  assert.deepEqual(await exchange(registry.port, "/"), { text: "", end: "closed" });
});

test("a drip sends one byte at a time", async () => {
  const fault = { dripMs: 10, bytes: 3 };
  await using registry = await startScriptedRegistry([
    { method: "GET", path: "/", fault, reply: { status: 200, body: "ab" } },
  ]);
  const began = performance.now();
  const seen = await exchange(registry.port, "/");
  assert.equal(bodyOf(seen), "aba");
  assert.ok(performance.now() - began >= 25, "three pauses of 10 ms");
});

test("endless-body goes on while the client reads and stops when it leaves", async () => {
  await using registry = await startScriptedRegistry([
    { method: "GET", path: "/", fault: "endless-body" },
  ]);
  const seen = await exchange(registry.port, "/", 5_000_000);
  assert.match(seen.text, /transfer-encoding: chunked/);
  assert.doesNotMatch(seen.text.slice(0, 500), /content-length/);
  assert.equal(seen.end, "left");
});

test("TLS with a certificate of an own authority", async () => {
  const authority = await createAuthority("test authority");
  const { keyPem, certPem } = await authority.issue({ names: ["localhost", "127.0.0.1"] });
  await using registry = await startScriptedRegistry(
    [{ method: "GET", path: "/", reply: { status: 200, body: "secret" } }],
    { tls: { key: keyPem, cert: certPem } },
  );
  assert.match(registry.url, /^https:/);
  await assert.rejects(fetch(registry.url));
  const body = await new Promise((resolve, reject) => {
    httpsRequest(registry.url, { ca: authority.certPem, agent: false }, (response) => {
      resolve(text(response));
    }).on("error", reject).end();
  });
  assert.equal(body, "secret");
  registry.assertDone();
});
