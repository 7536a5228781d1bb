import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { firstRun, rowsOf, tagsAlone, tagsOfRows } from "./facts_lab.ts";
import {
  blobStep,
  CONFIG_TYPE,
  content,
  image,
  index,
  LAYER_TYPE,
  manifestStep,
  pointTo,
  serve,
} from "./oci_content.ts";
import { daysAgo, makeImage } from "./plan_script.ts";
import { assertRun, page } from "./run_against.ts";

const OLD = makeImage("old", "2024-05-06T07:08:09.123456789Z");
const NEW = makeImage("new", daysAgo(3));
const A_FEW = makeImage("a few", daysAgo(4));

/** An image for a platform, of so many bytes. */
function imageFor(architecture: string, created: string, bytes: number, variant?: string) {
  const config = content({ os: "linux", architecture, variant, created }, CONFIG_TYPE);
  const layers = [
    { mediaType: LAYER_TYPE, digest: `sha256:${"a".repeat(64)}`, size: bytes },
    { mediaType: LAYER_TYPE, digest: `sha256:${"b".repeat(64)}`, size: 1 },
  ];
  return { ...image({ config: pointTo(config), layers }), config };
}

const AMD64 = imageFor("amd64", daysAgo(10), 1000);
const ARM64 = imageFor("arm64", daysAgo(5), 2000, "v8");
const ATTESTATION = image({ annotations: { a: "b" } });
const MULTI = index([
  pointTo(AMD64, { platform: { os: "linux", architecture: "amd64" } }),
  pointTo(ARM64, { platform: { os: "linux", architecture: "arm64", variant: "v8" } }),
  pointTo(ATTESTATION, { platform: { os: "unknown", architecture: "unknown" } }),
]);
const CHART_TYPE = "application/vnd.cncf.helm.config.v1+json";
const CHART = image({
  config: pointTo(content({}, CHART_TYPE)),
  annotations: { "org.opencontainers.image.created": daysAgo(2) },
});

const TAGS = { multi: MULTI, new: NEW, old: OLD, chart: CHART };
const READ = {
  inner: [AMD64, ARM64],
  configs: [AMD64.config, ARM64.config, NEW.config, OLD.config],
};

test("-l: a table for people on a terminal, exact elsewhere", async () => {
  const short = (digest: string) => digest.slice(0, 19);
  const onTerminal = await tagsAlone(firstRun(TAGS, READ), ["-l"], {
    isStdoutTerminal: true,
    columns: 100,
  });
  assertRun(onTerminal, {
    exitCode: 0,
    stderr: "",
    stdout: [
      "TAG    DIGEST               CREATED      SIZE  PLATFORMS",
      `chart  ${short(CHART.digest)}  2 days ago   7 B   ${CHART_TYPE}`,
      `multi  ${short(MULTI.digest)}  5 days ago   3 kB  linux/amd64, linux/arm64/v8`,
      `new    ${short(NEW.digest)}  3 days ago   16 B  linux/amd64`,
      `old    ${short(OLD.digest)}  2 years ago  16 B  linux/amd64`,
      "",
    ].join("\n"),
  });
  const piped = await tagsAlone(firstRun(TAGS, READ), ["-l"]);
  assert.match(
    piped.stdout,
    /^old +sha256:[0-9a-f]{12} {2}2024-05-06T07:08:09\.123456789Z {2}16 B/m,
  );
  const full = await tagsAlone(firstRun(TAGS, READ), ["-l", "--full-time", "--no-trunc"], {
    isTerminal: true,
  });
  assert.match(
    full.stdout,
    new RegExp(`^old +${OLD.digest}  2024-05-06T07:08:09\\.123456789Z `, "m"),
  );
});

test("-l fits into a terminal, and shows no age for a date that tells none", async () => {
  const names = ["amd64", "arm64", "s390x", "ppc64le", "riscv64"];
  const images = names.map((name, i) => imageFor(name, "1970-01-01T00:00:00Z", i));
  const all = index(
    images.map((one, i) => pointTo(one, { platform: { os: "linux", architecture: names[i] } })),
  );
  const script = firstRun({ all }, { inner: images, configs: images.map(({ config }) => config) });
  const digest = all.digest.slice(0, 19);
  const table = async (columns: number, ...words: readonly string[]) =>
    (await tagsAlone(script, ["-l", ...words], { isStdoutTerminal: true, columns })).stdout
      .split("\n")[1];
  const head = `all  ${digest}  1970-01-01  15 B  `;
  assert.equal(
    await table(120),
    `${head}linux/amd64, linux/arm64, linux/s390x, linux/ppc64le, linux/riscv64`,
  );
  assert.equal(await table(80), `${head}linux/amd64, linux/arm64, +3`);
  assert.equal(await table(60), `${head}linux/amd64, +4`);
  assert.equal(await table(59), `${head}linux/amd64, +4`);
  assert.equal(await table(58), "all  1970-01-01  15 B  linux/amd64, linux/arm64, +3");
  assert.equal(await table(50), "all  1970-01-01  15 B  linux/amd64, +4");
  assert.equal(await table(30), "all  1970-01-01  15 B");
  assert.equal(
    await table(30, "--no-trunc"),
    `all  ${all.digest}  1970-01-01  15 B`,
  );
  const piped = await tagsAlone(script, ["-l"]);
  assert.match(piped.stdout, / 1970-01-01T00:00:00Z +15 B +(linux\/\w+, ){4}linux\/riscv64\n$/);
});

test("-l on a terminal cuts the type of an artifact, and aligns all but a long tag", async () => {
  const long = `sha256-${"0".repeat(64)}.sig`;
  const script = firstRun({ chart: CHART, [long]: CHART });
  const run = await tagsAlone(script, ["-l", "--no-trunc"], { isStdoutTerminal: true });
  assert.equal(
    run.stdout,
    `TAG    DIGEST${" ".repeat(67)}CREATED     SIZE  PLATFORMS\n`.replace("  PLATFORMS", "") +
      `chart  ${CHART.digest}  2 days ago  7 B\n` +
      `${long}  ${CHART.digest}  2 days ago  7 B\n`,
  );
  const wide = await tagsAlone(firstRun({ chart: CHART }), ["-l"], {
    isStdoutTerminal: true,
    columns: 76,
  });
  assert.match(wide.stdout, /^chart .{69}…$/m);
});

test("-l -o json: full values, and nothing that is not known", async () => {
  const run = await tagsAlone(firstRun(TAGS, READ), ["-l", "-o", "json"]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  const common = (tag: "chart" | "multi" | "new" | "old") => {
    const { digest, mediaType } = TAGS[tag];
    return { tag, reference: `HOST/app:${tag}`, digest, mediaType };
  };
  assert.deepEqual(rowsOf(run), [
    {
      ...common("chart"),
      created: CHART.bytes.toString().match(/created":"([^"]*)/)?.[1],
      size: 7,
      artifactType: CHART_TYPE,
    },
    {
      ...common("multi"),
      created: JSON.parse(ARM64.config.bytes.toString()).created,
      size: 3002,
      platforms: ["linux/amd64", "linux/arm64/v8"],
    },
    {
      ...common("new"),
      created: JSON.parse(NEW.config.bytes.toString()).created,
      size: 16,
      platforms: ["linux/amd64"],
    },
    {
      ...common("old"),
      created: "2024-05-06T07:08:09.123456789Z",
      size: 16,
      platforms: ["linux/amd64"],
    },
  ]);
});

test("-l -o ndjson: each row a line, in the order of the names", async () => {
  // The first tag is answered last: its rows wait for it, and all are there.
  const { promise, resolve } = Promise.withResolvers<void>();
  const script = firstRun(TAGS, READ).map((step) => {
    if (step.path === "/v2/app/manifests/old") {
      return { ...step, replyWith: () => (resolve(), serve(OLD)) };
    }
    if (step.path !== `/v2/app/manifests/${AMD64.digest}`) return step;
    return { ...step, replyWith: async () => (await promise, serve(AMD64)) };
  });
  const run = await tagsAlone(script, ["-l", "-o", "ndjson"]);
  assert.deepEqual(tagsOfRows(run), ["chart", "multi", "new", "old"]);
  assert.equal(run.stdout.split("\n").length, 5);
});

test("-l -o ndjson --sort none: each row as soon as it is known", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  // One of two at a time waits until the other has gone on to the last tag.
  const tags = { first: OLD, a: A_FEW, z: NEW, last: OLD };
  const configs = [A_FEW.config, NEW.config, OLD.config];
  const script = firstRun(tags, { configs }).map((step) => {
    if (step.path === "/v2/app/manifests/last") {
      return { ...step, replyWith: () => (resolve(), serve(OLD)) };
    }
    if (step.path !== "/v2/app/manifests/a") return step;
    return { ...step, replyWith: async () => (await promise, serve(A_FEW)) };
  });
  const run = await tagsAlone(script, [
    ...["-l", "-o", "ndjson", "--sort", "none", "--concurrency", "2"],
  ]);
  assert.deepEqual(tagsOfRows(run).slice(0, 2), ["first", "z"]);
  assert.deepEqual(tagsOfRows(run).toSorted(), ["a", "first", "last", "z"]);
  const inOrder = await tagsAlone(
    firstRun({ z: NEW, a: A_FEW }, { configs: [A_FEW.config, NEW.config] }),
    ["-l", "-o", "json", "--sort", "none"],
  );
  assert.deepEqual(tagsOfRows(inOrder), ["z", "a"]);
});

test("names are chosen first: no manifest is read of one that is not shown", async () => {
  const names = Array.from({ length: 40 }, (_, i) => `1.${i}`);
  const chosen = names.slice(-10).reverse();
  const script = [
    page([...names, "latest"]),
    ...chosen.map((name) => manifestStep(name, serve(OLD))),
    blobStep(OLD.config),
  ];
  const run = await tagsAlone(script, [
    ...["-l", "--sort", "version", "-r", "--limit", "10", "-x", "latest", "-o", "json"],
  ]);
  assert.deepEqual(tagsOfRows(run), chosen);
});

test("what several tags share is read once", async () => {
  const other = index([pointTo(AMD64, { platform: { os: "linux", architecture: "amd64" } })]);
  const tags = { multi: MULTI, other, again: MULTI, amd64: AMD64 };
  const run = await tagsAlone(
    firstRun(tags, { inner: [AMD64, ARM64], configs: [AMD64.config, ARM64.config] }),
    ["-l", "-o", "json"],
  );
  assert.deepEqual(rowsOf(run).map(({ tag, size }) => [tag, size]), [
    ["again", 3002],
    ["amd64", 1001],
    ["multi", 3002],
    ["other", 1001],
  ]);
});

test("an index without one of its images, an image twice, an index in an index", async () => {
  const sparse = index([pointTo(AMD64), pointTo(ARM64), pointTo(AMD64)]);
  const outer = index([pointTo(sparse)]);
  const script = [
    page(["outer"]),
    manifestStep("outer", serve(outer)),
    manifestStep(sparse.digest, serve(sparse)),
    manifestStep(AMD64.digest, serve(AMD64)),
    manifestStep(ARM64.digest, { status: 404 }),
    blobStep(AMD64.config),
  ];
  const run = await tagsAlone(script, ["-l", "-o", "json"]);
  assert.equal(run.stderr, "");
  const [row] = rowsOf(run);
  assert.deepEqual([row?.size, row?.platforms], [1001, ["linux/amd64"]]);
  assert.equal(row?.created, JSON.parse(AMD64.config.bytes.toString()).created);
});

test("--platform: tags without it are left out, and of the others that image counts", async () => {
  const script = [
    page(["multi", "old"]),
    manifestStep("multi", serve(MULTI)),
    manifestStep(ARM64.digest, serve(ARM64)),
    blobStep(ARM64.config),
    manifestStep("old", serve(OLD)),
    blobStep(OLD.config),
  ];
  const words = ["-l", "--platform", "linux/arm64"];
  const run = await tagsAlone(script, [...words, "-o", "json"]);
  assert.equal(run.stderr, "");
  const [row, ...more] = rowsOf(run);
  assert.deepEqual(more, []);
  const { tag, digest, size, platforms, image } = row ?? {};
  assert.deepEqual({ tag, digest, size, platforms, image }, {
    tag: "multi",
    digest: MULTI.digest,
    size: 2001,
    platforms: ["linux/amd64", "linux/arm64/v8"],
    image: { platform: "linux/arm64/v8", digest: ARM64.digest },
  });
  const table = await tagsAlone(script, words);
  assert.match(table.stdout, / 2 kB {2}linux\/arm64\/v8\n$/);
  // Of an index its list says enough.
  const few = script.filter(({ path }) => !String(path).includes("sha256:"));
  const names = await tagsAlone([...few, blobStep(OLD.config)], words.slice(1));
  assert.equal(names.stdout, "multi\n");
  const bySize = await tagsAlone(
    script.filter(({ path }) => path !== `/v2/app/blobs/${ARM64.config.digest}`),
    [...words.slice(1), "--sort", "size"],
  );
  assert.equal(bySize.stdout, "multi\n");
  const image64 = await tagsAlone(
    firstRun({ old: OLD }, { configs: [OLD.config] }),
    ["-l", "--platform", "linux/amd64", "-o", "json"],
  );
  assert.deepEqual(rowsOf(image64)[0]?.image, { platform: "linux/amd64", digest: OLD.digest });
});

test("without -l the facts choose and sort, and names are printed", async () => {
  const words: readonly (readonly [string, string])[] = [
    ["text", "chart\nnew\n"],
    ["ndjson", '{"name":"app","tag":"chart"}\n{"name":"app","tag":"new"}\n'],
    ["table", "TAG    REFERENCE\nchart  HOST/app:chart\nnew    HOST/app:new\n"],
  ];
  for (const [format, expected] of words) {
    const run = await tagsAlone(
      firstRun(TAGS, READ),
      ["--sort", "created", "--limit", "2", "-o", format],
    );
    assertRun(run, { exitCode: 0, stdout: expected, stderr: "" });
  }
  const run = await tagsAlone(firstRun(TAGS, READ), ["--newer-than", "4d", "-o", "json"]);
  assert.deepEqual(JSON.parse(run.stdout), { name: "app", tags: ["chart", "new"] });
});

test("--sort size reads no configuration for names alone", async () => {
  const run = await tagsAlone(firstRun(TAGS, { inner: [AMD64, ARM64] }), ["--sort", "size"]);
  assertRun(run, { exitCode: 0, stdout: "multi\nnew\nold\nchart\n", stderr: "" });
  const reversed = await tagsAlone(
    firstRun(TAGS, { inner: [AMD64, ARM64] }),
    ["--sort", "size", "-r", "--limit", "1"],
  );
  assert.equal(reversed.stdout, "chart\n");
});

test("dates that tell no age come last, as they are, and are in no range", async () => {
  const zero = makeImage("zero", "0001-01-01T00:00:00Z");
  const epoch = makeImage("epoch", "1970-01-01T00:00:00Z");
  const ahead = makeImage("ahead", "9999-12-31T23:59:59Z");
  const none = makeImage("none");
  const odd = makeImage("odd", "yesterday");
  const tags = { ahead, epoch, new: NEW, none, odd, old: OLD, zero };
  const configs = Object.values(tags).map(({ config }) => config);
  const orders: readonly (readonly [readonly string[], string])[] = [
    [["--sort", "created"], "new old ahead epoch zero none odd"],
    [["--sort", "created", "-r"], "old new ahead epoch zero none odd"],
  ];
  for (const [words, expected] of orders) {
    const run = await tagsAlone(firstRun(tags, { configs }), [...words, "-l", "-o", "json"]);
    assert.equal(tagsOfRows(run).join(" "), expected);
    assert.deepEqual(rowsOf(run).slice(2).map(({ created }) => created), [
      "9999-12-31T23:59:59Z",
      "1970-01-01T00:00:00Z",
      "0001-01-01T00:00:00Z",
      undefined,
      undefined,
    ]);
  }
  const ranges: readonly (readonly [readonly string[], string])[] = [
    [["--older-than", "4d"], "old"],
    [["--newer-than", "1900-01-01"], "new old"],
    [["--newer-than", "2024-05-06", "--older-than", "2024-05-07"], "old"],
    [["--newer-than", "2024-05-06T07:08:09.123Z"], "new"],
    [["--older-than", "9999-12-30"], "new old"],
  ];
  for (const [words, expected] of ranges) {
    const run = await tagsAlone(firstRun(tags, { configs }), words);
    assertRun(run, {
      exitCode: 0,
      stdout: `${expected.replaceAll(" ", "\n")}\n`,
      stderr: "note: 5 tags left out: no date tells how old the image is\n",
    });
  }
});

test("an image is for the platform that it says itself, whatever an index says of it", async () => {
  const wrong = index([pointTo(AMD64, { platform: { os: "linux", architecture: "arm64" } })]);
  for (const names of [["index", "zimage"], ["aimage", "index"]]) {
    const tags = Object.fromEntries(names.map((name) => [name, name === "index" ? wrong : AMD64]));
    const script = [
      ...firstRun(tags, { configs: [AMD64.config] }),
      // The index is read after the image, or before.
      ...(names[0] === "index" ? [manifestStep(AMD64.digest, serve(AMD64))] : []),
    ];
    const run = await tagsAlone(
      script,
      ["--platform", "linux/arm64", "--sort", "size", "--concurrency", "1"],
    );
    assert.equal(run.stdout, "index\n", names.join());
  }
});

test("of an index the newest believable date counts, and the best platform", async () => {
  const future = imageFor("riscv64", new Date(Date.now() + 3_600_000).toISOString(), 5);
  const v6 = imageFor("arm", daysAgo(20), 6, "v6");
  const v7 = imageFor("arm", daysAgo(30), 7, "v7");
  const images = [future, v7, v6];
  const platforms = [
    { os: "linux", architecture: "riscv64" },
    { os: "linux", architecture: "arm", variant: "v7" },
    { os: "linux", architecture: "arm", variant: "v6" },
  ];
  const all = index(images.map((one, i) => pointTo(one, { platform: platforms[i] })));
  const script = firstRun({ all }, { inner: images, configs: images.map(({ config }) => config) });
  const run = await tagsAlone(script, ["-l", "-o", "json"]);
  assert.equal(rowsOf(run)[0]?.created, JSON.parse(v6.config.bytes.toString()).created);
  const arm = await tagsAlone(
    [...firstRun({ all }, { inner: [v7], configs: [v7.config] })],
    ["-l", "-o", "json", "--platform", "linux/arm/v7"],
  );
  assert.deepEqual(rowsOf(arm)[0]?.image, { platform: "linux/arm/v7", digest: v7.digest });
  const missing = await tagsAlone(
    [...firstRun({ all }), manifestStep(v7.digest, { status: 404 })],
    ["-l", "-o", "json", "--platform", "linux/arm/v7"],
  );
  assert.equal(missing.exitCode, 8);
  assert.equal(rowsOf(missing)[0]?.error?.message, `Its image ${v7.digest} is not there`);
});

test("a date of an hour ahead is last, too", async () => {
  const ahead = makeImage("ahead", new Date(Date.now() + 3_600_000).toISOString());
  const tags = { ahead, old: OLD };
  const script = firstRun(tags, { configs: [ahead.config, OLD.config] });
  const run = await tagsAlone(script, ["--sort", "created"]);
  assert.equal(run.stdout, "old\nahead\n");
});

test("what is behind the last one that is shown decides nothing", async () => {
  const [, ...reads] = firstRun({ a: OLD, b: OLD }, { configs: [OLD.config] });
  const words = ["--platform", "linux/amd64", "--limit", "2", "--concurrency", "2"];
  for (const format of ["text", "ndjson", "json"]) {
    const { promise, resolve } = Promise.withResolvers<void>();
    // Of two at a time the one waits until the other has read one that is broken.
    const failed = await tagsAlone([
      page(["a", "b", "c", "d"]),
      ...reads.map((step) =>
        step.path === "/v2/app/manifests/b"
          ? { ...step, replyWith: async () => (await promise, serve(OLD)) }
          : step
      ),
      manifestStep("c", { status: 400 }),
      { ...manifestStep("d", { status: 400 }), replyWith: () => (resolve(), { status: 400 }) },
    ], [...words, "-o", format]);
    assert.deepEqual([failed.exitCode, failed.stderr], [0, ""], format);
    // It is not waited for, either.
    const hanging = await tagsAlone([
      page(["a", "b", "c"]),
      ...reads,
      { ...manifestStep("c", { status: 200 }), fault: "hang", times: Infinity },
    ], [...words, "-o", format]);
    assert.deepEqual([hanging.exitCode, hanging.stderr], [0, ""], format);
    assert.equal(hanging.stdout, failed.stdout);
  }
});

test("with --limit and a range no more is read than is needed", async () => {
  const [, ...reads] = firstRun({ a: OLD, b: NEW }, { configs: [OLD.config, NEW.config] });
  const run = await tagsAlone(
    [page(["a", "b", "c", "d", "e"]), ...reads],
    ["--newer-than", "30d", "--limit", "1", "--concurrency", "1"],
  );
  assertRun(run, { exitCode: 0, stdout: "b\n", stderr: "" });
});

test("a wrong word is told before anything is asked", async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["--newer-than", "30"], /^error: Neither an age nor a date: "30"\nhint: Write an age such as/],
    [["--older-than", "2026-02-30"], /^error: Neither an age nor a date: "2026-02-30"\nhint: /],
    [["--newer-than", "9d", "--older-than", "10d"], /Nothing is newer than 9d and older than 10d/],
    [["-l", "--sort", "date"], /Allowed choices are name, version, none, created, pushed, size/],
    [["-l", "--platform", "linux"], /A platform has the form/],
    [["-l", "--concurrency", "0"], /at least 1/],
  ];
  for (const [words, stderr] of cases) {
    const run = await tagsAlone([], words);
    assert.equal(run.exitCode, 2);
    assert.match(run.stderr, stderr);
  }
});

test("no tags: a header, an empty list, nothing", async () => {
  for (const [format, stdout] of [["json", "[]\n"], ["ndjson", ""]] as const) {
    const run = await tagsAlone([page([])], ["-l", "-o", format]);
    assertRun(run, { exitCode: 0, stdout, stderr: "" });
  }
  const run = await tagsAlone([page([])], ["-l"]);
  assert.equal(run.stdout, "TAG  DIGEST  CREATED  SIZE  PLATFORMS\n");
});

test("--sort pushed where nobody tells names another way", async () => {
  const run = await tagsAlone([page(["1"])], ["-l", "--sort", "pushed"]);
  assertRun(run, {
    exitCode: 6,
    stdout: "",
    stderr: "error: HOST does not tell when a tag was pushed\n" +
      "hint: Write --sort created: the date in the image itself\n",
  });
});

test("control characters of a registry stay what they are", async () => {
  const evil = image({
    config: pointTo(content({}, "application/x-\u001b[2J")),
    artifactType: "application/x-\u001b[2J",
  });
  const run = await tagsAlone(firstRun({ evil }), ["-l"], { isTerminal: true });
  assert.ok(!run.stdout.includes("\u001b"));
  assert.match(run.stdout, /application\/x-\\x1b\[2J/);
});

test("a relative HOME keeps nothing in the current folder", async () => {
  const env = { HOME: "relative" };
  const run = await tagsAlone(firstRun(TAGS, READ), ["-l"], { env });
  assert.deepEqual([run.exitCode, existsSync("relative")], [0, false]);
});

test("progress is shown on a terminal, and cleared", async () => {
  const run = await tagsAlone(firstRun(TAGS, READ), ["-l"], { isTerminal: true });
  const lines = run.stderr.split("\r\u001b[K");
  for (const done of [1, 2, 3, 4]) {
    assert.ok(lines.some((line) => line.includes(`${done} of 4 tags read`)), `${done}`);
  }
  assert.equal(lines.at(-1), "");
  const quiet = await tagsAlone(firstRun(TAGS, READ), ["-l", "-q"], { isTerminal: true });
  assert.equal(quiet.stderr, "");
});
