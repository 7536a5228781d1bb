import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import {
  createClient,
  findPlatform,
  getBlob,
  getManifest,
  headBlob,
  headManifest,
  parsePlatform,
  parseReference,
  readBlob,
  RegctlError,
} from "../../core/mod.ts";
import { DOCKER_MANIFEST } from "../../core/oci/media_types.ts";
import { runCapturedBytes } from "../support/capture_host.ts";
import {
  type RecordedRequest,
  startScriptedRegistry,
  type Step,
} from "../support/scripted_registry.ts";
import {
  blobStep,
  CONFIG,
  type Content,
  content,
  digestOf,
  image,
  index,
  LAYER,
  LAYER_TYPE,
  manifestStep,
  pointTo,
  serve,
} from "./oci_content.ts";
import { assertRun, runAgainst } from "./run_against.ts";
import { bearer, challenge, get } from "./script.ts";

const REF = "HOST/app:1";
const OTHER = digestOf(LAYER.bytes.subarray(1));

/** A body without a length. */
function chunked({ bytes }: Content) {
  const head = `${bytes.length.toString(16)}\r\n`;
  const body = `${head}${bytes.toString("latin1")}\r\n0\r\n\r\n`;
  return { status: 200, headers: { "transfer-encoding": "chunked" }, body };
}

/** Runs a task of the library on a registry that follows `script`. */
async function withLibrary<T>(
  script: readonly Step[],
  task: (
    client: ReturnType<typeof createClient>,
    reference: ReturnType<typeof parseReference>,
  ) => Promise<T>,
): Promise<T> {
  await using registry = await startScriptedRegistry(script);
  const reference = parseReference(`${registry.host}/app:1`);
  const result = await task(createClient(reference.repository.registry, { retries: 0 }), reference);
  registry.assertDone();
  return result;
}

test("5, 28: a header that lies is found out beside a digest that is right, too", async () => {
  const good = image();
  for (const named of [OTHER, digestOf(LAYER.bytes, "sha512"), "sha256:x"]) {
    const run = await runAgainst(
      [manifestStep(good.digest, serve(good, { "docker-content-digest": named }))],
      ["manifest", `HOST/app:1@${good.digest}`],
    );
    assert.deepEqual([run.exitCode, run.stdout], [7, ""], named);
  }
  const sha512 = digestOf(good.bytes, "sha512");
  const both = await runAgainst(
    [manifestStep(good.digest, serve(good, { "docker-content-digest": sha512 }))],
    ["manifest", `HOST/app@${good.digest}`],
  );
  assert.equal(both.exitCode, 0, both.stderr);
});

test("28: a blob's header is held against its digest, by GET and by HEAD", async () => {
  const sha512 = digestOf(LAYER.bytes, "sha512");
  for (const [named, exitCode] of [[OTHER, 7], ["sha256:x", 7], [sha512, 0]] as const) {
    const reply = serve(LAYER, { "docker-content-digest": named });
    for (const [method, words] of [["HEAD", ["--head"]], ["GET", []]] as const) {
      const run = await runAgainst(
        [{ ...blobStep(LAYER), method, reply }],
        ["blob", `HOST/app@${LAYER.digest}`, ...words],
      );
      assert.equal(run.exitCode, exitCode, `${method} ${named} ${run.stderr}`);
      assert.equal(run.stdout === "", exitCode === 7);
    }
  }
});

test("digest: a HEAD without a size, or for what is no manifest, is followed by a GET", async () => {
  const good = image();
  const replies = [
    serve(good, { "transfer-encoding": "chunked" }),
    serve(good, { "content-type": "text/html" }),
  ];
  for (const reply of replies) {
    const run = await runAgainst([
      { ...manifestStep("1", reply), method: "HEAD" },
      manifestStep("1", serve(good)),
    ], ["manifest", REF, "--head", "-o", "json"]);
    assert.equal(run.exitCode, 0, run.stderr);
    assert.equal(JSON.parse(run.stdout).size, good.size);
  }
});

test("digest: too many requests by HEAD are not followed by one more", async () => {
  const run = await runAgainst(
    [{ ...manifestStep("1", { status: 429 }), method: "HEAD" }],
    ["digest", REF, "--retries", "0"],
  );
  assert.deepEqual([run.exitCode, run.stdout], [9, ""]);
});

test("what reads asks for the right to pull, and for no more", async () => {
  const good = image();
  const table: readonly (readonly [readonly string[], readonly Step[]])[] = [
    [["manifest", REF], [manifestStep("1", serve(good))]],
    [["digest", REF], [{ ...manifestStep("1", serve(good)), method: "HEAD" }]],
    [["config", REF], [manifestStep("1", serve(good)), blobStep(CONFIG)]],
    [["blob", `HOST/app@${LAYER.digest}`], [blobStep(LAYER)]],
    [
      ["blob", `HOST/app@${LAYER.digest}`, "--head"],
      [{ ...blobStep(LAYER), method: "HEAD" }],
    ],
  ];
  for (const [words, steps] of table) {
    const asks = { reply: challenge(bearer("/token")) };
    const token = "/token?service=registry.test&scope=repository%3Aapp%3Apull";
    const isKnown = ({ headers }: RecordedRequest) => headers["authorization"] === "Bearer t";
    const [first] = steps;
    const run = await runAgainst([
      ...steps.map((step) => ({ ...step, when: isKnown })),
      { ...first, ...asks } as Step,
      get(token, { status: 200, body: { token: "t" } }),
    ], words);
    assert.equal(run.exitCode, 0, `${words} ${run.stderr}`);
  }
});

test("a blob that is not there says so with the registry's words", async () => {
  const errors = [{ code: "BLOB_UNKNOWN", message: "not here" }];
  const run = await runAgainst(
    [{ ...blobStep(LAYER), reply: { status: 404, body: { errors } } }],
    ["blob", `HOST/app@${LAYER.digest}`],
  );
  assert.deepEqual([run.exitCode, run.stdout], [3, ""]);
  assert.match(run.stderr, /answered 404 BLOB_UNKNOWN: not here\n/);
});

test("a part that nobody asked for is not taken for the blob", async () => {
  const headers = { "content-range": `bytes 0-${LAYER.size - 1}/${LAYER.size}` };
  const run = await runAgainst(
    [{ ...blobStep(LAYER), reply: { status: 206, headers, body: LAYER.bytes } }],
    ["blob", `HOST/app@${LAYER.digest}`],
  );
  assert.deepEqual([run.exitCode, run.stdout], [7, ""]);
});

test("a blob that its storage calls packed is passed on as it is kept", async () => {
  // Storage is known to say so of a layer, which is gzip by itself.
  const layer = content(gzipSync("x".repeat(100_000)), LAYER_TYPE);
  await using registry = await startScriptedRegistry([{
    ...blobStep(layer),
    reply: { status: 200, headers: { "content-encoding": "gzip" }, body: layer.bytes },
  }]);
  const run = await runCapturedBytes(["blob", `${registry.host}/app@${layer.digest}`]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.deepEqual(run.bytes, layer.bytes);
});

test("30: of a configuration no more is read than the manifest says there is", async () => {
  const run = await runAgainst([
    manifestStep("1", serve(image())),
    { ...blobStep(CONFIG), reply: { status: 200 }, fault: "endless-body" },
  ], ["config", REF]);
  assert.deepEqual([run.exitCode, run.stdout], [7, ""]);
  assert.match(run.stderr, new RegExp(`more than ${CONFIG.size} bytes`));
});

test("4: the library, too, sends no digest that cannot be verified", async () => {
  for (const digest of ["sha256:../../x", `md5:${"0".repeat(32)}`, "sha256:%2e"]) {
    await withLibrary([], async (client, { repository }) => {
      const tasks = [
        () => getManifest(client, { repository, digest }),
        () => headManifest(client, { repository, digest }),
        () => headBlob(client, repository, digest),
        () => readBlob(client, repository, digest),
        () => getBlob(client, repository, { digest, size: 1, mediaType: LAYER_TYPE }, 10),
      ];
      for (const task of tasks) {
        await assert.rejects(
          task(),
          (error) => error instanceof RegctlError && error.code === "USAGE",
        );
      }
    });
  }
});

test("48: readBlob holds a blob against the size it must have, and gives no byte beyond", async () => {
  const cases = [
    [serve(LAYER), LAYER.size + 1, "INTEGRITY", undefined],
    [serve(LAYER), LAYER.size - 1, "INTEGRITY", undefined],
    [chunked(LAYER), LAYER.size + 1, "INTEGRITY", LAYER.size],
    [chunked(LAYER), LAYER.size - 1, "INTEGRITY", 0],
    [chunked(LAYER), LAYER.size, undefined, LAYER.size],
  ] as const;
  for (const [reply, size, code, given] of cases) {
    let bytes: number | undefined;
    const thrown = await withLibrary([{ ...blobStep(LAYER), reply }], async (client, it) => {
      try {
        const blob = await readBlob(client, it.repository, LAYER.digest, { size });
        assert.equal(blob.size, size);
        bytes = 0;
        for await (const piece of blob.pieces) bytes += piece.byteLength;
        return undefined;
      } catch (error) {
        return (error as RegctlError).code;
      }
    });
    assert.deepEqual([thrown, bytes], [code, given], `${size}`);
  }
});

test("31: of several wishes the first that can be met counts, however well a later one fits", async () => {
  const entry = (platform: string) => {
    const [os, architecture, variant] = platform.split("/");
    return pointTo(image({ annotations: { platform } }), {
      platform: { os, architecture, ...(variant && { variant }) },
    });
  };
  const list = index(["linux/amd64", "linux/arm/v6"].map(entry));
  const wishes = ["windows/amd64", "linux/arm/v7", "linux/amd64"].map(parsePlatform);
  const found = await withLibrary(
    [manifestStep("1", serve(list))],
    (client, reference) => findPlatform(client, reference, wishes),
  );
  assert.equal(
    found.descriptor.digest,
    image({ annotations: { platform: "linux/arm/v6" } }).digest,
  );
});

test("31: of two images for one platform the first is chosen, as other tools do", async () => {
  const [one, two] = ["1", "2"].map((n) => image({ annotations: { n } }));
  const platform = { os: "linux", architecture: "amd64" };
  const list = index([one, two].map((it) => pointTo(it as Content, { platform })));
  const run = await runAgainst(
    [manifestStep("1", serve(list))],
    ["digest", REF, "--platform", "linux/amd64"],
  );
  assertRun(run, { exitCode: 0, stdout: `${one?.digest}\n`, stderr: "" });
});

test("31: of many platforms twenty are named", async () => {
  const list = index(
    Array.from({ length: 25 }, (_, i) =>
      pointTo(image({ annotations: { i: `${i}` } }), {
        platform: { os: "linux", architecture: `a${i}` },
      })),
  );
  const run = await runAgainst(
    [manifestStep("1", serve(list))],
    ["digest", REF, "--platform", "linux/amd64"],
  );
  assert.equal(run.exitCode, 3);
  assert.match(run.stderr, /linux\/a0, .*, linux\/a19, …\n/);
});

test("31: a processor that can more is no excuse for an image for one that cannot", async () => {
  const table = [
    ["linux/amd64", "linux/amd64/v3"],
    ["linux/amd64/v2", "linux/amd64/v3"],
    ["linux/arm64/v8", "linux/arm64/v9"],
    ["linux/arm/v7", "linux/arm/v6"],
  ];
  for (const [offered = "", wanted = ""] of table) {
    const [os, architecture, variant] = offered.split("/");
    const platform = { os, architecture, ...(variant && { variant }) };
    const run = await runAgainst(
      [manifestStep("1", serve(index([pointTo(image(), { platform })])))],
      ["digest", REF, "--platform", wanted],
    );
    assert.deepEqual([run.exitCode, run.stdout], [3, ""], wanted);
  }
});

test("31: --head with --platform tells of the child, from the index alone", async () => {
  const child = image();
  const platform = { os: "linux", architecture: "amd64" };
  const list = index([pointTo(child, { platform })]);
  const run = await runAgainst(
    [manifestStep("1", serve(list))],
    ["manifest", REF, "--head", "--platform", "linux/amd64", "-o", "json"],
  );
  assert.equal(run.exitCode, 0, run.stderr);
  const { digest, mediaType, size } = child;
  assert.deepEqual(JSON.parse(run.stdout), { reference: REF, digest, mediaType, size });
});

test("31: config holds the child against what the index says of it, too", async () => {
  const child = image();
  const platform = { os: "linux", architecture: "amd64" };
  for (const lie of [{ size: child.size + 1 }, { mediaType: DOCKER_MANIFEST }]) {
    for (const words of [["--platform", "linux/amd64"], []]) {
      const list = index([pointTo(child, { platform, ...lie })]);
      const run = await runAgainst(
        [
          manifestStep("1", serve(list)),
          manifestStep(child.digest, serve(child)),
        ],
        ["config", REF, ...words],
      );
      assert.deepEqual([run.exitCode, run.stdout], [7, ""], run.stderr);
    }
  }
});

test("config: what is no JSON is an error, and printed as it is with -o raw", async () => {
  const config = content("\u001bnot JSON", CONFIG.mediaType);
  const what = image({ config: pointTo(config) });
  const script = [manifestStep("1", serve(what)), blobStep(config)];
  const run = await runAgainst(script, ["config", REF]);
  assert.deepEqual([run.exitCode, run.stdout], [7, ""]);
  assert.match(
    run.stderr,
    /is not JSON, or nested too deeply\nhint: Print it as it is with -o raw\n$/,
  );
  const raw = await runAgainst(script, ["config", REF, "-o", "raw"]);
  assertRun(raw, { exitCode: 0, stdout: "\u001bnot JSON", stderr: "" });
});

test("blob: --head has no part, and says so", async () => {
  const words = ["blob", `HOST/app@${LAYER.digest}`, "--head", "--range", "0-1"];
  const run = await runAgainst([], words);
  assert.deepEqual([run.exitCode, run.stdout], [2, ""]);
  assert.match(run.stderr, /^error: Option '--head' cannot be used with option '--range/);
});
