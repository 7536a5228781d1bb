import assert from "node:assert/strict";
import { test } from "node:test";
import type { CapturedRunOptions } from "../support/capture_host.ts";
import type { Step } from "../support/scripted_registry.ts";
import { atHome, headStep } from "./facts_lab.ts";
import { type Content, image, index, manifestStep, pointTo, serve } from "./oci_content.ts";
import { daysAgo, makeImage } from "./plan_script.ts";
import { answer, assertRun, type ContractRun, page } from "./run_against.ts";

const A = makeImage("a", daysAgo(3));
const B = makeImage("b", daysAgo(2));
const SBOM = image({ annotations: { sbom: "yes" } });
const MULTI = index([
  pointTo(A, { platform: { os: "linux", architecture: "arm64", variant: "v8" } }),
  pointTo(SBOM, { platform: { os: "unknown", architecture: "unknown" } }),
]);
const OUTER = index([pointTo(MULTI)]);
const OTHER = index([pointTo(B)]);

async function which(
  script: readonly Step[],
  words: readonly string[],
  options: CapturedRunOptions = {},
): Promise<ContractRun> {
  let result: ContractRun | undefined;
  await atHome(async ({ run }) => {
    result = await run(script, ["which", ...words], options);
  });
  assert.ok(result);
  return result;
}

/** A listing, a HEAD a tag, and a GET for each index. */
function looking(
  tags: Readonly<Record<string, Content>>,
  indexes: readonly Content[] = [],
): Step[] {
  return [
    page(Object.keys(tags)),
    ...Object.entries(tags).map(([tag, manifest]) => headStep(tag, manifest)),
    ...indexes.map((one) => manifestStep(one.digest, serve(one))),
  ];
}

const TAGS = { outer: OUTER, multi: MULTI, a: A, alias: A, b: B, other: OTHER };

test("which finds what points to a digest, and indexes that list it at any depth", async () => {
  // The index inside is one of the tags, too, and is read once.
  const run = await which(looking(TAGS, [OUTER, MULTI, OTHER]), [`HOST/app@${A.digest}`]);
  assertRun(run, {
    exitCode: 0,
    stdout: "a\nalias\nmulti\nouter\n",
    stderr: "note: By way of an index that lists it: 2 of 4 tags; -o table tells them apart\n",
  });
  const references = await which(
    looking(TAGS, [OUTER, MULTI, OTHER]),
    [`HOST/app@${A.digest}`, "--full-ref", "-q"],
  );
  assert.equal(references.stdout, "HOST/app:a\nHOST/app:alias\nHOST/app:multi\nHOST/app:outer\n");
});

test("which of a tag asks where it points, and names all that point there", async () => {
  const run = await which(
    [headStep("a", A), ...looking({ a: A, alias: A, b: B })],
    ["HOST/app:a", "-o", "json"],
  );
  assert.deepEqual(
    JSON.parse(run.stdout),
    ["a", "alias"].map((tag) => ({
      tag,
      reference: `HOST/app:${tag}`,
      digest: A.digest,
      match: "same",
    })),
  );
});

test("which --platform looks for the image of an index", async () => {
  const run = await which(
    [manifestStep("multi", serve(MULTI)), ...looking({ multi: MULTI, a: A }, [MULTI])],
    ["HOST/app:multi", "--platform", "linux/arm64", "-o", "table", "--no-trunc"],
  );
  assert.equal(
    run.stdout,
    `TAG    DIGEST${" ".repeat(67)}MATCH  PLATFORM\n` +
      `a      ${A.digest}  same   -\n` +
      `multi  ${MULTI.digest}  index  linux/arm64/v8\n`,
  );
});

test("which finds what belongs to an image, and says nothing of a platform that is none", async () => {
  const run = await which(looking({ multi: MULTI }, [MULTI]), [
    ...[`HOST/app@${SBOM.digest}`, "-o", "ndjson"],
  ]);
  assert.deepEqual(JSON.parse(run.stdout).match, "index");
});

test("which reads an index once, and the next time not at all", async () => {
  await atHome(async ({ run }) => {
    const words = ["which", `HOST/app@${A.digest}`];
    const first = await run(looking(TAGS, [OUTER, MULTI, OTHER]), words);
    const second = await run(looking(TAGS), words);
    assert.equal(second.stdout, first.stdout);
    const uncached = await run(looking(TAGS, [OUTER, MULTI, OTHER]), [...words, "--no-cache"]);
    assert.equal(uncached.stdout, first.stdout);
  });
});

test("which tells by its exit code that there is none", async () => {
  const run = await which(looking({ b: B }), [`HOST/app@${A.digest}`, "-o", "json"]);
  assert.deepEqual([run.exitCode, run.stdout], [3, "[]\n"]);
  assert.equal(
    JSON.parse(run.stderr).error.message,
    `No tag of "HOST/app" leads to ${A.digest}`,
  );
});

test("which tells what it could not look at, and what it found", async () => {
  const run = await which([
    ...looking({ a: A, b: B }).slice(1),
    page(["a", "b", "broken", "../x"]),
    { method: "HEAD", path: "/v2/app/manifests/broken", reply: { status: 404 } },
  ], [`HOST/app@${A.digest}`, "--concurrency", "1"]);
  assert.deepEqual([run.exitCode, run.stdout], [8, "a\n"]);
  assert.match(run.stderr, /^warning: 1 of the tags is not valid as a name$/m);
  assert.match(run.stderr, /^warning: \.\.\/x: It is not valid as a tag$/m);
  assert.match(run.stderr, /^warning: broken: It is listed, but has no manifest$/m);
  assert.match(run.stderr, /^error: Cannot read 2 of 4 tags: (\.\.\/x, broken|broken, \.\.\/x)$/m);
});

test("which shows what it found when it is stopped", async () => {
  const run = await which(
    [
      page(["a", "b", "c"]),
      headStep("a", A),
      { method: "HEAD", path: "/v2/app/manifests/b", reply: { status: 429 } },
    ],
    [`HOST/app@${A.digest}`, "--concurrency", "1"],
    { stopWhileWaiting: "SIGINT" },
  );
  assert.deepEqual([run.exitCode, run.stdout], [130, "a\n"]);
  assert.equal(run.stderr, "error: Interrupted: 2 of 3 tags not read\n");
});

test("which uses what Google's listing tells", async () => {
  const manifest = {
    [A.digest]: { tag: ["1", "2"], mediaType: A.mediaType },
    [MULTI.digest]: { tag: ["m"], mediaType: MULTI.mediaType },
  };
  const script = [
    answer({ status: 200, body: { tags: ["1", "2", "m"], manifest } }),
    manifestStep(MULTI.digest, serve(MULTI)),
  ];
  const run = await which(script, [`HOST/app@${A.digest}`]);
  assert.equal(run.stdout, "1\n2\nm\n");
});

test("which refuses indexes without end", async () => {
  let deep: Content = index([pointTo(B)]);
  const chain = [deep];
  for (let i = 0; i < 3; i++) {
    deep = index([pointTo(deep)]);
    chain.push(deep);
  }
  const run = await which(looking({ deep }, chain.slice(1)), [`HOST/app@${A.digest}`]);
  assert.equal(run.exitCode, 8);
  assert.match(run.stderr, /deep: It lists indexes in indexes without end/);
});

test("which asks for no more indexes than a registry that counts allows", async () => {
  const budget = { "ratelimit-remaining": "1;w=3600" };
  const script = looking(TAGS).map((step) =>
    step.method === "HEAD"
      ? {
        ...step,
        reply: { status: 200, ...step.reply, headers: { ...step.reply?.headers, ...budget } },
      }
      : step
  );
  const run = await which(script, [`HOST/app@${A.digest}`]);
  assert.deepEqual([run.exitCode, run.stdout], [9, "a\nalias\n"]);
  assert.match(run.stderr, /manifests to get: 3; the registry has 1 GET requests left .* an hour/);
});

test("which stops where a registry counts and knows no HEAD", async () => {
  const budget = { "ratelimit-remaining": "2" };
  const refused = {
    method: "HEAD",
    path: /\/manifests\//,
    reply: { status: 405 },
    times: Infinity,
  };
  const run = await which([
    page(["a", "b", "c", "d"]),
    refused,
    manifestStep("a", { ...serve(A), headers: { ...serve(A).headers, ...budget } }),
  ], [`HOST/app@${A.digest}`, "--concurrency", "1"]);
  assert.deepEqual([run.exitCode, run.stdout], [9, "a\n"]);
  assert.match(run.stderr, /manifests to get: 3; the registry has 2 GET requests left:/);
});

test("which lists tags by their names, whatever order they came in", async () => {
  const run = await which(looking({ z: A, b: A, a: A }), [`HOST/app@${A.digest}`]);
  assert.equal(run.stdout, "a\nb\nz\n");
});

test("which follows an index that is listed again and again once", async () => {
  const again = index(Array.from({ length: 40 }, () => pointTo(OTHER)));
  const run = await which(looking({ again, a: A }, [again, OTHER]), [`HOST/app@${A.digest}`]);
  assert.deepEqual([run.exitCode, run.stdout], [0, "a\n"]);
});

test("which follows no more indexes in an index than anybody has", async () => {
  const many = index(
    Array.from({ length: 33 }, (_, i) => (
      pointTo({ ...MULTI, digest: `sha256:${String(i).padStart(64, "0")}` })
    )),
  );
  const run = await which([
    ...looking({ many }, [many]),
    { method: "GET", path: /sha256:0{60}/, reply: { status: 404 }, times: Infinity },
  ], [`HOST/app@${A.digest}`]);
  assert.equal(run.exitCode, 8);
  assert.equal(run.requests.length, 3 + 32);
  assert.match(run.stderr, /many: It lists more than 32 indexes/);
});

test("which shows no control characters", async () => {
  const run = await which(
    [page(["a", "\u001b[2J"]), headStep("a", A)],
    [`HOST/app@${A.digest}`],
  );
  assert.equal(run.exitCode, 8);
  assert.ok(!`${run.stdout}${run.stderr}`.includes("\u001b"));
});
