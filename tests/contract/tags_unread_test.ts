import assert from "node:assert/strict";
import { test } from "node:test";
import { firstRun, rowsOf, tagsAlone, tagsOfRows } from "./facts_lab.ts";
import {
  blobStep,
  type Content,
  content,
  index,
  manifestStep,
  pointTo,
  serve,
} from "./oci_content.ts";
import { daysAgo, makeImage } from "./plan_script.ts";
import { page } from "./run_against.ts";

const A = makeImage("a", daysAgo(3));
const B = makeImage("b", daysAgo(2));
const SCHEMA_1 = content(
  { schemaVersion: 1 },
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
);
const LARGE: Content = { ...A, bytes: Buffer.alloc(4 * 1024 * 1024 + 1, " ") };

/** Each tag that cannot be read, with its answers. */
const BROKEN = {
  gone: [manifestStep("gone", { status: 404 })],
  failing: [manifestStep("failing", { status: 500 }, { times: 5 })],
  wrong: [manifestStep("wrong", { ...serve(A), body: B.bytes })],
  large: [manifestStep("large", serve(LARGE))],
  schema1: [manifestStep("schema1", serve(SCHEMA_1))],
  page: [manifestStep("page", {
    status: 200,
    headers: { "content-type": "text/html" },
    body: "<p>log in</p>",
  })],
  reset: [manifestStep("reset", { status: 200 }, {
    fault: "reset-before-response",
    times: Infinity,
  })],
  // The server goes away in the middle of it, or says that there is more.
  cut: [manifestStep("cut", serve(A), { fault: "reset-mid-body", times: Infinity })],
  short: [manifestStep("short", serve(A), { fault: "short-body", times: Infinity })],
  "../../etc": [],
};

/** The requests for one that is fine. */
function fineTag(name: string) {
  return firstRun({ [name]: B }, { configs: [B.config] }).slice(1);
}

const REASONS: Readonly<Record<keyof typeof BROKEN, RegExp>> = {
  gone: /^NOT_FOUND It is listed, but has no manifest$/,
  failing: /^SERVER .* answered 500 \(5 tries\)$/,
  wrong: /^INTEGRITY .* what came has the digest sha256:/,
  large: /^INVALID_RESPONSE .*4194304/,
  schema1: /^UNSUPPORTED .*: it is of Docker's schema 1, which is not supported$/,
  page: /^INVALID_RESPONSE .* is not a registry's answer/,
  reset: /^NETWORK /,
  cut: /^NETWORK /,
  short: /^NETWORK /,
  "../../etc": /^INVALID_RESPONSE It is not valid as a tag$/,
};

/** All of them among two that are fine. */
function brokenRun() {
  const [, ...fine] = firstRun({ a: A, zz: B }, { configs: [A.config, B.config] });
  return [page(["a", ...Object.keys(BROKEN), "zz"]), ...Object.values(BROKEN).flat(), ...fine];
}

test("what cannot be read is a row with its reason, and the others are there", async () => {
  const run = await tagsAlone(brokenRun(), ["-l", "-o", "json"]);
  assert.equal(run.exitCode, 8);
  const names = Object.keys(BROKEN).sort();
  assert.deepEqual(tagsOfRows(run), ["../../etc", "a", ...names.slice(1), "zz"]);
  for (const { tag, error, digest, size, reference } of rowsOf(run)) {
    assert.equal(reference, `HOST/app:${tag}`);
    if (tag === "a" || tag === "zz") {
      assert.deepEqual(
        [digest, size, error],
        [tag === "a" ? A.digest : B.digest, 16, undefined]
          .map((it, i) => i === 1 ? size : it),
      );
      continue;
    }
    assert.match(`${error?.code} ${error?.message}`, REASONS[tag as keyof typeof BROKEN], tag);
    assert.deepEqual([digest, size], [undefined, undefined]);
  }
  const error = JSON.parse(run.stderr.trim().split("\n").at(-1) ?? "").error;
  assert.deepEqual([error.code, error.exitCode], ["PARTIAL", 8]);
  assert.match(error.message, /^Cannot read 10 of 12 tags: /);
  for (const name of names) assert.ok(error.message.includes(name), name);
});

test("the table has the reason in place of the facts", async () => {
  const run = await tagsAlone(
    [
      page(["a", "gone", "schema1"]),
      ...firstRun({ a: A }, { configs: [A.config] }).slice(1),
      ...BROKEN.gone,
      ...BROKEN.schema1,
    ],
    ["-l", "--sort", "created", "-r"],
  );
  assert.deepEqual(run.stdout.split("\n").slice(2), [
    "gone     -                    -                         -     It is listed, but has no manifest",
    "schema1  -                    -                         -     Cannot get the manifest " +
    '"HOST/app:schema1": it is of Docker\'s schema 1, which is not supported',
    "",
  ]);
  assert.equal(run.stderr, "error: Cannot read 2 of 3 tags: gone, schema1\n");
  assert.equal(run.exitCode, 8);
});

test("without -l they are last, in no range, and the reasons are warnings", async () => {
  const script = [
    page(["a", "gone", "b"]),
    ...firstRun({ a: A, b: B }, { configs: [A.config, B.config] }).slice(1),
    ...BROKEN.gone,
  ];
  const expected = "warning: gone: It is listed, but has no manifest\n";
  const sorted = await tagsAlone(script, ["--sort", "created"]);
  assert.deepEqual([sorted.exitCode, sorted.stdout], [8, "b\na\ngone\n"]);
  assert.ok(sorted.stderr.startsWith(expected), sorted.stderr);
  const ranged = await tagsAlone(script, ["--older-than", "1d"]);
  assert.deepEqual([ranged.exitCode, ranged.stdout], [8, "a\nb\n"]);
  assert.ok(ranged.stderr.startsWith(expected), ranged.stderr);
  const long = await tagsAlone(script, ["-l", "--older-than", "1d", "-o", "json"]);
  assert.deepEqual(tagsOfRows(long), ["a", "b", "gone"]);
  // For what platform nobody knows: it is not to be deleted as one of them.
  for (const [words, stdout] of [[[], "a\nb\n"], [["--limit", "1"], "a\n"]] as const) {
    const [first = page([]), ...reads] = script;
    const platform = await tagsAlone(
      [
        first,
        ...reads.filter(({ path }) => stdout.includes("b") || !/manifests.b|gone/.test(`${path}`)),
      ]
        .filter(({ path }) => stdout.includes("b") || path !== `/v2/app/blobs/${B.config.digest}`),
      ["--platform", "linux/amd64", "--concurrency", "1", ...words],
    );
    assert.equal(platform.stdout, stdout);
  }
});

test("many tags without a manifest, and one thing that many share, do not end it", async () => {
  const names = Array.from({ length: 30 }, (_, i) => `t${i + 10}`);
  const gone = { method: "GET", path: /\/t\d+$/, reply: { status: 404 }, times: Infinity };
  const missing = await tagsAlone([page([...names, "z"]), ...fineTag("z"), gone], ["-l"]);
  assert.deepEqual([missing.exitCode, missing.stdout.split("\n").length], [8, 33]);
  // Each has the same image, whose configuration cannot be read.
  const shared = await tagsAlone([
    page([...names, "z"]),
    ...fineTag("z"),
    { ...gone, reply: serve(A) },
    blobStep(A.config, { reply: { status: 403 } }),
  ], ["-l", "-o", "json"]);
  assert.deepEqual([shared.exitCode, rowsOf(shared).length], [8, 31]);
  assert.equal(rowsOf(shared).filter(({ error }) => error?.code === "DENIED").length, 30);
});

test("a configuration or an image inside that cannot be read is a reason, too", async () => {
  const inner = index([pointTo(B)]);
  const script = [
    page(["a", "inner"]),
    manifestStep("a", serve(A)),
    blobStep(A.config, { reply: { status: 404 } }),
    manifestStep("inner", serve(inner)),
    manifestStep(B.digest, serve(A)),
  ];
  const run = await tagsAlone(script, ["-l", "-o", "json"]);
  assert.equal(run.exitCode, 8);
  assert.deepEqual(
    rowsOf(run).map(({ error }) => error?.message.replace(/sha256:\w+/g, "DIGEST")),
    [
      'Cannot get the blob "HOST/app@DIGEST": HOST answered 404',
      'Cannot get the manifest "HOST/app@DIGEST": what came has the digest DIGEST, not DIGEST',
    ],
  );
});

test("an index none of whose images is there is no image of nothing", async () => {
  const inner = index([pointTo(A), pointTo(B)]);
  const missing = [A, B].map(({ digest }) => manifestStep(digest, { status: 404 }));
  const run = await tagsAlone([page(["i"]), manifestStep("i", serve(inner)), ...missing], [
    ...["-l", "-o", "json"],
  ]);
  assert.equal(rowsOf(run)[0]?.error?.message, "None of the images that it lists is there");
});

test("an index that leads on and on, or lists too much, is a reason", async () => {
  let deep: Content = index([pointTo(A)]);
  const inner = [];
  for (let i = 0; i < 3; i++) {
    inner.push(deep);
    deep = index([pointTo(deep)]);
  }
  const wide = index(Array.from({ length: 201 }, (_, i) => (
    pointTo({ ...A, digest: `sha256:${String(i).padStart(64, "0")}` })
  )));
  const run = await tagsAlone([
    page(["deep", "wide"]),
    manifestStep("deep", serve(deep)),
    ...inner.slice(1).map((one) => manifestStep(one.digest, serve(one))),
    manifestStep("wide", serve(wide)),
  ], ["-l", "-o", "json"]);
  assert.equal(run.exitCode, 8);
  assert.deepEqual(rowsOf(run).map(({ error }) => error?.message), [
    "It lists indexes in indexes without end",
    "It lists more than 200 images",
  ]);
});

test("a registry that fails for one tag after the other is asked no more", async () => {
  const names = Array.from({ length: 60 }, (_, i) => `t${String(i).padStart(2, "0")}`);
  const run = await tagsAlone([
    page(["a", ...names]),
    ...firstRun({ a: A }, { configs: [A.config] }).slice(1),
    {
      method: "GET",
      path: /^\/v2\/app\/manifests\/t/,
      reply: { status: 503 },
      times: Infinity,
    },
  ], ["-l", "--retries", "0", "--concurrency", "1", "-o", "json"]);
  assert.equal(run.exitCode, 5);
  assert.equal(run.requests.length, 3 + 20);
  assert.equal(rowsOf(run).length, 20);
  assert.match(run.stderr, /answered 503: 41 of 61 tags not read/);
});

test("a registry that goes on refusing is asked no more, and what is known is shown", async () => {
  const tags = ["a", "b", "c", "d", "e"];
  const refusal = { status: 429, headers: { "retry-after": "1" } };
  const run = await tagsAlone([
    page(tags),
    ...firstRun({ a: A, b: B }, { configs: [A.config, B.config] }).slice(1),
    manifestStep("c", refusal, { times: 3 }),
  ], ["-l", "--retries", "2", "--concurrency", "1", "-o", "ndjson"]);
  assert.equal(run.exitCode, 9);
  assert.deepEqual(tagsOfRows(run), ["a", "b"]);
  assert.match(run.stderr, /answered 429 .*: 3 of 5 tags not read/);
});

test("Ctrl-C loses no row that is known, whatever the format", async () => {
  for (const format of ["json", "ndjson"]) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const refusal = { status: 429, headers: { "retry-after": "30" } };
    // Of two at a time the one waits until the other has gone on to the last tag.
    const run = await tagsAlone(
      [
        page(["a", "b", "c", "d"]),
        ...firstRun({ a: A, c: B }, { configs: [A.config, B.config] }).slice(1),
        { ...manifestStep("b", refusal), replyWith: async () => (await promise, refusal) },
        { ...manifestStep("d", refusal), replyWith: () => (resolve(), refusal) },
      ],
      ["-l", "-o", format, "--concurrency", "2"],
      { stopWhileWaiting: "SIGINT" },
    );
    assert.deepEqual([run.exitCode, tagsOfRows(run)], [130, ["a", "c"]], format);
  }
});

test("Ctrl-C is told of, though the reader has gone", async () => {
  const script = [
    page(["a", "b"]),
    ...firstRun({ a: A }, { configs: [A.config] }).slice(1),
    manifestStep("b", { status: 429, headers: { "retry-after": "30" } }),
  ];
  const run = await tagsAlone(script, ["-l"], { stopWhileWaiting: "SIGINT", isStdoutClosed: true });
  assert.equal(run.exitCode, 130);
  assert.match(run.stderr, /Interrupted: 1 of 2 tags not read/);
});

test("Ctrl-C shows what is known, and ends with 130", async () => {
  for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const script = [
      page(["a", "b", "c", "d"]),
      ...firstRun({ a: A, b: B }, { configs: [A.config, B.config] }).slice(1),
      manifestStep("c", { status: 429, headers: { "retry-after": "30" } }),
    ];
    const run = await tagsAlone(script, ["-l", "--sort", "created", "--concurrency", "1"], {
      stopWhileWaiting: signal,
    });
    assert.equal(run.exitCode, exitCode);
    assert.match(run.stdout, /^TAG .*\nb .*\na .*\n$/);
    assert.match(run.stderr, /error: (Interrupted|Terminated): 2 of 4 tags not read\n$/);
  }
});

test("what a registry says is shown without secrets", async () => {
  const run = await tagsAlone(
    [
      page(["a"]),
      manifestStep("a", {
        status: 400,
        body: { errors: [{ code: "NAME_INVALID", message: "bad hunter22secret" }] },
      }),
    ],
    ["-l", "-u", "ann", "--password-stdin", "-o", "json"],
    { stdin: "hunter22secret" },
  );
  assert.equal(run.exitCode, 8);
  assert.ok(!`${run.stdout}${run.stderr}`.includes("hunter22"));
  assert.match(run.stdout, /NAME_INVALID/);
  const table = await tagsAlone(
    [
      page(["a"]),
      manifestStep("a", { status: 400, body: { errors: [{ message: "hunter22secret" }] } }),
    ],
    ["-l", "-u", "ann", "--password-stdin"],
    { stdin: "hunter22secret" },
  );
  assert.ok(!`${table.stdout}${table.stderr}`.includes("hunter22"));
});
