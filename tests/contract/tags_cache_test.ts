import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { atHome, firstRun, headStep, laterRun, rowsOf } from "./facts_lab.ts";
import { blobStep, type Content, index, manifestStep, pointTo, serve } from "./oci_content.ts";
import { daysAgo, makeImage } from "./plan_script.ts";
import { page } from "./run_against.ts";

const A = makeImage("a", daysAgo(3));
const B = makeImage("b", daysAgo(2));
const INNER = makeImage("inner", daysAgo(1));
const MULTI = index([pointTo(INNER, { platform: { os: "linux", architecture: "amd64" } })]);
const TAGS = { a: A, b: B, multi: MULTI };
const FIRST = firstRun(TAGS, { inner: [INNER], configs: [A.config, B.config, INNER.config] });
const LONG = ["tags", "HOST/app", "-l", "-o", "json"];
const isRoot = process.getuid?.() === 0;

/** Where the cache has content. */
function pathOf(cache: string, { digest }: { readonly digest: string }): string {
  const hex = digest.slice("sha256:".length);
  return join(cache, hex.slice(0, 2), `sha256-${hex}`);
}

function filesIn(cache: string): string[] {
  if (!existsSync(cache)) return [];
  return readdirSync(cache, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}

test("the second run costs a listing and a HEAD a tag, and tells the same", async () => {
  await atHome(async ({ run }) => {
    const first = await run(FIRST, LONG);
    assert.equal(first.exitCode, 0);
    const second = await run(laterRun(TAGS), LONG);
    assert.equal(second.stdout, first.stdout);
    const third = await run(laterRun(TAGS), ["tags", "HOST/app", "--sort", "created"]);
    assert.equal(third.stdout, "multi\nb\na\n");
  });
});

test("what changed is read, and nothing else", async () => {
  await atHome(async ({ run }) => {
    await run(FIRST, LONG);
    const moved = makeImage("moved", daysAgo(1));
    const { multi: _, ...kept } = TAGS;
    const tags = { ...kept, b: moved, c: A };
    const second = await run([
      page(Object.keys(tags)),
      headStep("a", A),
      headStep("b", moved),
      manifestStep(moved.digest, serve(moved)),
      blobStep(moved.config),
      // One that is new is got at once.
      manifestStep("c", serve(A)),
    ], LONG);
    assert.deepEqual(rowsOf(second).map(({ tag, digest }) => [tag, digest]), [
      ["a", A.digest],
      ["b", moved.digest],
      ["c", A.digest],
    ]);
  });
});

test("another repository finds what is the same", async () => {
  await atHome(async ({ run }) => {
    await run(FIRST, LONG);
    const steps = [...firstRun({ a: A, multi: MULTI })].map((step) => ({
      ...step,
      path: String(step.path).replace("/app/", "/other/"),
    }));
    const other = await run(steps, ["tags", "HOST/other", "-l", "-o", "json"]);
    assert.equal(other.exitCode, 0);
    assert.equal(rowsOf(other).length, 2);
  });
});

test("a damaged entry is dropped, read again and mended", async () => {
  const damages: readonly ((path: string) => void)[] = [
    (path) => writeFileSync(path, ""),
    (path) => writeFileSync(path, A.bytes.subarray(0, 20)),
    (path) => writeFileSync(path, B.bytes),
    (path) => writeFileSync(path, Buffer.alloc(10_000_000)),
    (path) => rmSync(path),
    (path) => (rmSync(path), mkdirSync(path)),
    (path) => (rmSync(path), symlinkSync("/etc/passwd", path)),
    (path) => (rmSync(path), symlinkSync(path, path)),
  ];
  for (const damage of damages) {
    await atHome(async ({ run, cache }) => {
      const first = await run(FIRST, LONG);
      damage(pathOf(cache, A));
      damage(pathOf(cache, A.config));
      const repeated = [manifestStep(A.digest, serve(A)), blobStep(A.config)];
      const second = await run([...laterRun(TAGS), ...repeated], LONG);
      assert.deepEqual([second.exitCode, second.stderr, second.stdout], [0, "", first.stdout]);
      assert.deepEqual(readFileSync(pathOf(cache, A)), A.bytes, String(damage));
    });
  }
});

test("an entry of the right digest but another type than it is sent as is read from the registry", async () => {
  await atHome(async ({ run }) => {
    await run(firstRun({ a: A }, { configs: [A.config] }), LONG);
    const asIndex = { ...A, mediaType: MULTI.mediaType };
    const script = [page(["a"]), headStep("a", asIndex), manifestStep(A.digest, serve(asIndex))];
    const second = await run(script, LONG);
    assert.equal(second.exitCode, 8);
    assert.match(rowsOf(second)[0]?.error?.message ?? "", /but it was sent as/);
  });
});

test("what an index says of the size of what is kept is held against it", async () => {
  await atHome(async ({ run }) => {
    await run(firstRun({ a: A }, { configs: [A.config] }), LONG);
    const wrongImage = index([pointTo({ ...A, size: A.size + 1 })]);
    const wrongConfig = makeImage("b", daysAgo(1), {
      config: pointTo({ ...A.config, size: A.config.size + 1 }),
    });
    const second = await run([
      page(["c", "i"]),
      manifestStep("c", serve(wrongConfig)),
      blobStep(A.config),
      manifestStep("i", serve(wrongImage)),
      manifestStep(A.digest, serve(A)),
    ], LONG);
    const codes = rowsOf(second).map(({ error }) => error?.code);
    assert.deepEqual(codes, ["INTEGRITY", "INTEGRITY"]);
  });
});

test("where a HEAD finds nothing and none was ever answered, a GET is asked, too", async () => {
  await atHome(async ({ run }) => {
    await run(FIRST, LONG);
    const refused = { method: "HEAD", path: /manifests/, reply: { status: 404 }, times: Infinity };
    const [list, ...reads] = firstRun(TAGS);
    assert.ok(list);
    const second = await run([list, refused, ...reads], LONG);
    assert.deepEqual([second.exitCode, rowsOf(second).length], [0, 3]);
  });
});

test("--no-cache neither reads nor writes it", async () => {
  await atHome(async ({ run, cache }) => {
    await run(FIRST, [...LONG, "--no-cache"]);
    assert.equal(existsSync(cache), false);
    await run(FIRST, LONG);
    await run(FIRST, [...LONG, "--no-cache"]);
  });
});

test("it is for its owner alone, and its files are named by digests", async () => {
  await atHome(async ({ run, cache }) => {
    await run(FIRST, LONG);
    const files = filesIn(cache);
    assert.equal(files.length, 8);
    for (const path of [dirname(cache), cache, ...files.map((file) => dirname(file))]) {
      assert.equal(statSync(path).mode & 0o777, 0o700, path);
    }
    for (const file of files) {
      assert.equal(statSync(file).mode & 0o777, 0o600);
      assert.match(file, /\/([0-9a-f]{2})\/(sha256|tags)-\1[0-9a-f]{62}$/);
    }
    // One that others could look into is closed to them.
    for (const path of [cache, dirname(cache)]) {
      chmodSync(path, 0o755);
      await run(laterRun(TAGS), LONG);
      assert.equal(statSync(path).mode & 0o777, 0o700);
    }
  });
});

test("XDG_CACHE_HOME says where it is, unless it is relative", async () => {
  await atHome(async ({ run, path, cache }) => {
    const env = { XDG_CACHE_HOME: `${path}/elsewhere` };
    await run(FIRST, LONG, { env });
    assert.deepEqual([existsSync(cache), filesIn(`${path}/elsewhere/regctl/content`).length], [
      false,
      8,
    ]);
    await run(laterRun(TAGS), LONG, { env });
    await run(FIRST, LONG, { env: { XDG_CACHE_HOME: "relative" } });
    assert.equal(existsSync(cache), true);
  });
});

test("where there can be no cache, nothing is said, and all is read", async () => {
  await atHome(async ({ run, path, cache }) => {
    mkdirSync(path);
    // A file where the folder should be.
    writeFileSync(`${path}/.cache`, "");
    for (let i = 0; i < 2; i++) {
      const result = await run(FIRST, LONG);
      assert.deepEqual([result.exitCode, result.stderr], [0, ""]);
    }
    rmSync(`${path}/.cache`);
    mkdirSync(dirname(cache), { recursive: true });
    writeFileSync(cache, "");
    assert.equal((await run(FIRST, LONG)).exitCode, 0);
    for (const action of ["info", "clear"]) {
      const result = await run([], ["cache", action]);
      assert.equal(result.exitCode, 2);
      assert.match(
        result.stderr,
        /^error: Cannot use .*\/regctl\/content as a cache: it is no folder/,
      );
    }
  });
});

test(
  "a folder or a link of another user is left alone",
  { skip: !isRoot && "only the superuser can give a file away" },
  async () => {
    await atHome(async ({ run, path, cache }) => {
      const foreign = join(path, "foreign");
      mkdirSync(foreign, { recursive: true });
      for (const place of [cache, dirname(cache)]) {
        mkdirSync(dirname(place), { recursive: true });
        symlinkSync(foreign, place);
        lchownSync(place, 12345, 12345);
        assert.equal((await run(FIRST, LONG)).exitCode, 0);
        assert.deepEqual(readdirSync(foreign), []);
        rmSync(place);
        mkdirSync(place);
        lchownSync(place, 12345, 12345);
        assert.equal((await run(FIRST, LONG)).exitCode, 0);
        assert.deepEqual(readdirSync(place), []);
        rmSync(dirname(cache), { recursive: true });
      }
    });
  },
);

test("what is too large is not kept", async () => {
  const config: Content = A.config;
  const padded = makeImage("padded", daysAgo(1), {
    annotations: { padding: "x".repeat(300_000) },
  });
  await atHome(async ({ run, cache }) => {
    await run(firstRun({ padded, a: A }, { configs: [padded.config, config] }), LONG);
    assert.equal(existsSync(pathOf(cache, padded)), false);
    const script = [
      ...laterRun({ padded, a: A }),
      manifestStep(padded.digest, serve(padded)),
    ];
    assert.equal((await run(script, LONG)).exitCode, 0);
  });
});

test("an interrupted run keeps what it read, and the next one reads the rest", async () => {
  await atHome(async ({ run }) => {
    const cut = await run(
      [
        page(["a", "b"]),
        manifestStep("a", serve(A)),
        blobStep(A.config),
        manifestStep("b", { status: 429, headers: { "retry-after": "9" } }),
      ],
      [...LONG, "--concurrency", "1"],
      { stopWhileWaiting: "SIGINT" },
    );
    assert.equal(cut.exitCode, 130);
    const next = await run([
      page(["a", "b"]),
      headStep("a", A),
      manifestStep("b", serve(B)),
      blobStep(B.config),
    ], LONG);
    assert.equal(next.exitCode, 0);
    assert.equal((await run(laterRun({ a: A, b: B }), LONG)).exitCode, 0);
  });
});

test("cache clear through a link of one's own removes what is there", async () => {
  await atHome(async ({ run, path, cache }) => {
    const elsewhere = join(path, "elsewhere");
    mkdirSync(elsewhere, { recursive: true });
    mkdirSync(dirname(cache), { recursive: true });
    symlinkSync(elsewhere, cache);
    await run(FIRST, LONG);
    assert.equal(filesIn(elsewhere).length, 8);
    assert.equal((await run([], ["cache", "clear"])).exitCode, 0);
    assert.deepEqual(filesIn(elsewhere), []);
  });
});

test("cache info tells how much there is, cache clear removes it and nothing else", async () => {
  await atHome(async ({ run, cache }) => {
    const empty = await run([], ["cache"]);
    assert.match(
      empty.stdout,
      /^path: +.*\/\.cache\/regctl\/content\nfiles: +0\nsize: +0 B of at most 268 MB\n$/,
    );
    await run(FIRST, LONG);
    writeFileSync(join(dirname(cache), "notes.txt"), "mine");
    const info = await run([], ["cache", "info", "-o", "json"]);
    const bytes = 8 * 4096;
    assert.deepEqual(JSON.parse(info.stdout), { path: cache, files: 8, bytes, maxBytes: 2 ** 28 });
    const cleared = await run([], ["cache", "clear"]);
    assert.equal(cleared.stdout, "removed: 32.8 kB, files: 8\n");
    assert.deepEqual(readdirSync(dirname(cache)), ["content", "notes.txt"]);
    const again = await run([], ["cache", "clear", "-o", "json"]);
    assert.deepEqual(JSON.parse(again.stdout), { path: cache, files: 0, bytes: 0 });
    await run(FIRST, LONG);
  });
});

test("a run over a part makes the next one over all no dearer", async () => {
  await atHome(async ({ run }) => {
    await run(firstRun({ a: A }, { configs: [A.config] }), [...LONG, "--limit", "1"]);
    const all = await run([
      page(["a", "b"]),
      headStep("a", A),
      manifestStep("b", serve(B)),
      blobStep(B.config),
    ], LONG);
    assert.equal(all.exitCode, 0);
    // What was known before stays known.
    await run([page(["a", "b"]), headStep("a", A)], [...LONG, "--limit", "1"]);
    assert.equal((await run(laterRun({ a: A, b: B }), LONG)).exitCode, 0);
  });
});
