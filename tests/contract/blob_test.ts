import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { lstat, readdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { runCapturedBytes } from "../support/capture_host.ts";
import {
  ANY_REQUEST,
  type RecordedRequest,
  startScriptedRegistry,
  type Step,
} from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { type Content, content, digestOf, LAYER_TYPE, serve } from "./oci_content.ts";
import { bearer, challenge } from "./script.ts";

// Bytes that are no text, and too many for one piece.
const BLOB = content(
  Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) >> 3),
  LAYER_TYPE,
);
const PATH = `/v2/app/blobs/${BLOB.digest}`;

/** The blob, or a part of it as RFC 9110 section 14 has it. */
function part(first: number, last = BLOB.size - 1, { bytes }: Content = BLOB) {
  return {
    status: 206,
    headers: { "content-range": `bytes ${first}-${last}/${bytes.length}` },
    body: bytes.subarray(first, last + 1),
  };
}

function get(reply: Step["reply"], more: Partial<Step> = {}): Step {
  return { method: "GET", path: PATH, ...(reply && { reply }), ...more };
}

/** A request for the bytes from `range` on, which must ask so. */
function rest(range: string, reply: Step["reply"], more: Partial<Step> = {}): Step {
  return get(reply, { when: ({ headers }) => headers["range"] === range, ...more });
}

/** Where a request for the rest begins; how much of a broken body arrives is up to the runtime. */
function firstByte({ headers }: RecordedRequest): number {
  return Number(/^bytes=(\d+)-/.exec(headers["range"] ?? "")?.[1] ?? NaN);
}

/** A request for the rest of a body that broke off at `cut` at the latest, and what it gets. */
function restAfter(
  cut: number,
  answer: (first: number) => NonNullable<Step["reply"]>,
  more: Partial<Step> = {},
): Step {
  return get(undefined, {
    when: (request) => firstByte(request) <= cut,
    replyWith: (request) => answer(firstByte(request)),
    ...more,
  });
}

/** Runs `blob` into a file of a folder of its own; gives what is in that folder afterwards too. */
async function fetchInto(script: readonly Step[], ...words: string[]) {
  await using folder = await createTempFolder();
  await using registry = await startScriptedRegistry(script);
  const path = folder.join("layer");
  const run = await runCapturedBytes([
    ...["blob", `${registry.host}/app@${BLOB.digest}`, "--output", path],
    ...words,
  ]);
  registry.assertDone();
  const names = await readdir(folder.path);
  const bytes = names.includes("layer") ? await readFile(path) : undefined;
  return { ...run, stderr: run.stderr.replaceAll(registry.host, "HOST"), names, file: bytes };
}

test("a blob goes to a file or a pipe, byte for byte", async () => {
  const run = await fetchInto([get(serve(BLOB))]);
  assert.deepEqual([run.exitCode, run.stdout, run.stderr, run.names], [0, "", "", ["layer"]]);
  assert.deepEqual(run.file, BLOB.bytes);
  for (const words of [[], ["--output", "-"]]) {
    await using registry = await startScriptedRegistry([get(serve(BLOB))]);
    const piped = await runCapturedBytes([
      "blob",
      `${registry.host}/app@${BLOB.digest}`,
      ...words,
    ]);
    assert.deepEqual([piped.exitCode, piped.stderr], [0, ""]);
    assert.deepEqual(piped.bytes, BLOB.bytes);
  }
});

test("a blob without Content-Length, and an empty one", async () => {
  const chunked = Buffer.concat([
    Buffer.from(`${BLOB.size.toString(16)}\r\n`),
    BLOB.bytes,
    Buffer.from("\r\n0\r\n\r\n"),
  ]);
  const run = await fetchInto([
    get({ status: 200, headers: { "transfer-encoding": "chunked" }, body: chunked }),
  ]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.deepEqual(run.file, BLOB.bytes);

  const empty = content("", LAYER_TYPE);
  await using registry = await startScriptedRegistry([
    { method: "GET", path: `/v2/app/blobs/${empty.digest}`, reply: serve(empty) },
  ]);
  const none = await runCapturedBytes(["blob", `${registry.host}/app@${empty.digest}`]);
  assert.deepEqual([none.exitCode, none.stdout, none.stderr], [0, "", ""]);
});

test("a blob is never written to a terminal", async () => {
  await using registry = await startScriptedRegistry([]);
  const run = await runCapturedBytes(["blob", `${registry.host}/app@${BLOB.digest}`], {
    isTerminal: true,
  });
  assert.equal(run.exitCode, 2);
  assert.match(run.stderr, /A blob is no text for a terminal\n[^\n]+ Write it to a file with/);
  assert.deepEqual(registry.requests, []);
});

test("a blob is named by a repository and a digest alone", async () => {
  for (const name of ["app", "app:1", `app:1@${BLOB.digest}`]) {
    await using registry = await startScriptedRegistry([]);
    const run = await runCapturedBytes(["blob", `${registry.host}/${name}`]);
    assert.equal(run.exitCode, 2);
    assert.match(run.stderr, /hint: /);
    assert.deepEqual(registry.requests, []);
  }
});

test("--head prints digest and size without fetching", async () => {
  await using registry = await startScriptedRegistry([
    { method: "HEAD", path: PATH, reply: serve(BLOB) },
  ]);
  const run = await runCapturedBytes(["blob", `${registry.host}/app@${BLOB.digest}`, "--head"], {
    isTerminal: true,
  });
  assert.deepEqual([run.exitCode, run.stdout], [0, `digest: ${BLOB.digest}\nsize:   300000\n`]);
});

test("48: wrong bytes, a wrong size or a body cut short leave no file", async () => {
  const wrong = Buffer.from(BLOB.bytes);
  wrong[BLOB.size - 1] = (wrong[BLOB.size - 1] ?? 0) ^ 1;
  const short = BLOB.bytes.subarray(0, -1);
  const long = Buffer.concat([BLOB.bytes, Buffer.from("x")]);
  const chunked = (bytes: Buffer) =>
    get({
      status: 200,
      headers: { "transfer-encoding": "chunked" },
      body: Buffer.concat([
        Buffer.from(`${bytes.length.toString(16)}\r\n`),
        bytes,
        Buffer.from("\r\n0\r\n\r\n"),
      ]),
    });
  const scripts: readonly (readonly Step[])[] = [
    [get({ status: 200, body: wrong })],
    [get({ status: 200, body: short })],
    [get({ status: 200, body: long })],
    [chunked(short)],
    [chunked(long)],
    [get({ status: 200, body: "" })],
    // The header of a lie needs no look at the bytes.
    [get(serve(BLOB, { "docker-content-digest": digestOf(wrong) }))],
    [get(serve(BLOB, { "docker-content-digest": "sha256:x" }))],
    // It breaks off at the same byte however often it is asked.
    [get(serve(BLOB), { fault: "short-body", cutAt: 1000, times: 5 })],
  ];
  for (const script of scripts) {
    const run = await fetchInto(script);
    assert.equal(run.exitCode, 7, run.stderr);
    assert.deepEqual([run.stdout, run.names], ["", []]);
    assert.match(run.stderr, /^error: [^\n]+\n(hint: [^\n]+\n)?$/);
  }
});

test("49: a connection that breaks is taken up again with Range", async () => {
  const run = await fetchInto([
    get(serve(BLOB), { fault: "reset-mid-body", cutAt: 180_000 }),
    restAfter(180_000, part),
  ]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.deepEqual(run.file, BLOB.bytes);
  assert.equal(run.waits.length, 1);
});

test("49: an orderly end before the end is taken up again at the byte where it stopped", async () => {
  const run = await fetchInto([
    get(serve(BLOB), { fault: "short-body", cutAt: 1000 }),
    restAfter(1000, part, { fault: "short-body", cutAt: 500 }),
    restAfter(1500, part),
  ]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.deepEqual(run.file, BLOB.bytes);
});

test("49: a server that sends less than the rest is asked for more", async () => {
  const run = await fetchInto([
    get(serve(BLOB), { fault: "short-body", cutAt: 1000 }),
    restAfter(1000, (first) => part(first, 1999)),
    rest("bytes=2000-", part(2000)),
  ]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.deepEqual(run.file, BLOB.bytes);
});

test("49: a server that ignores Range sends it all again, and nothing is there twice", async () => {
  const run = await fetchInto([
    get(serve(BLOB), { fault: "short-body", cutAt: 1000 }),
    restAfter(1000, () => serve(BLOB), { fault: "short-body", cutAt: 200_000 }),
    restAfter(200_000, () => serve(BLOB)),
  ]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.deepEqual(run.file, BLOB.bytes);
});

test("49: another body the second time is noticed", async () => {
  const other = Buffer.from(BLOB.bytes);
  other[299_999] = 1;
  const run = await fetchInto([
    get(serve(BLOB), { fault: "short-body", cutAt: 1000 }),
    restAfter(1000, (first) => part(first, 299_999, { ...BLOB, bytes: other })),
  ]);
  assert.deepEqual([run.exitCode, run.names], [7, []]);
});

test("49: another part than asked for, or a refusal, ends it", async () => {
  const broken = get(serve(BLOB), { fault: "short-body", cutAt: 1000 });
  const cases: readonly (readonly [NonNullable<Step["reply"]>, RegExp])[] = [
    [part(2000), /another part than asked for/],
    [{ status: 206, body: "x" }, /another part than asked for/],
    [{ status: 404 }, /the connection broke off, and it answered 404 when asked for the rest/],
    [{ status: 416 }, /answered 416 when asked for the rest/],
  ];
  for (const [reply, says] of cases) {
    const run = await fetchInto([broken, restAfter(1000, () => reply)]);
    assert.deepEqual([run.exitCode, run.names], [5, []]);
    assert.match(run.stderr, says);
  }
});

test("49: without retries nothing is taken up again", async () => {
  const run = await fetchInto(
    [get(serve(BLOB), { fault: "short-body", cutAt: 1000 })],
    "--retries",
    "0",
  );
  assert.deepEqual([run.exitCode, run.names], [5, []]);
  assert.match(run.stderr, /error: Cannot reach HOST: the connection was closed half-way\n/);
});

test("49: a token that runs out half-way is renewed for the rest", async () => {
  let tokens = 0;
  const token: Step = {
    method: "GET",
    path: /^\/token/,
    replyWith: () => ({ status: 200, body: { token: `t${++tokens}` } }),
    times: 2,
  };
  const as = (token: string) => (it: { headers: Readonly<Record<string, string>> }) =>
    it.headers["authorization"] === `Bearer ${token}`;
  const refuse = challenge(bearer("/token"));
  const run = await fetchInto([
    get(refuse, { when: ({ headers }) => headers["authorization"] === undefined }),
    token,
    get(serve(BLOB), { when: as("t1"), fault: "short-body", cutAt: 1000 }),
    get(refuse, { when: as("t1") }),
    restAfter(1000, part, { when: as("t2") }),
  ]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.deepEqual(run.file, BLOB.bytes);
});

test("10: a redirect to other storage gets no credentials, the rest is asked for at the registry", async () => {
  await using storage = await startScriptedRegistry([
    { method: "GET", path: "/s?sig=1", reply: serve(BLOB), fault: "short-body", cutAt: 1000 },
    { ...restAfter(1000, part), path: "/s?sig=2" },
  ]);
  const basic = (sig: number): Step =>
    get({ status: 307, headers: { location: `${storage.url}/s?sig=${sig}` } }, {
      when: ({ headers }) => headers["authorization"] !== undefined,
    });
  await using registry = await startScriptedRegistry([
    get(challenge('Basic realm="x"'), {
      when: ({ headers }) => headers["authorization"] === undefined,
    }),
    basic(1),
    basic(2),
  ]);
  const run = await runCapturedBytes(
    ["blob", `${registry.host}/app@${BLOB.digest}`, "-u", "ann", "--password-stdin"],
    { stdin: "secret" },
  );
  registry.assertDone();
  storage.assertDone();
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.deepEqual(run.bytes, BLOB.bytes);
  for (const { headers } of storage.requests) assert.equal(headers["authorization"], undefined);
});

test("--range gives the part, whether the server knows Range or not", async () => {
  const table: readonly (readonly [string, string, number, number])[] = [
    ["0-99", "bytes=0-99", 0, 99],
    ["100-199", "bytes=100-199", 100, 199],
    ["299990-", "bytes=299990-", 299_990, 299_999],
    ["0-", "bytes=0-", 0, 299_999],
    ["299999-400000", "bytes=299999-400000", 299_999, 299_999],
  ];
  for (const [words, header, first, last] of table) {
    for (const reply of [part(first, last), serve(BLOB)]) {
      const run = await fetchInto([rest(header, reply)], "--range", words);
      assert.deepEqual([run.exitCode, run.stderr], [0, ""], words);
      assert.deepEqual(run.file, BLOB.bytes.subarray(first, last + 1));
    }
  }
  const cut = await fetchInto(
    [
      rest("bytes=100-5000", part(100, 5000), { fault: "short-body", cutAt: 50 }),
      restAfter(150, (first) => part(first, 5000)),
    ],
    "--range",
    "100-5000",
  );
  assert.deepEqual(cut.file, BLOB.bytes.subarray(100, 5001));
  const beyond = await fetchInto([get({ status: 416 })], "--range", "300000-");
  assert.deepEqual([beyond.exitCode, beyond.names], [6, []]);
  for (const wrong of ["", "5", "-5", "9-5", "a-b", "1-2,4-5"]) {
    const run = await fetchInto([], `--range=${wrong}`);
    assert.equal(run.exitCode, 2);
  }
});

test("54: nothing is written where a link or a name in the way leads", async () => {
  await using folder = await createTempFolder();
  const victim = await folder.write("victim", "precious");
  await symlink(victim, folder.join("layer"));
  await using registry = await startScriptedRegistry([get(serve(BLOB))]);
  const run = await runCapturedBytes([
    ...["blob", `${registry.host}/app@${BLOB.digest}`, "--output", folder.join("layer")],
  ]);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.equal(await readFile(victim, "utf8"), "precious");
  assert.ok((await lstat(folder.join("layer"))).isFile());
  assert.deepEqual((await readdir(folder.path)).sort(), ["layer", "victim"]);
});

test("an old file stays until the new one is whole, and for good where that never happens", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("layer", "old");
  const fetchTo = async (step: Step) => {
    await using registry = await startScriptedRegistry([step]);
    const name = `${registry.host}/app@${BLOB.digest}`;
    return await runCapturedBytes(["blob", name, "--output", path, "--retries", "0"]);
  };
  const broken = await fetchTo(get({ status: 200, body: "wrong" }));
  assert.equal(broken.exitCode, 7);
  assert.equal(await readFile(path, "utf8"), "old");
  const good = await fetchTo(get(serve(BLOB)));
  assert.equal(good.exitCode, 0);
  assert.deepEqual(await readFile(path), BLOB.bytes);
  assert.deepEqual(await readdir(folder.path), ["layer"]);
});

test("F24: a file that cannot be written is an error with its name, before anything is fetched", async () => {
  await using folder = await createTempFolder();
  await folder.write("file", "");
  for (
    const [path, says] of [
      [folder.path, "it is a folder"],
      [folder.join("no", "such", "folder"), "there is no such folder"],
      [join(folder.path, "file", "x"), "there is no such folder"],
    ] as const
  ) {
    await using registry = await startScriptedRegistry(ANY_REQUEST);
    const run = await runCapturedBytes([
      "blob",
      `${registry.host}/app@${BLOB.digest}`,
      "--output",
      path,
    ]);
    assert.deepEqual([run.exitCode, run.stderr], [1, `error: Cannot write ${path}: ${says}\n`]);
    assert.deepEqual(registry.requests, []);
  }
});

test("F22: a stop in the middle leaves nothing", async () => {
  await using folder = await createTempFolder();
  await using registry = await startScriptedRegistry([
    get(serve(BLOB), { fault: "short-body", cutAt: 1000 }),
  ]);
  const run = await runCapturedBytes([
    ...["blob", `${registry.host}/app@${BLOB.digest}`, "--output", folder.join("layer")],
  ], { stopWhileWaiting: "SIGINT" });
  assert.deepEqual([run.exitCode, run.stderr], [130, "error: Interrupted\n"]);
  assert.deepEqual(await readdir(folder.path), []);
});

test("F9: a body that drips is given up", async () => {
  const run = await fetchInto(
    [
      get({ status: 200, body: "x" }, { fault: { dripMs: 20, bytes: 100_000 } }),
    ],
    "--idle-timeout",
    "200ms",
  );
  assert.deepEqual([run.exitCode, run.names], [5, []]);
  assert.match(run.stderr, /less than 1 KiB came in 0\.2 s/);
});

test("F29: a proxy that packs the body is found out by the digest", async () => {
  const { gzipSync } = await import("node:zlib");
  const packed = { status: 200, headers: { "content-encoding": "gzip" }, body: gzipSync("other") };
  const run = await fetchInto([
    get(packed, { when: ({ headers }) => headers["accept-encoding"] === "identity" }),
  ]);
  assert.deepEqual([run.exitCode, run.names], [7, []]);
});
