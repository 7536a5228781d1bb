import assert from "node:assert/strict";
import {
  type ModelManifest,
  type ModelRepository,
  withParts,
} from "../support/random_repository.ts";
import type { RandomPolicy } from "./random_policy.ts";

// What a plan must say, by the words of the policy and nothing of the program.

/** A plan for one repository, as its document has it. */
export interface PlanDocument {
  readonly repository: string;
  readonly keep: number;
  readonly delete: number;
  readonly freedBytes: number;
  readonly tags: { tag: string; digest: string; action: "keep" | "delete"; rule: string }[];
  readonly manifests: {
    readonly digest: string;
    readonly mediaType: string;
    readonly size: number;
    readonly tags: readonly string[];
    readonly after: readonly string[];
  }[];
}

/** Holds a plan against the repository that it was made of. */
export function assertPlan(
  repository: ModelRepository,
  policy: RandomPolicy,
  plan: PlanDocument,
  now: number,
): void {
  const { tags } = repository;
  const planned = new Map(plan.tags.map((one) => [one.tag, one]));
  assert.deepEqual(
    plan.tags.map(({ tag, digest }) => [tag, digest]),
    [...tags].map(([tag, { digest }]) => [tag, digest]).sort(([a = ""], [b = ""]) =>
      a < b ? -1 : 1
    ),
    "the plan has all tags, in their order",
  );
  const kept = plan.tags.filter(({ action }) => action === "keep");
  assert.deepEqual([plan.keep, plan.delete], [kept.length, plan.tags.length - kept.length]);
  const known = findKnown(repository, policy);
  const used = findUsed(repository, policy, known);
  const roots = [...kept.map(({ digest }) => digest), ...used.keys()];
  const alive = follow(repository, known, roots, true);

  const verdicts = judgeByRules(repository, policy, new Set(used.keys()), now);
  for (const [tag, manifest] of tags) {
    const named = subjectOfName(tag);
    const rule = verdicts.get(tag);
    const refersTo = named ?? manifest.subject;
    const expected = refersTo !== undefined && alive.has(refersTo)
      ? "keep"
      : named === undefined || rule === "keep"
      ? rule
      : known.has(named) && policy.withReferrers
      ? "delete"
      : "keep";
    const { action, rule: stated } = planned.get(tag) ?? {};
    if (expected !== "either") assert.equal(action, expected, `${tag} (says ${stated})`);
  }
  assertNewestStay(repository, policy, new Set(used.keys()), planned);
  assertManifests(repository, policy, plan, { known, alive });
}

/** What the tags of each manifest, and all that is known of it, come to. */
function assertManifests(
  repository: ModelRepository,
  { withReferrers }: RandomPolicy,
  plan: PlanDocument,
  { known, alive }: { known: ReadonlySet<string>; alive: ReadonlySet<string> },
): void {
  const going = plan.tags.flatMap(({ action, digest }) => action === "delete" ? [digest] : []);
  const dead = [...follow(repository, known, going, withReferrers)].filter((it) => !alive.has(it));
  assert.deepEqual(
    plan.manifests.map(({ digest }) => digest).sort(),
    dead.sort(),
    "the manifests that nothing needs",
  );
  const seen = new Set<string>();
  for (const { digest, after, tags, size, mediaType } of plan.manifests) {
    const found = repository.manifests.get(digest);
    assert.deepEqual([found?.size, found?.mediaType], [size, mediaType]);
    assert.deepEqual(tags, tagsOf(repository, digest), "the tags of a manifest that goes");
    for (const one of after) assert.ok(seen.has(one), `${digest} comes before ${one}`);
    seen.add(digest);
    const listing = dead.filter((it) =>
      repository.manifests.get(it)?.children.some((child) => child.digest === digest)
    );
    for (const one of listing) assert.ok(after.includes(one), `${digest} does not wait for ${one}`);
  }
  assert.equal(plan.freedBytes, countFreed(repository, known, new Set(dead)), "freedBytes");
}

function countFreed(
  { manifests }: ModelRepository,
  known: ReadonlySet<string>,
  dead: ReadonlySet<string>,
): number {
  const sizes = new Map<string, number>();
  for (const digest of dead) {
    const { size = NaN, blobs = [] } = manifests.get(digest) ?? {};
    sizes.set(digest, size);
    for (const blob of blobs) sizes.set(blob.digest, blob.size);
  }
  for (const digest of known) {
    if (dead.has(digest)) continue;
    for (const blob of manifests.get(digest)?.blobs ?? []) sizes.delete(blob.digest);
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** What a tag such as `sha256-….sig` is about, by digest. */
export function subjectOfName(tag: string): string | undefined {
  const [, hex] = /^sha256-([0-9a-f]{64})(\.(sig|att|sbom))?$/.exec(tag) ?? [];
  return hex && `sha256:${hex}`;
}

/** All that something leads to, by digest: what it lists, and on wish what refers to it. */
function follow(
  { manifests, tags }: ModelRepository,
  known: ReadonlySet<string>,
  roots: Iterable<string>,
  withReferrers: boolean,
): Set<string> {
  const found = new Set(roots);
  // It grows while it is read.
  for (const digest of found) {
    for (const child of manifests.get(digest)?.children ?? []) found.add(child.digest);
    if (!withReferrers) continue;
    for (const one of manifests.values()) {
      if (known.has(one.digest) && one.subject === digest) found.add(one.digest);
    }
    for (const [tag, one] of tags) if (subjectOfName(tag) === digest) found.add(one.digest);
  }
  return found;
}

/** What anybody can know of who is told tags and digests in use, and may ask for referrers or not. */
function findKnown(
  repository: ModelRepository,
  { used, withReferrers }: RandomPolicy,
): ReadonlySet<string> {
  const all = new Set(repository.manifests.keys());
  const tagged = [...repository.tags.values()].map(({ digest }) => digest);
  const running = used.flatMap(({ digest }) => digest ?? []);
  return follow(repository, all, [...tagged, ...running], withReferrers);
}

function findUsed(
  { tags }: ModelRepository,
  { used }: RandomPolicy,
  known: ReadonlySet<string>,
): ReadonlySet<string> {
  const digests = used.flatMap(({ tag, digest }) => [digest, tags.get(tag ?? "")?.digest]);
  return new Set(digests.filter((digest) => digest !== undefined && known.has(digest)) as string[]);
}

type Verdict = "keep" | "delete" | "either";

/** What the rules say of each tag; a name that is that of a manifest is deleted for no age. */
function judgeByRules(
  repository: ModelRepository,
  policy: RandomPolicy,
  used: ReadonlySet<string>,
  now: number,
): ReadonlyMap<string, Verdict> {
  const { keep = 0, keepWithinDays } = policy;
  const groups = findGroups(repository, policy, used);
  const verdicts = new Map<string, Verdict>();
  for (const [tag, { at, digest }] of repository.tags) {
    const group = groups.get(tag);
    if (group === undefined || at === undefined) {
      const isStated = subjectOfName(tag) === undefined || isStatedToStay(tag, policy) ||
        isUsed(repository, tag, used);
      verdicts.set(tag, isStated ? "keep" : "delete");
      continue;
    }
    const others = imagesOf(repository, groups, group).filter((one) => one.digest !== digest);
    const newer = others.filter((one) => (one.at ?? 0) > at).length;
    const asNew = others.filter((one) => (one.at ?? 0) >= at).length;
    const isYoung = keepWithinDays !== undefined && now - at < keepWithinDays * 86_400_000;
    verdicts.set(tag, isYoung || asNew < keep ? "keep" : newer < keep ? "either" : "delete");
  }
  return verdicts;
}

/** `--protect` and `--exclude`: these stay. */
function isStatedToStay(tag: string, { protect, exclude }: RandomPolicy): boolean {
  return [...protect, ...exclude].some(({ fits }) => fits.test(tag));
}

/** What is used is used under all its tags, and so is an index for an image in it. */
function isUsed({ tags }: ModelRepository, tag: string, used: ReadonlySet<string>): boolean {
  const manifest = tags.get(tag);
  return [...withParts(manifest ? [manifest] : [])].some(({ digest }) => used.has(digest));
}

/** The group of each tag that its age decides about. */
function findGroups(
  repository: ModelRepository,
  policy: RandomPolicy,
  used: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const groups = new Map<string, string>();
  for (const [tag, { at }] of repository.tags) {
    const { group, match } = policy;
    const isSelected = match.length === 0 || match.some(({ fits }) => fits.test(tag));
    const stays = isStatedToStay(tag, policy) || isUsed(repository, tag, used);
    const name = group ? group.of(tag) : "";
    if (subjectOfName(tag) !== undefined || stays || !isSelected) continue;
    if (at !== undefined && name !== undefined) groups.set(tag, name);
  }
  return groups;
}

function imagesOf(
  { tags }: ModelRepository,
  groups: ReadonlyMap<string, string>,
  group: string,
): readonly ModelManifest[] {
  return [...new Set([...tags].flatMap(([tag, one]) => groups.get(tag) === group ? [one] : []))];
}

function assertNewestStay(
  repository: ModelRepository,
  policy: RandomPolicy,
  used: ReadonlySet<string>,
  planned: ReadonlyMap<string, { readonly action: string }>,
): void {
  const groups = findGroups(repository, policy, used);
  for (const group of new Set(groups.values())) {
    const images = imagesOf(repository, groups, group);
    const left = images.filter(({ digest }) =>
      tagsOf(repository, digest).some((tag) =>
        groups.get(tag) === group && planned.get(tag)?.action === "keep"
      )
    );
    const wanted = Math.min(policy.keep ?? 0, images.length);
    assert.ok(left.length >= wanted, `${left.length} images stay of group "${group}"`);
  }
}

function tagsOf({ tags }: ModelRepository, digest: string): readonly string[] {
  return [...tags].flatMap(([tag, one]) => one.digest === digest ? [tag] : []).sort();
}
