import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import {
  content,
  type EmbeddedRegistry,
  startEmbeddedRegistry,
  type TestContent,
} from "../support/embedded_registry.ts";
import { Random } from "../support/random.ts";
import {
  happens,
  type ModelManifest,
  type ModelRepository,
  pickSome,
  RepositoryGenerator,
  withParts,
  writeLayout,
} from "../support/random_repository.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { assertPlan, type PlanDocument, subjectOfName } from "./prune_oracle.ts";
import { makePolicy, toCall } from "./random_policy.ts";

// REGCTL_TEST_SEED=n tries that seed alone; REGCTL_TEST_COUNT=n that many instead of these.
const { REGCTL_TEST_SEED, REGCTL_TEST_COUNT } = process.env;
const FIRST_SEED = Number(REGCTL_TEST_SEED ?? 1);
const countOf = (usual: number) =>
  Number(REGCTL_TEST_COUNT ?? (REGCTL_TEST_SEED === undefined ? usual : 1));

/** Seeds at a time: each waits for the disk most of the time. */
const CONCURRENCY = 4;
/** The usual time of a test is too short for so many. */
const SLOW = { timeout: 180_000 };
const PARTIAL = 8;
const HOUR_MS = 3_600_000;

/** One repository in a registry, and a home to call the program from. */
interface Scene {
  readonly random: Random;
  readonly generator: RepositoryGenerator;
  readonly registry: EmbeddedRegistry;
  /** The path of the repository. */
  readonly path: string;
  /** For the files of the calls. */
  readonly folder: string;
  /** A line for each request that the registry has had, for this repository or others. */
  readonly requests: readonly string[];
}

/** What a registry tells of a repository. */
interface State {
  readonly tags: Readonly<Record<string, string>>;
  /** The digests of the manifests that are there. */
  readonly manifests: readonly string[];
  /** Of each subject that there ever was. */
  readonly referrers: Readonly<Record<string, readonly string[]>>;
}

test(
  "37-39: what is kept pulls whole, nothing beside the plan goes, and undo brings all back",
  SLOW,
  () =>
    forEachScene(150, async (scene) => {
      const { generator } = scene;
      const before = toState(generator);
      if (happens(scene.random, 10)) assert.deepEqual(await readState(scene), before);
      const plan = await makePlan(scene);
      const { exitCode, stderr } = await apply(scene, plan);
      assert.deepEqual([exitCode, stderr.includes("error")], [0, false], stderr);

      const after = await readState(scene);
      const deleted = plan.tags.flatMap(({ tag, action }) => action === "delete" ? [tag] : []);
      const gone = new Set(plan.manifests.map(({ digest }) => digest));
      const kept = Object.entries(before.tags).filter(([tag]) => !deleted.includes(tag));
      assert.deepEqual(after.tags, Object.fromEntries(kept));
      assert.deepEqual(after.manifests, before.manifests.filter((digest) => !gone.has(digest)));
      await assertWhole(scene, { before, after }, kept.map(([tag]) => tag));
      await undo(scene, before);
    }),
);

test(
  "42: whatever changes between plan and apply stays as it was changed, and pulls whole",
  SLOW,
  () =>
    forEachScene(60, async (scene) => {
      const { generator, random } = scene;
      const plan = await makePlan(scene);
      const tagged = withParts(generator.tags.values());
      const planned = new Map(plan.tags.map((one) => [one.tag, one.digest]));
      for (let left = 1 + random.below(4); left > 0; left--) await change(scene, plan);
      for (const one of plan.tags) {
        if (happens(random, 5)) one.action = "keep";
      }
      const before = toState(generator);
      const { exitCode, stderr } = await apply(scene, plan);
      assert.ok(exitCode === 0 || exitCode === PARTIAL, stderr);

      const after = await readState(scene);
      const mayGo = new Set(
        plan.tags.flatMap(({ tag, digest, action }) =>
          action === "delete" && before.tags[tag] === digest ? [tag] : []
        ),
      );
      const listed = new Set(plan.manifests.map(({ digest }) => digest));
      const lost = before.manifests.filter((digest) => !after.manifests.includes(digest));
      assert.deepEqual(lost.filter((digest) => !listed.has(digest)), [], "beside the plan");
      const stay = Object.entries(before.tags).filter(([tag]) => !mayGo.has(tag));
      for (const [tag, digest] of stay) {
        const was = planned.get(tag);
        const kind = was === undefined ? "new" : was === digest ? "kept" : "moved";
        assert.equal(after.tags[tag], digest, `${tag} (${kind})`);
      }
      for (const [tag, digest] of Object.entries(after.tags)) {
        assert.equal(digest, before.tags[tag], `${tag} is where it was`);
      }
      // Of what nobody could know as needed, and of what itself has to wait for it, a referrer may go.
      const isCovered = (one: ModelManifest, subject: ModelManifest) =>
        tagged.has(subject) && !withParts([one]).has(subject) &&
        !waitsFor(plan, subject.digest, one.digest);
      await assertWhole(scene, { before, after, isCovered }, stay.map(([tag]) => tag));
      await undo(scene, before);
    }),
);

/** Whether a plan has the one manifest behind the other, at any distance. */
function waitsFor({ manifests }: PlanDocument, digest: string, other: string): boolean {
  const after = new Map(manifests.map((one) => [one.digest, one.after]));
  const ahead = new Set([digest]);
  // It grows while it is read.
  for (const one of ahead) for (const next of after.get(one) ?? []) ahead.add(next);
  return ahead.has(other);
}

/** Calls `check` for `count` seeds, a few at a time; a failure names its seed. */
async function forEachScene(count: number, check: (scene: Scene) => Promise<void>): Promise<void> {
  const requests: string[] = [];
  const write = (line: string) => void requests.push(line);
  await using registry = await startEmbeddedRegistry({ log: { headers: false, write } });
  await using home = await createTempFolder();
  const left = Array.from({ length: countOf(count) }, (_, i) => FIRST_SEED + i).values();
  const failures: Error[] = [];
  const work = async () => {
    for (let seed = left.next(); !seed.done && failures.length === 0; seed = left.next()) {
      const path = `seed-${seed.value}`;
      const random = new Random(seed.value);
      // The full hour: a seed gives the same digests for a while.
      const generator = new RepositoryGenerator(random, Math.floor(Date.now() / HOUR_MS) * HOUR_MS);
      const scene = { random, generator, registry, path, requests, folder: home.join(path) };
      writeLayout(registry.folder, path, generator.fill());
      mkdirSync(scene.folder);
      await check(scene).catch((cause: unknown) => {
        const message = cause instanceof Error ? cause.message : String(cause);
        failures.push(new Error(`REGCTL_TEST_SEED=${seed.value}: ${message}`, { cause }));
      });
    }
  };
  // None is left to ask a registry that is closed.
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  const [first] = failures;
  if (first) throw first;
}

async function run({ folder }: Scene, words: readonly string[]) {
  return await runCaptured(words, { env: { HOME: folder, XDG_STATE_HOME: join(folder, "state") } });
}

/** Plans by a random policy, and holds the plan against what the policy says. */
async function makePlan(scene: Scene): Promise<PlanDocument> {
  const { random, generator, registry, path, folder, requests } = scene;
  const name = `${registry.host}/${path}`;
  const policy = makePolicy(random, generator, name);
  const { words, files } = toCall(random, policy, folder);
  for (const [file, text] of Object.entries(files)) writeFileSync(file, text);
  const call = ["prune", name, ...words, "--allow-empty", "-o", "json"];
  const index = () => readFileSync(join(registry.folder, path, "index.json"), "utf8");
  const indexBefore = index();
  const begin = requests.length;
  const { exitCode, stdout, stderr } = await run(scene, call);
  const told = stderr.split("\n").filter((line) =>
    !/^\{"warning":"--protect .* fits no tag"\}$/.test(line)
  );
  const ours = policy.used.filter(({ tag, digest }) => tag !== undefined || digest !== undefined);
  const inUse = ours.length === 0
    ? /^(\{"warning":"none of the \d images in use is of [^"]+"\})?$/
    : /^\{"note":"\d of \d images in use: of [^"]+"\}$/;
  assert.equal(exitCode, 0, `${call.join(" ")}: ${stderr}`);
  assert.match(told.join(""), inUse);
  const asked = requests.slice(begin).filter((line) => line.includes(`/v2/${path}/`));
  assert.ok(asked.length > 0);
  assert.deepEqual(
    asked.filter((line) => !/ (GET|HEAD) [/]v2[/]/.test(line)),
    [],
    "a plan changes nothing",
  );
  assert.equal(index(), indexBefore);

  const { kind, version, repositories } = JSON.parse(stdout);
  assert.deepEqual([kind, version, repositories.length], ["regctl.plan", 1, 1]);
  const plan = repositories[0] as PlanDocument;
  assert.equal(plan.repository, name);
  try {
    assertPlan(generator, policy, plan, Date.now());
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${call.join(" ")}: ${message}`, { cause: error });
  }
  return plan;
}

async function apply(scene: Scene, plan: PlanDocument) {
  const file = join(scene.folder, "plan.json");
  const createdAt = new Date().toISOString();
  const document = { kind: "regctl.plan", version: 1, createdAt, repositories: [plan] };
  writeFileSync(file, JSON.stringify(document));
  const concurrency = scene.random.pick(["1", "1", "2", "8"]);
  return await run(scene, [
    ...["apply", file, "--yes", "--max-delete", "100%", "--allow-empty"],
    ...["--concurrency", concurrency],
  ]);
}

async function undo(scene: Scene, before: State): Promise<void> {
  const { exitCode, stderr } = await run(scene, ["undo", "--yes"]);
  const isNothing = exitCode === 3 && /There is nothing to undo/.test(stderr);
  assert.ok(exitCode === 0 || isNothing, stderr);
  assert.deepEqual(await readState(scene), before, "undo brings all back");
}

/** Something that somebody else does, most likely to what is about to go. */
async function change(scene: Scene, plan: PlanDocument): Promise<void> {
  const { random, generator, registry, path } = scene;
  const { tags, manifests } = generator;
  const toGo = new Set(plan.manifests.map(({ digest }) => digest));
  const dying = [...manifests.values()].filter(({ digest }) => toGo.has(digest));
  const pool = dying.length > 0 && happens(random, 70) ? dying : [...manifests.values()];
  const names = [...tags.keys()];
  const going = plan.tags.flatMap(({ tag, action }) => action === "delete" ? [tag] : []);
  const pickTag = () => {
    const known = going.length > 0 && happens(random, 60) ? going : names;
    return known.length > 0 && happens(random, 60) ? random.pick(known) : generator.newTag();
  };
  const push = async (manifest: ModelManifest, tag?: string) => {
    for (const blob of manifest.blobs) await registry.pushBlob(path, blob);
    await registry.pushManifest(path, tag ?? manifest.digest, manifest);
    if (tag !== undefined) tags.set(tag, manifest);
  };
  await random.pick([
    () => push(random.pick(pool), pickTag()),
    () => push(random.pick(pool), pickTag()),
    () => push(generator.addIndex(undefined, pickSome(random, pool, 3)), pickTag()),
    () => push(generator.addIndex(undefined, pickSome(random, pool, 3)), pickTag()),
    () => push(generator.addImage(random.pick(pool).digest)),
    async () => {
      const [tag] = pickSome(random, names, 1);
      if (tag === undefined || !tags.delete(tag)) return;
      const { status } = await registry.send("DELETE", `/v2/${path}/manifests/${tag}`);
      assert.equal(status, 202);
    },
  ])();
}

/** What the generator knows, as a registry would tell it. */
function toState(repository: ModelRepository): State {
  const { tags, manifests } = repository;
  return {
    tags: Object.fromEntries([...tags].map(([tag, { digest }]) => [tag, digest])),
    manifests: [...manifests.keys()],
    referrers: Object.fromEntries(
      subjectsOf(repository).map((subject) => [
        subject,
        [...manifests.values()].flatMap((one) => one.subject === subject ? [one.digest] : [])
          .sort(),
      ]),
    ),
  };
}

function subjectsOf({ manifests }: ModelRepository): readonly string[] {
  return [...new Set([...manifests.values()].flatMap(({ subject }) => subject ?? []))];
}

/** Asks the registry for all that the generator ever made; holds the bytes against their digests. */
async function readState({ generator, registry, path }: Scene): Promise<State> {
  const get = (where: string) => registry.send("GET", `/v2/${path}/${where}`);
  const list = await get("tags/list");
  assert.equal(list.status, 200, String(list.body));
  const listed = (JSON.parse(String(list.body)) as { tags: string[] }).tags;
  const tags = listed.map(async (tag) => {
    const { status, headers } = await registry.send("HEAD", `/v2/${path}/manifests/${tag}`);
    assert.equal(status, 200, `${tag} is listed and leads nowhere`);
    return [tag, String(headers["docker-content-digest"])] as const;
  });
  const manifests = [...generator.manifests.values()].map(async ({ digest, mediaType }) => {
    const { status, body, headers } = await get(`manifests/${digest}`);
    if (status === 404) return [];
    assert.deepEqual(
      [status, content(body).digest, headers["content-type"]],
      [200, digest, mediaType],
    );
    return [digest];
  });
  const referrers = subjectsOf(generator).map(async (subject) => {
    const { status, body } = await get(`referrers/${subject}`);
    assert.equal(status, 200);
    const { manifests } = JSON.parse(String(body)) as { manifests: { digest: string }[] };
    return [subject, manifests.map(({ digest }) => digest).sort()] as const;
  });
  return {
    tags: Object.fromEntries(await Promise.all(tags)),
    manifests: (await Promise.all(manifests)).flat(),
    referrers: Object.fromEntries(await Promise.all(referrers)),
  };
}

/** Each of these tags leads to what it led to, with all parts, blobs, and all that refers to it. */
async function assertWhole(
  { generator, registry, path }: Scene,
  { before, after, isCovered = () => true }: {
    readonly before: State;
    readonly after: State;
    /** Whether what refers to a manifest must stay with it. Default: it must. */
    readonly isCovered?: (one: ModelManifest, subject: ModelManifest) => boolean;
  },
  tags: readonly string[],
): Promise<void> {
  const { manifests } = generator;
  const there = new Set(after.manifests);
  const get = (digest: string | undefined) => manifests.get(digest ?? "");
  const parts = withParts(tags.flatMap((tag) => get(before.tags[tag]) ?? []));
  const blobs = new Map<string, TestContent>();
  for (const part of parts) {
    const { digest } = part;
    assert.ok(there.has(digest), `${digest} is part of what stays, and is gone`);
    for (const blob of part.blobs) blobs.set(blob.digest, blob);
    for (const referrer of before.referrers[digest] ?? []) {
      const one = get(referrer);
      const isThere = after.referrers[digest]?.includes(referrer);
      if (one && isCovered(one, part)) assert.ok(isThere, `${referrer} refers to ${digest}`);
    }
    for (const [tag, found] of Object.entries(before.tags)) {
      const one = get(found);
      if (subjectOfName(tag) !== digest || !one || !isCovered(one, part)) continue;
      assert.equal(after.tags[tag], found, tag);
    }
  }
  await Promise.all([...blobs.values()].map(async ({ digest }) => {
    const { status, body } = await registry.send("GET", `/v2/${path}/blobs/${digest}`);
    assert.deepEqual([status, content(body).digest], [200, digest]);
  }));
}
