import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { test } from "node:test";
import {
  type BlobContent,
  createClient,
  parseRepository,
  readBlob,
  type ReadBlobOptions,
} from "../../core/mod.ts";
import { runCapturedBytes } from "../support/capture_host.ts";
import { listen } from "../support/listen.ts";
import { startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { blobStep, content, LAYER, LAYER_TYPE, serve } from "./oci_content.ts";
import { runAgainst } from "./run_against.ts";

const MEBIBYTE = 1024 * 1024;
const BLOB = content(
  Uint8Array.from({ length: 3 * MEBIBYTE }, (_, i) => (i * i) >> 5),
  LAYER_TYPE,
);
/** Far above what these runs take, so that one that hangs ends by this and fails. */
const LIMIT = ["--timeout", "10s"];

/** Gets a blob of which each answer brings so many bytes, and then nothing more; the rest: all. */
async function fetchStalling(...brings: readonly number[]) {
  const firsts: number[] = [];
  const server = createServer(({ headers }, response) => {
    const first = Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);
    response.writeHead(headers.range ? 206 : 200, {
      "content-length": BLOB.size - first,
      ...(headers.range && { "content-range": `bytes ${first}-${BLOB.size - 1}/${BLOB.size}` }),
    });
    const bytes = brings[firsts.length];
    firsts.push(first);
    if (bytes === undefined) response.end(BLOB.bytes.subarray(first));
    else response.write(BLOB.bytes.subarray(first, first + bytes));
  });
  await using listener = await listen(server);
  const name = `127.0.0.1:${listener.port}/app@${BLOB.digest}`;
  const run = await runCapturedBytes(["blob", name, "--idle-timeout", "300ms", ...LIMIT]);
  return { ...run, firsts };
}

test("49: a line that goes dead behind good progress is taken up again with Range", async () => {
  const run = await fetchStalling(MEBIBYTE);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.ok(run.bytes.equals(BLOB.bytes));
  assert.deepEqual(run.firsts, [0, MEBIBYTE]);
  assert.equal(run.waits.length, 1);
});

test("F9: a server that brings less than that and goes silent is not asked again", async () => {
  const cases = [[[0], 1], [[MEBIBYTE - 1], 1], [[MEBIBYTE, MEBIBYTE - 1], 2]] as const;
  for (const [brings, requests] of cases) {
    const run = await fetchStalling(...brings);
    assert.equal(run.exitCode, 5, run.stderr);
    assert.match(run.stderr, /less than 1 KiB came in 0\.3 s/);
    assert.equal(run.firsts.length, requests);
  }
});

/** Gets a part of {@linkcode LAYER} into a file; gives what is there afterwards. */
async function fetchPart(range: string, script: readonly Step[], ...words: readonly string[]) {
  await using folder = await createTempFolder();
  await using registry = await startScriptedRegistry(script);
  const name = `${registry.host}/app@${LAYER.digest}`;
  const run = await runCapturedBytes([
    ...["blob", name, "--range", range, "--output", folder.join("part")],
    ...words,
  ]);
  registry.assertDone();
  const files = await readdir(folder.path);
  return { ...run, files, ranges: registry.requests.map(({ headers }) => headers["range"]) };
}

test("--range: a first byte is not taken for the whole part", async () => {
  const first = {
    ...blobStep(LAYER),
    reply: {
      status: 206,
      headers: { "content-range": "bytes 0-0/*" },
      body: LAYER.bytes.subarray(0, 1),
    },
  };
  const refused = await fetchPart("0-5", [first], "--retries", "0");
  assert.deepEqual([refused.exitCode, refused.files], [5, []], refused.stderr);
  assert.match(refused.stderr, /closed half-way/);
  const rest = {
    ...blobStep(LAYER),
    reply: {
      status: 206,
      headers: { "content-range": "bytes 1-5/*" },
      body: LAYER.bytes.subarray(1, 6),
    },
  };
  const whole = await fetchPart("0-5", [first, rest]);
  assert.deepEqual([whole.exitCode, whole.files], [0, ["part"]], whole.stderr);
  assert.deepEqual(whole.ranges, ["bytes=0-5", "bytes=1-5"]);
});

test("--range: the length of a part is not that of the blob", async () => {
  for (const range of ["4-6", "4-"]) {
    const { bytes } = LAYER;
    const headers = { "content-range": "bytes 4-6/*" };
    const step = { ...blobStep(LAYER), reply: { status: 206, headers, body: bytes.subarray(4) } };
    const run = await fetchPart(range, [step]);
    assert.deepEqual([run.exitCode, run.stderr, run.files], [0, "", ["part"]]);
  }
});

test("--range: a part beyond the end is refused where the server knows no Range", async () => {
  const { size, bytes } = LAYER;
  const chunked = `${size.toString(16)}\r\n${bytes}\r\n0\r\n\r\n`;
  const replies = [
    serve(LAYER),
    { status: 200, headers: { "transfer-encoding": "chunked" }, body: chunked },
  ];
  for (const reply of replies) {
    for (const range of [`${size}-`, `${size}-${size}`, `${size + 90}-${size + 99}`]) {
      const run = await fetchPart(range, [{ ...blobStep(LAYER), reply }]);
      assert.deepEqual([run.exitCode, run.stdout, run.files], [6, "", []], run.stderr);
      assert.match(run.stderr, /no such part\n/);
    }
    const last = await fetchPart(`${size - 1}-${size}`, [{ ...blobStep(LAYER), reply }]);
    assert.deepEqual([last.exitCode, last.files], [0, ["part"]], last.stderr);
  }
});

test("blob: --head takes no web page for a blob", async () => {
  for (const type of ["text/html", "Text/HTML; charset=utf-8"]) {
    const run = await runAgainst([{
      ...blobStep(LAYER),
      method: "HEAD",
      reply: { status: 200, headers: { "content-type": type }, body: "<html>" },
    }], ["blob", `HOST/app@${LAYER.digest}`, "--head"]);
    assert.deepEqual([run.exitCode, run.stdout], [7, ""]);
    assert.match(run.stderr, /is not a registry's answer \(content type text\/html/i);
  }
});

/** A head, behind which a body of 1 GB begins. */
interface Head {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** How much of the body comes before the connection is closed. Default: it stays open. */
  readonly bytes?: number;
}

/**
 * Runs a task on a blob that does not end; gives the code of the error, if any, once the server has
 * seen that all connections are closed.
 */
async function leave(
  heads: readonly Head[],
  options: ReadBlobOptions = {},
  task = (blob: BlobContent) => blob.cancel(),
): Promise<unknown> {
  let requests = 0;
  const open = new Set<ServerResponse>();
  const { promise: isLeft, resolve: left } = Promise.withResolvers<void>();
  const server = createServer((_request, response) => {
    const { status, headers, bytes } = heads[requests++] ?? { status: 500 };
    open.add(response);
    response.once("close", () => {
      open.delete(response);
      if (requests >= heads.length && open.size === 0) left();
    });
    response.writeHead(status, { "content-length": 1_000_000_000, ...headers });
    response.write(
      new Uint8Array(bytes ?? 100_000),
      // Not at once: a runtime forgets what it has not passed on.
      () => bytes && setTimeout(() => response.destroy(), 100),
    );
  });
  await using listener = await listen(server);
  const { registry, ...rest } = parseRepository(`127.0.0.1:${listener.port}/app`);
  const clock = { now: () => 0, random: () => 0, sleep: () => Promise.resolve() };
  const client = createClient(registry, { retries: 1, clock });
  const code = await readBlob(client, { registry, ...rest }, LAYER.digest, options)
    .then(task).then(() => undefined, (error) => error.code);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`still open: ${JSON.stringify(heads)}`)), 3000);
  });
  await Promise.race([isLeft, tooLate]).finally(() => clearTimeout(timer));
  assert.equal(requests, heads.length);
  return code;
}

/** Reads on until so many bytes have come. */
async function readOn({ pieces }: BlobContent, bytes = Infinity): Promise<void> {
  const iterator = pieces[Symbol.asyncIterator]();
  for (let count = 0; count < bytes;) {
    const { done, value } = await iterator.next();
    if (done) return;
    count += value.byteLength;
  }
}

const PART = { "content-range": "bytes 0-999999999/1000000000" };

test("a blob that is not wanted after all lets go of its connection", async () => {
  const { digest } = BLOB;
  assert.equal(await leave([{ status: 200 }]), undefined);
  assert.equal(await leave([{ status: 206, headers: PART }], { range: { first: 0 } }), undefined);
  const lies = { "docker-content-digest": digest };
  assert.equal(await leave([{ status: 200, headers: lies }]), "INTEGRITY");
  const odd = { "docker-content-digest": "sha256:x" };
  assert.equal(await leave([{ status: 200, headers: odd }]), "INTEGRITY");
  assert.equal(await leave([{ status: 200 }], { size: 10 }), "INTEGRITY");
  assert.equal(await leave([{ status: 201 }]), "INVALID_RESPONSE");
  assert.equal(await leave([{ status: 206, headers: PART }]), "INVALID_RESPONSE");
  assert.equal(await leave([{ status: 200 }], { range: { first: 1_000_000_000 } }), "REFUSED");
});

test("a part that was not asked for lets go of its connection", async () => {
  const other = { "content-range": "bytes 500-999999999/1000000000" };
  for (const headers of [other, {}]) {
    const head = { status: 206, headers };
    assert.equal(await leave([head], { range: { first: 0 } }, (it) => readOn(it)), "NETWORK");
    const broken = { status: 200, bytes: 200 };
    assert.equal(await leave([broken, head], {}, (it) => readOn(it)), "NETWORK");
  }
  const created = [{ status: 200, bytes: 200 }, { status: 201 }];
  assert.equal(await leave(created, {}, (it) => readOn(it)), "NETWORK");
});

test("a blob that was taken up again lets go of its connection, too", async () => {
  const heads = [{ status: 200, bytes: 2000 }, { status: 206, headers: PART }];
  const code = await leave(heads, {}, async (it) => {
    await readOn(it, 2500);
    await it.cancel();
  });
  assert.equal(code, undefined);
});

test("a blob that was given up is not asked for again", async () => {
  const code = await leave([{ status: 200 }], {}, async (it) => {
    await it.cancel();
    await readOn(it);
  });
  assert.equal(code, "NETWORK");
});
