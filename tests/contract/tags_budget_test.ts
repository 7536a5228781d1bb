import assert from "node:assert/strict";
import { test } from "node:test";
import type { Step } from "../support/scripted_registry.ts";
import type { Reply } from "../support/scripted_reply.ts";
import { atHome, firstRun, headStep, rowsOf, tagsAlone, tagsOfRows } from "./facts_lab.ts";
import { blobStep, type Content, index, manifestStep, pointTo, serve } from "./oci_content.ts";
import { daysAgo, makeImage } from "./plan_script.ts";
import { page } from "./run_against.ts";

const IMAGES = Array.from({ length: 12 }, (_, i) => makeImage(`image ${i}`, daysAgo(i + 1)));
const [FIRST = makeImage("first"), A = FIRST, B = FIRST, C = FIRST] = IMAGES;
const JSON_WORDS = ["-l", "-o", "json"];

/** A step whose answer says how much is left, as Docker Hub's do. */
function withBudget(step: Step, remaining: number): Step {
  const { status = 200, headers = {}, body } = step.reply ?? {};
  const budget = {
    "ratelimit-limit": "100;w=21600",
    "ratelimit-remaining": `${remaining};w=21600`,
  };
  const reply: Reply = { status, headers: { ...headers, ...budget }, ...(body && { body }) };
  return { ...step, reply };
}

/** A registry that counts: the first tag shows it, HEAD requests take nothing. */
function counting(tags: Readonly<Record<string, Content>>, remaining: number): Step[] {
  const [[first = "", manifest = FIRST] = [], ...others] = Object.entries(tags);
  return [
    page(Object.keys(tags)),
    withBudget(manifestStep(first, serve(manifest)), remaining),
    ...others.map(([tag, one]) => withBudget(headStep(tag, one), remaining)),
  ];
}

test("where GET requests are counted, each manifest is got once, whatever tags it has", async () => {
  const tags = { 1: FIRST, 2: A, 3: B, 4: B, 5: B, 6: FIRST };
  const script = [
    ...counting(tags, 2),
    blobStep(FIRST.config),
    ...[A, B].flatMap((one) => [
      withBudget(manifestStep(one.digest, serve(one)), 1),
      blobStep(one.config),
    ]),
  ];
  const run = await tagsAlone(script, JSON_WORDS);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.equal(tagsOfRows(run).length, 6);
  // All that costs nothing comes before the first thing that does.
  const kinds = run.requests.slice(3).map((request) => request.replace(/ .*/, ""));
  assert.equal(kinds.lastIndexOf("HEAD") < kinds.indexOf("GET"), true, kinds.join());
});

test("a budget that does not suffice is told before it is spent", async () => {
  const tags = Object.fromEntries(IMAGES.map((one, i) => [`t${i + 10}`, one]));
  const run = await tagsAlone(
    [...counting(tags, 10), blobStep(FIRST.config)],
    [...JSON_WORDS, "--concurrency", "3"],
  );
  assert.equal(run.exitCode, 9);
  assert.equal(
    JSON.parse(run.stderr).error.message,
    'Cannot read the tags of "HOST/app": manifests to get: 11; the registry has 10 GET requests ' +
      "left of what it allows in 6 hours: 11 of 12 tags not read",
  );
  assert.match(JSON.parse(run.stderr).error.hint, /^Name fewer tags with --match or --limit/);
});

test("images inside of indexes count, too: the indexes are read to know them", async () => {
  const indexes = [0, 3, 6].map((i) => index(IMAGES.slice(i, i + 4).map((one) => pointTo(one))));
  const [x = FIRST, y = FIRST, z = FIRST] = indexes;
  const tags = { 0: FIRST, x, y, z };
  const reads = [
    blobStep(FIRST.config),
    ...indexes.map((one) => withBudget(manifestStep(one.digest, serve(one)), 20)),
  ];
  // The indexes themselves are too many.
  const few = await tagsAlone([...counting(tags, 2), blobStep(FIRST.config)], JSON_WORDS);
  assert.match(few.stderr, /manifests to get: 3; the registry has 2 GET requests left/);
  // Ten images, one of which was read with the first tag.
  const some = await tagsAlone(
    [...counting(tags, 8), ...reads],
    JSON_WORDS,
  );
  assert.equal(some.exitCode, 9);
  assert.match(some.stderr, /manifests to get: 9; the registry has 8 GET requests left/);
  const enough = await tagsAlone([
    ...counting(tags, 12),
    ...reads,
    ...IMAGES.slice(1, 10).flatMap((one) => [
      withBudget(manifestStep(one.digest, serve(one)), 1),
      blobStep(one.config),
    ]),
  ], JSON_WORDS);
  assert.deepEqual([enough.exitCode, rowsOf(enough).length], [0, 4]);
});

test("what is in the cache takes nothing of the budget", async () => {
  const tags = { 1: FIRST, 2: A, 3: B };
  await atHome(async ({ run }) => {
    const words = ["tags", "HOST/app", ...JSON_WORDS];
    await run(firstRun(tags, { configs: [FIRST.config, A.config, B.config] }), words);
    const later = { ...tags, 4: C };
    const second = await run([
      page(Object.keys(later)),
      ...Object.entries(later).map(([tag, one]) => withBudget(headStep(tag, one), 1)),
      withBudget(manifestStep(C.digest, serve(C)), 0),
      blobStep(C.config),
    ], words);
    assert.deepEqual([second.exitCode, rowsOf(second).length], [0, 4]);
  });
});

test("a storm of 429 is waited out: none goes out before its time, and all are read", async () => {
  const tags = Object.fromEntries(IMAGES.map((one, i) => [`t${i + 10}`, one]));
  const refusal: Reply = { status: 429, headers: { "retry-after": "7" } };
  let refused = 0;
  // Each is refused the first time, and told when to come back.
  const script = firstRun(tags, { configs: IMAGES.map(({ config }) => config) }).flatMap((step) =>
    /manifests/.test(String(step.path))
      ? [{ ...step, reply: refusal, replyWith: () => (refused++, refusal) }, step]
      : [step]
  );
  const run = await tagsAlone(script, [...JSON_WORDS, "--concurrency", "6"]);
  assert.deepEqual([run.exitCode, refused, rowsOf(run).length], [0, 12, 12]);
  // No retry without a wait of the time that was asked for, and each request sent twice.
  assert.ok(
    run.waits.length > 0 && run.waits.every((ms) => ms > 6000 && ms <= 7000),
    run.waits.join(),
  );
  for (const tag of Object.keys(tags)) {
    const sent = run.requests.filter((request) => request.endsWith(`/manifests/${tag}`));
    assert.equal(sent.length, 2, tag);
  }
});

test("an image that is a tag, and in an index, is counted and got once", async () => {
  const multi = index([pointTo(A), pointTo(B)]);
  const tags = { 0: FIRST, amd64: A, multi };
  const run = await tagsAlone([
    ...counting(tags, 3),
    blobStep(FIRST.config),
    ...[multi, A, B].map((one) => withBudget(manifestStep(one.digest, serve(one)), 2)),
    ...[A, B].map(({ config }) => blobStep(config)),
  ], JSON_WORDS);
  assert.deepEqual([run.exitCode, rowsOf(run).length], [0, 3]);
});

test("with --limit no more is asked ahead than may be needed", async () => {
  const tags = Object.fromEntries(IMAGES.map((one, i) => [`t${i + 10}`, one]));
  const script = counting(tags, 4);
  const run = await tagsAlone([
    ...script.slice(0, 5),
    ...IMAGES.slice(0, 3).map(({ config }) => blobStep(config)),
    ...[A, B].map((one) => withBudget(manifestStep(one.digest, serve(one)), 4)),
    withBudget(manifestStep(C.digest, serve(C)), 4),
    blobStep(C.config),
  ], ["--newer-than", "100d", "--limit", "3", "-o", "json"]);
  assert.deepEqual([run.exitCode, JSON.parse(run.stdout).tags], [0, ["t10", "t11", "t12"]]);
});

test("a registry that counts and knows no HEAD is not asked for more than it allows", async () => {
  const tags = Object.fromEntries(IMAGES.map((one, i) => [`t${i + 10}`, one]));
  const [list, first, ...heads] = counting(tags, 5);
  assert.ok(list && first);
  const refused = { ...(heads[0] ?? list), reply: { status: 405 } };
  const run = await tagsAlone([
    list,
    first,
    blobStep(FIRST.config),
    refused,
    withBudget(manifestStep("t11", serve(A)), 4),
  ], [...JSON_WORDS, "--concurrency", "1"]);
  assert.equal(run.exitCode, 9);
  assert.match(run.stderr, /manifests to get: 10; the registry has 4 GET requests left/);
});

test("a storm that does not end is left soon, however many are under way", async () => {
  const tags = Array.from({ length: 100 }, (_, i) => `t${i}`);
  for (const concurrency of [1, 8, 32]) {
    const run = await tagsAlone(
      [
        page(tags),
        {
          method: "GET",
          path: /\/manifests\//,
          reply: { status: 429, headers: { "retry-after": "5" } },
          times: Infinity,
        },
      ],
      ["-l", "--retries", "2", "--concurrency", `${concurrency}`],
    );
    assert.deepEqual([run.exitCode, run.stdout], [9, ""]);
    // The first tag alone is refused three times, and that is that.
    assert.equal(run.requests.length, 1 + 3);
  }
});

test("one that begins in the middle is left soon, too, and what is known is shown", async () => {
  const tags = Object.fromEntries(IMAGES.map((one, i) => [`t${i + 10}`, one]));
  const [list, ...reads] = firstRun(tags, { configs: IMAGES.map(({ config }) => config) });
  assert.ok(list);
  const run = await tagsAlone([
    list,
    ...reads.filter(({ path }) => path === "/v2/app/manifests/t10"),
    blobStep(FIRST.config),
    {
      method: "GET",
      path: /\/manifests\//,
      reply: { status: 429, headers: { "retry-after": "5" } },
      times: Infinity,
    },
  ], ["-l", "--retries", "4", "--concurrency", "8", "-o", "json"]);
  assert.deepEqual([run.exitCode, tagsOfRows(run)], [9, ["t10"]]);
  // Eight at once, then one after the other goes ahead, as often as one would be repeated.
  assert.ok(run.requests.length <= 1 + 2 + 8 + 6, `${run.requests.length}`);
});

test("of an index only what --platform chooses is counted", async () => {
  const platform = (architecture: string) => ({ platform: { os: "linux", architecture } });
  const multi = index([pointTo(A, platform("arm64")), pointTo(B, platform("amd64"))]);
  const run = await tagsAlone([
    ...counting({ 0: FIRST, multi }, 2),
    blobStep(FIRST.config),
    withBudget(manifestStep(multi.digest, serve(multi)), 1),
    withBudget(manifestStep(B.digest, serve(B)), 0),
    blobStep(B.config),
  ], [...JSON_WORDS, "--platform", "linux/amd64"]);
  assert.deepEqual([run.exitCode, rowsOf(run).length], [0, 2]);
});

test("where an index tells enough, none of its images is counted", async () => {
  const platform = { platform: { os: "linux", architecture: "arm64" } };
  const multi = index([pointTo(A, platform), pointTo(B, platform)]);
  const run = await tagsAlone([
    ...counting({ 0: FIRST, multi }, 1),
    blobStep(FIRST.config),
    withBudget(manifestStep(multi.digest, serve(multi)), 0),
  ], ["--platform", "linux/arm64"]);
  assert.deepEqual([run.exitCode, run.stdout, run.stderr], [0, "multi\n", ""]);
});

test("an index that is too large to be kept is got once, and so are all of its kind", async () => {
  const indexes = Array.from({ length: 12 }, (_, i) => (
    index([pointTo(A)], { annotations: { padding: `${i}`.repeat(700_000) } })
  ));
  const tags = { 0: FIRST, ...Object.fromEntries(indexes.map((one, i) => [`i${i}`, one])) };
  const run = await tagsAlone([
    ...counting(tags, 13),
    blobStep(FIRST.config),
    ...indexes.map((one) => withBudget(manifestStep(one.digest, serve(one)), 1)),
    withBudget(manifestStep(A.digest, serve(A)), 0),
    blobStep(A.config),
  ], [...JSON_WORDS, "--no-cache"]);
  assert.deepEqual([run.exitCode, rowsOf(run).length], [0, 13]);
});

test("one HEAD without a digest does not mean that all will be", async () => {
  const tags = { 0: FIRST, 1: A, 2: B, 3: C };
  await atHome(async ({ run }) => {
    const words = ["tags", "HOST/app", ...JSON_WORDS, "--concurrency", "1"];
    await run(
      firstRun(tags, { configs: [FIRST, A, B, C].map(({ config }) => config) }),
      words,
    );
    const second = await run([
      page(Object.keys(tags)),
      withBudget(headStep("0", FIRST), 1),
      { method: "HEAD", path: "/v2/app/manifests/1", reply: { status: 200 } },
      withBudget(manifestStep("1", serve(A)), 1),
      withBudget(headStep("2", B), 0),
      withBudget(headStep("3", C), 0),
    ], words);
    assert.deepEqual([second.exitCode, rowsOf(second).length], [0, 4]);
  });
});

test("a first tag that tells nothing of the budget is no reason to go on without", async () => {
  const tags = { b: FIRST, c: A, d: B, e: C };
  const [, first, ...heads] = counting(tags, 2);
  assert.ok(first);
  const run = await tagsAlone([
    page(["../x", "a", ...Object.keys(tags)]),
    manifestStep("a", { status: 404 }),
    first,
    blobStep(FIRST.config),
    ...heads,
  ], JSON_WORDS);
  assert.equal(run.exitCode, 9);
  assert.match(run.stderr, /manifests to get: 3; the registry has 2 GET requests left/);
});
