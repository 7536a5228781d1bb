import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { forEach } from "../../core/for_each.ts";
import { startDockerRegistry } from "../support/docker_registry.ts";
import { reasonToSkip } from "../support/find_program.ts";
import {
  makeMixedTags,
  type ManyImage,
  type MixedTagsOptions,
  writeDockerStorage,
  writeLayout,
} from "../support/many_images.ts";
import { type ProgramResult, runCommand, runProgram, startProgram } from "../support/program.ts";
import { countRequests, type RequestCounts, settledLog } from "../support/request_counts.ts";
import { startServe } from "../support/serve_program.ts";
import { sha256 } from "../support/stored_content.ts";
import { createTempFolder } from "../support/temp_folder.ts";

const missing = reasonToSkip("docker-registry");
const missingPeer = reasonToSkip("docker-registry", "skopeo");

const MIXED = { count: 1000, indexEvery: 5, configs: 120 };
const SAMPLES = 50;
const TIMEOUT_MS = 120_000;

/** A row of `-l -o json`, as far as it matters here. */
interface Row {
  readonly tag: string;
  readonly digest: string;
  readonly created: string;
  readonly size: number;
  readonly platforms: readonly string[];
}

/** What `skopeo inspect` tells, as far as it matters here. */
interface Inspected {
  readonly Digest: string;
  readonly Created: string;
  readonly Os: string;
  readonly Architecture: string;
  readonly Layers: readonly string[];
}

/** The size of a blob, as the registry has it: of layers skopeo 1.9 tells the digests alone. */
async function sizeOfBlob(url: string, digest: string): Promise<number> {
  const response = await fetch(`${url}/v2/app/blobs/${digest}`, { method: "HEAD" });
  return Number(response.headers.get("content-length"));
}

async function regctl(home: string, ...words: readonly string[]): Promise<ProgramResult> {
  const run = await runProgram(words, { env: { HOME: home }, timeoutMs: TIMEOUT_MS });
  assert.deepEqual([run.exitCode, run.stderr], [0, ""], words.join(" "));
  return run;
}

/** A registry with such tags in the repository `app`, and a home that is empty. */
async function startMixed(options: MixedTagsOptions) {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await createTempFolder());
  const registry = started.use(await startDockerRegistry());
  const images = makeMixedTags(options);
  writeDockerStorage(`${registry.folder}/data`, "app", images);
  const all = started.move();
  return {
    ...{ registry, images, app: `${registry.host}/app`, home: folder.join("home") },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** How many manifests there are, and how many configurations. */
function countContent(images: readonly ManyImage[]) {
  const all = images.flatMap((image) => [...image.images ?? [], image]);
  return {
    manifests: new Set(all.map(({ digest }) => digest)).size,
    configs:
      new Set(all.flatMap(({ config }) => config === undefined ? [] : [sha256(config)])).size,
  };
}

test(
  "1,000 tags: what skopeo inspect tells of each, in the fewest requests, and in fewer again",
  { skip: missingPeer },
  async () => {
    await using scene = await startMixed(MIXED);
    const { registry, images, app, home } = scene;
    const run = async (...words: readonly string[]) => {
      const { length } = await settledLog(registry);
      const { stdout } = await regctl(home, "tags", app, ...words, "-o", "json");
      const counts = countRequests((await settledLog(registry)).slice(length));
      return { stdout, rows: JSON.parse(stdout) as readonly Row[], counts };
    };

    const first = await run("-l");
    assert.equal(first.rows.length, MIXED.count);
    const { manifests, configs } = countContent(images);
    const least: RequestCounts = {
      "GET tags/list": 1,
      "GET manifests": manifests,
      "GET blobs": configs,
    };
    assert.deepEqual(first.counts, least);

    const second = await run("-l");
    assert.equal(second.stdout, first.stdout);
    assert.deepEqual(second.counts, { "GET tags/list": 1, "HEAD manifests": MIXED.count });

    // What was made is what is told.
    const rows = new Map(first.rows.map((row) => [row.tag, row]));
    for (const { tags: [tag = ""], digest, createdAt, images: inner = [] } of images) {
      const row = rows.get(tag);
      assert.deepEqual([row?.digest, row?.created], [digest, new Date(createdAt).toISOString()]);
      assert.equal(row?.platforms.length, Math.max(1, inner.length));
    }

    const amd64 = await run("-l", "--platform", "linux/amd64");
    assert.equal(amd64.counts["GET manifests"], undefined);
    const step = MIXED.count / SAMPLES;
    const samples = amd64.rows.filter((_, i) => i % step === 0);
    assert.equal(samples.length, SAMPLES);
    await forEach(samples, 2, async ({ tag, digest, created, size }) => {
      const words = ["--override-os", "linux", "--override-arch", "amd64", "inspect", "-n"];
      const { stdout, exitCode, stderr } = await runCommand([
        ...["skopeo", ...words, "--tls-verify=false", `docker://${app}:${tag}`],
      ]);
      assert.equal(exitCode, 0, stderr);
      const inspected = JSON.parse(stdout) as Inspected;
      const sizes = await Promise.all(
        inspected.Layers.map((layer) => sizeOfBlob(registry.url, layer)),
      );
      assert.deepEqual(
        { digest, created: Date.parse(created), size },
        {
          digest: inspected.Digest,
          created: Date.parse(inspected.Created),
          size: sizes.reduce((sum, one) => sum + one, 0),
        },
        tag,
      );
      const { platforms = [] } = rows.get(tag) ?? {};
      assert.ok(platforms.includes(`${inspected.Os}/${inspected.Architecture}`), tag);
    });

    const newest = await regctl(home, "tags", app, "--sort", "created", "--limit", "1");
    const last = Math.max(...images.map(({ createdAt }) => createdAt));
    const [{ tags: [wanted = ""] } = { tags: [""] }] = images
      .filter(({ createdAt }) => createdAt === last)
      .toSorted((a, b) => (a.tags[0] ?? "") < (b.tags[0] ?? "") ? -1 : 1);
    assert.equal(newest.stdout, `${wanted}\n`);
  },
);

test("several processes share a cache, and each tells the same", { skip: missing }, async () => {
  await using scene = await startMixed({ count: 60, indexEvery: 3, configs: 20 });
  const { home, app } = scene;
  const words = ["tags", app, "-l", "-o", "json"];
  const alone = await regctl(home, ...words, "--no-cache");
  const runs = await Promise.all(Array.from({ length: 4 }, () => regctl(home, ...words)));
  for (const { stdout } of runs) assert.equal(stdout, alone.stdout);
  // One empties it while others fill it.
  const [one, , other] = await Promise.all([
    regctl(home, ...words),
    regctl(home, "cache", "clear"),
    regctl(home, ...words),
  ]);
  assert.deepEqual([one.stdout, other.stdout], [alone.stdout, alone.stdout]);
});

test("a process that is killed at any moment leaves a cache that is sound", {
  skip: missing,
}, async () => {
  await using scene = await startMixed({ count: 200, indexEvery: 4, configs: 50 });
  const { registry, home, app } = scene;
  const words = ["tags", app, "-l", "-o", "json"];
  for (const requests of [30, 90, 200]) {
    const { length } = registry.log();
    await using program = await startProgram(words, { env: { HOME: home } });
    const counted = () => countRequests(registry.log().slice(length));
    while (Object.values(counted()).reduce((sum, count) => sum + count, 0) < requests) {
      await new Promise((go) => setImmediate(go));
    }
    program.kill("SIGKILL");
    await program.wait();
  }
  const after = await regctl(home, ...words);
  const alone = await regctl(home, ...words, "--no-cache");
  assert.equal(after.stdout, alone.stdout);
});

test("Ctrl-C in the middle prints what is known, and says how much that is", {
  skip: missing,
}, async () => {
  await using scene = await startMixed({ count: 1500, indexEvery: 4, configs: 50 });
  const { registry, home, app } = scene;
  const words = ["tags", app, "-l", "-o", "json", "--concurrency", "4"];
  await using program = await startProgram(words, { env: { HOME: home } });
  const printed = text(program.stdout);
  const asked = () => countRequests(registry.log())["GET manifests"] ?? 0;
  while (asked() < 100) await new Promise((go) => setImmediate(go));
  program.kill("SIGINT");
  assert.equal((await program.wait()).exitCode, 130, program.stderr());
  const rows = JSON.parse(await printed) as readonly Row[];
  assert.ok(rows.length > 0 && rows.length < 1500, `${rows.length}`);
  const { message } = JSON.parse(program.stderr()).error;
  assert.equal(message, `Interrupted: ${1500 - rows.length} of 1500 tags not read`);
});

test("regctl serve: the facts and their order, and which tags lead to an image", async () => {
  await using folder = await createTempFolder();
  const images = makeMixedTags({ count: 40, indexEvery: 4, configs: 10 });
  writeLayout(folder.join("app"), images);
  // Two names for one, as every repository has.
  const index = JSON.parse(readFileSync(join(folder.path, "app/index.json"), "utf8"));
  const again = {
    ...index.manifests[0],
    annotations: { "org.opencontainers.image.ref.name": "latest" },
  };
  writeFileSync(
    join(folder.path, "app/index.json"),
    JSON.stringify({ ...index, manifests: [...index.manifests, again] }),
  );
  await using serving = await startServe(["--dir", folder.path]);
  const home = folder.join("home");
  const app = `${serving.host}/app`;
  const { stdout } = await regctl(home, "tags", app, "-l", "--sort", "size", "-o", "json");
  const sizes = (JSON.parse(stdout) as readonly Row[]).map(({ size }) => size);
  assert.deepEqual(sizes, sizes.toSorted((a, b) => b - a));
  const [{ images: [inner] = [] } = {}] = images;
  const found = await regctl(home, "which", `${app}@${inner?.digest}`, "-o", "json");
  const matches = JSON.parse(found.stdout) as { tag: string; match: string; platform: string }[];
  assert.deepEqual(
    matches.map(({ tag, match, platform }) => `${tag} ${match} ${platform}`),
    ["build-0 index linux/amd64", "latest index linux/amd64"],
  );
});
