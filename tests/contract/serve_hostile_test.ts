import assert from "node:assert/strict";
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { OCI_INDEX } from "../../core/oci/media_types.ts";
import {
  content,
  type EmbeddedRegistry,
  errorCodeOf,
  type SendOptions,
  sendRaw,
  startEmbeddedRegistry,
} from "../support/embedded_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";

const INDEX = content('{"schemaVersion":2,"manifests":[]}', OCI_INDEX);
const BLOB = content("blob");
const HEX = "0".repeat(64);
const AS_INDEX = { headers: { "content-type": OCI_INDEX }, body: INDEX.bytes };

/** Every request that names a repository, with its name left open. */
const REQUESTS: readonly (readonly [string, string, SendOptions?])[] = [
  ["GET", "NAME/tags/list"],
  ["GET", "NAME/manifests/latest"],
  ["PUT", "NAME/manifests/latest", AS_INDEX],
  ["DELETE", "NAME/manifests/latest"],
  ["GET", `NAME/blobs/${BLOB.digest}`],
  ["DELETE", `NAME/blobs/${BLOB.digest}`],
  ["GET", `NAME/referrers/${BLOB.digest}`],
  ["POST", "NAME/blobs/uploads/"],
  ["POST", `NAME/blobs/uploads/?digest=${BLOB.digest}`, { body: BLOB.bytes }],
  ["POST", `NAME/blobs/uploads/?mount=${BLOB.digest}&from=app`],
  ["PATCH", "NAME/blobs/uploads/1", { body: "x" }],
];

const NAMES = [
  ...["..", ".", "a/..", "../a", "a/../app", "a/./b", "a/../../../../tmp/x", ".regctl", "_blobs"],
  ...["%2e%2e", "a/%2e%2e/app", "%2e", "a%2fb", "a%2Fb", "%61pp", "a%00", "a%0d%0ab", "a%0a", "%"],
  ...[
    "%c0%ae%c0%ae",
    "%252e%252e",
    "a%5cb",
    "A",
    "aB",
    "a_",
    "-a",
    "a--",
    "a..b",
    "a//b",
    "/a",
    "a/",
  ],
  ...["a;b", "a~b", "a*", "a+b", "a=b", "a&b", "a'b", "a:b", "a@b", "a$b", "(a)", "a,b", "é"],
  "a".repeat(256),
];

/** Starts in a folder of its own, so that whatever is written beside the data is seen. */
async function startInside(path: string): Promise<EmbeddedRegistry> {
  const registry = await startEmbeddedRegistry({ folder: join(path, "data") });
  await registry.pushBlob("app", BLOB);
  await registry.pushManifest("app", "latest", INDEX);
  return registry;
}

/** All but the uploads under way, which nobody is served. */
function listFiles(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => !name.includes("/.regctl/scratch/")).sort();
}

test("60: a name that is none is refused by every request, and nothing is written", async () => {
  await using folder = await createTempFolder();
  await using registry = await startInside(folder.path);
  const before = listFiles(folder.path);
  for (const name of NAMES) {
    for (const [method, path, options] of REQUESTS) {
      const target = `/v2/${path.replace("NAME", name)}`;
      const answer = await registry.send(method, encodeLatin(target), options);
      assert.ok(
        answer.status >= 400 && answer.status < 500,
        `${method} ${target} ${answer.status}`,
      );
      assert.equal(answer.headers["content-type"], "application/json");
      assert.match(errorCodeOf(answer), /^[A-Z_]+$/);
    }
  }
  assert.deepEqual(listFiles(folder.path), before);
  assert.equal((await registry.send("GET", "/v2/")).status, 200);
});

/** node:http sends no byte above 0x7f in a path. */
function encodeLatin(path: string): string {
  return path.replace("é", "%c3%a9");
}

test("60: NUL, CR, LF and blanks in a request line are no request", async () => {
  await using registry = await startEmbeddedRegistry();
  for (const bad of ["\0", "\r", "\n", " ", "\x7f", "\x80", "\t"]) {
    const line = `GET /v2/a${bad}b/tags/list HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    const answer = await sendRaw(registry, line);
    assert.match(answer, /^HTTP\/1\.1 4\d\d /, JSON.stringify(bad));
    assert.match(answer, /\{"errors":\[\{"code":"/, JSON.stringify(bad));
  }
  assert.equal((await registry.send("GET", "/v2/")).status, 200);
});

test("60: an unknown method is refused, and says which are known", async () => {
  await using folder = await createTempFolder();
  await using registry = await startInside(folder.path);
  const cases: readonly (readonly [string, string, string])[] = [
    ["POST", "/v2/", "GET, HEAD"],
    ["PROPFIND", "/v2/app/tags/list", "GET, HEAD"],
    ["OPTIONS", "/v2/_catalog", "GET, HEAD"],
    ["POST", "/v2/app/manifests/latest", "GET, HEAD, PUT, DELETE"],
    ["PUT", `/v2/app/blobs/${BLOB.digest}`, "GET, HEAD, DELETE"],
    ["GET", "/v2/app/blobs/uploads/", "POST"],
    ["POST", "/v2/app/blobs/uploads/1", "GET, HEAD, PATCH, PUT, DELETE"],
    ["DELETE", `/v2/app/referrers/${BLOB.digest}`, "GET, HEAD"],
  ];
  for (const [method, path, allow] of cases) {
    const answer = await registry.send(method, path);
    assert.deepEqual([answer.status, errorCodeOf(answer)], [405, "UNSUPPORTED"], path);
    assert.equal(answer.headers.allow, allow);
  }
  const brew = await sendRaw(
    registry,
    "BREW /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  );
  assert.match(brew, /^HTTP\/1\.1 4\d\d .*"code":"UNSUPPORTED"/s);
  for (const path of ["/", "/v1/", "/v2/app", "/v2/app/nothing/here", "/v3/", "/favicon.ico"]) {
    const answer = await registry.send("GET", path);
    assert.deepEqual([answer.status, errorCodeOf(answer)], [404, "UNSUPPORTED"], path);
  }
});

test("60: a digest that is none is refused wherever one is named", async () => {
  await using folder = await createTempFolder();
  await using registry = await startInside(folder.path);
  const before = listFiles(folder.path);
  const digests = ["sha256:", `sha256:${HEX.slice(1)}`, `sha256:${HEX}0`, `sha512:${HEX}`];
  digests.push(`sha256:${"A".repeat(64)}`, "sha256:../../x", "sha256:%2e%2e", `md5:${HEX}`, "x");
  for (const digest of digests) {
    const uploads = "/v2/app/blobs/uploads/";
    const { headers } = await registry.send("POST", uploads);
    const requests: readonly (readonly [string, string])[] = [
      ["POST", `${uploads}?digest=${digest}`],
      ["POST", `${uploads}?mount=${digest}&from=app`],
      ["PUT", `${headers.location}?digest=${digest}`],
      ["PUT", `${headers.location}`],
    ];
    for (const [method, path] of requests) {
      const answer = await registry.send(method, path, { body: BLOB.bytes });
      assert.deepEqual([answer.status, errorCodeOf(answer)], [400, "DIGEST_INVALID"], path);
    }
    await registry.send("DELETE", headers.location ?? "");
  }
  const algorithm = await registry.send("POST", "/v2/app/blobs/uploads/?digest-algorithm=md5");
  assert.deepEqual([algorithm.status, errorCodeOf(algorithm)], [400, "DIGEST_INVALID"]);
  assert.deepEqual(listFiles(folder.path), before);
});

test("60: an upload that is not ours is unknown", async () => {
  await using folder = await createTempFolder();
  await using registry = await startInside(folder.path);
  const ids = ["1", "..", "lock", `${HEX}`, "00000000-0000-4000-8000-000000000000", "a%2fb"];
  for (const id of ids) {
    for (
      const [method, query] of [["GET", ""], ["PATCH", ""], ["DELETE", ""], ["PUT", "?digest="]]
    ) {
      const suffix = query === "" ? "" : query + BLOB.digest;
      const answer = await registry.send(method ?? "", `/v2/app/blobs/uploads/${id}${suffix}`);
      assert.ok([400, 404].includes(answer.status), `${method} ${id} ${answer.status}`);
      assert.match(errorCodeOf(answer), /^(BLOB_UPLOAD_UNKNOWN|NAME_INVALID|UNSUPPORTED)$/);
    }
  }
});

test("60: a manifest over 4 MiB is too large, whether it says so or not", async () => {
  await using registry = await startEmbeddedRegistry();
  const body = `${" ".repeat(4 * 1024 * 1024)}{}`;
  for (const chunked of [false, true]) {
    const headers = { "content-type": OCI_INDEX };
    const answer = await registry.send("PUT", "/v2/app/manifests/a", { headers, body, chunked });
    assert.deepEqual([answer.status, errorCodeOf(answer)], [413, "SIZE_INVALID"]);
  }
  assert.deepEqual(readdirSync(registry.folder), [".regctl"]);
});

test("60: a tag that is none is refused", async () => {
  await using folder = await createTempFolder();
  await using registry = await startInside(folder.path);
  for (const tag of ["-a", ".a", "a".repeat(129), "a+b", "a%20b", "a@b"]) {
    for (const method of ["GET", "PUT", "DELETE"]) {
      const answer = await registry.send(method, `/v2/app/manifests/${tag}`, AS_INDEX);
      assert.equal(answer.status, 400, `${method} ${tag}`);
      errorCodeOf(answer);
    }
    const query = `?tag=${encodeURIComponent(tag)}`;
    const path = `/v2/app/manifests/${INDEX.digest}${query}`;
    assert.equal((await registry.send("PUT", path, AS_INDEX)).status, 400);
  }
  const many = Array.from({ length: 101 }, (_, i) => `tag=t${i}`).join("&");
  for (const path of [`${INDEX.digest}?${many}`, "latest?tag=other"]) {
    assert.equal((await registry.send("PUT", `/v2/app/manifests/${path}`, AS_INDEX)).status, 400);
  }
});

test("60: a body shorter than declared leaves no blob and no manifest", async () => {
  await using folder = await createTempFolder();
  await using registry = await startInside(folder.path);
  const before = listFiles(folder.path);
  const { headers } = await registry.send("POST", "/v2/app/blobs/uploads/");
  const heads = [
    `POST /v2/app/blobs/uploads/?digest=${content("12345").digest}`,
    `PUT ${headers.location}?digest=${content("12345").digest}`,
    `PUT /v2/app/manifests/short`,
  ];
  for (const head of heads) {
    const type = `Content-Type: ${OCI_INDEX}`;
    for (const length of ["Content-Length: 10", "Transfer-Encoding: chunked"]) {
      const body = length.startsWith("C") ? "12345" : "a\r\n12345";
      const text = `${head} HTTP/1.1\r\nHost: x\r\n${type}\r\n${length}\r\n\r\n${body}`;
      assert.equal(await sendRaw(registry, text, { hangUp: "when sent" }), "");
    }
  }
  // The end of the connection has been seen when the upload can be cancelled: its requests take turns.
  assert.equal((await registry.send("DELETE", headers.location ?? "")).status, 204);
  const answer = await registry.send("GET", "/v2/app/manifests/short");
  assert.equal(answer.status, 404);
  assert.deepEqual(listFiles(folder.path), before);
});

test("60: a body longer than declared is cut there, and its digest does not fit", async () => {
  await using registry = await startEmbeddedRegistry();
  const { digest } = content("12345678");
  const head = `POST /v2/app/blobs/uploads/?digest=${digest} HTTP/1.1\r\nHost: x\r\n`;
  const text = `${head}Content-Length: 5\r\nConnection: close\r\n\r\n12345678`;
  assert.match(await sendRaw(registry, text), /^HTTP\/1\.1 400 .*"code":"DIGEST_INVALID"/s);
  assert.equal((await registry.send("HEAD", `/v2/app/blobs/${digest}`)).status, 404);
  const twice = `${head}Content-Length: 5\r\nContent-Length: 6\r\nConnection: close\r\n\r\n123456`;
  assert.match(await sendRaw(registry, twice), /^HTTP\/1\.1 400 .*"code":"UNSUPPORTED"/s);
});

test("60: what a page in a browser could send is refused", async () => {
  await using folder = await createTempFolder();
  await using registry = await startInside(folder.path);
  const headers = { origin: "http://evil.example" };
  for (const [method, path, options] of REQUESTS) {
    const target = `/v2/${path.replace("NAME", "app")}`;
    const all = { ...options, headers: { ...options?.headers, ...headers } };
    const { status } = await registry.send(method, target, all);
    if (method === "GET") assert.notEqual(status, 403);
    else assert.equal(status, 403, target);
  }
  const { headers: sent } = await registry.send("GET", `/v2/app/blobs/${BLOB.digest}`);
  assert.equal(sent["x-content-type-options"], "nosniff");
  assert.equal(sent["access-control-allow-origin"], undefined);
});

test("an answer that comes before the body has been sent leaves the connection in step", async () => {
  await using registry = await startEmbeddedRegistry();
  const body = "x".repeat(300_000);
  const heads = [
    "PATCH /v2/app/blobs/uploads/00000000-0000-4000-8000-000000000000",
    "PUT /v2/app/tags/list",
    "PUT /v2/%2e%2e/manifests/a",
    `POST /v2/app/blobs/uploads/?digest=sha256:x`,
  ];
  for (const head of heads) {
    const first = `${head} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const second = "GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    const answers = await sendRaw(registry, first + second);
    assert.match(answers, /^HTTP\/1\.1 4\d\d .*HTTP\/1\.1 200 .*\{\}$/s, head);
  }
});

test("a body that cannot be read is answered 400 at once", async () => {
  await using registry = await startEmbeddedRegistry();
  const { headers } = await registry.send("POST", "/v2/app/blobs/uploads/");
  const head = `PATCH ${headers.location} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n`;
  const answer = await sendRaw(registry, `${head}\r\n3\r\nabc\r\nnot a length\r\n`);
  assert.match(answer, /^HTTP\/1\.1 400 .*"code":"UNSUPPORTED"/s);
  assert.equal((await registry.send("GET", "/v2/")).status, 200);
});

test("HTTP/1.0 is answered, with and without a host", async () => {
  await using registry = await startEmbeddedRegistry();
  for (const host of ["", "Host: x\r\n"]) {
    const answer = await sendRaw(registry, `GET /v2/ HTTP/1.0\r\n${host}\r\n`);
    assert.match(answer, /^HTTP\/1\.[01] 200 /);
  }
});

test("who asks for more and more without taking the answers is hung up on", async () => {
  await using registry = await startEmbeddedRegistry();
  const blob = content("x".repeat(20_000_000));
  await registry.pushBlob("app", blob);
  const get = `GET /v2/app/blobs/${blob.digest} HTTP/1.1\r\nHost: x\r\n\r\n`;
  const answers = await sendRaw(registry, get.repeat(100));
  assert.ok(answers.length < 100 * blob.size);
  assert.equal((await registry.send("GET", "/v2/")).status, 200);
});

test("downloads that are broken off leave no file open", async (context) => {
  if (!existsSync("/proc/self/fd")) return context.skip("the system does not tell of open files");
  await using registry = await startEmbeddedRegistry();
  const blob = content("x".repeat(20_000_000));
  await registry.pushBlob("app", blob);
  const get = `GET /v2/app/blobs/${blob.digest} HTTP/1.1\r\nHost: x\r\n\r\n`;
  const ways = ["when sent", "when answered"] as const;
  await Promise.all(Array.from({ length: 40 }, (_, i) => {
    return sendRaw(registry, get.repeat(1 + i % 8), { hangUp: ways[i % 2] ?? "when sent" });
  }));
  // The end of each connection is heard of among the events that other requests bring.
  for (let i = 0; i < 500 && countOpen(blob.digest) > 0; i++) await registry.send("GET", "/v2/");
  assert.equal(countOpen(blob.digest), 0);
});

/** How often this process has a blob's file open. */
function countOpen(digest: string): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes(digest.replace("sha256:", ""));
    } catch {
      return false;
    }
  }).length;
}

test("a cancel does not wait for a body that stalls", async () => {
  await using registry = await startEmbeddedRegistry();
  const { headers } = await registry.send("POST", "/v2/app/blobs/uploads/");
  const { hostname, port } = new URL(registry.url);
  const socket = connect({ host: hostname, port: Number(port) });
  const head = `PATCH ${headers.location} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n`;
  socket.write(`${head}Expect: 100-continue\r\n\r\nhalf`);
  await new Promise((resolve) => socket.once("data", resolve));
  assert.equal((await registry.send("DELETE", headers.location ?? "")).status, 204);
  assert.equal((await registry.send("GET", headers.location ?? "")).status, 404);
  socket.destroy();
});
