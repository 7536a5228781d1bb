import { shortenDigest } from "../oci/digest.ts";
import { tryParseDigestTag } from "./digest_tag.ts";
import type { ImageDate } from "../oci/image_date.ts";
import type { PlannedManifest, PlannedTag, RepositoryPlan } from "./plan.ts";
import { type Candidate, decide, type Policy } from "./policy.ts";
import { reach } from "./reach.ts";
import type { Snapshot } from "./snapshot.ts";
import type { UsedDigests } from "./used_digests.ts";
import { toWaves } from "./waves.ts";

/** Who pushes an image pushes its parts first, and gives it a tag last. */
const UNTAGGED_GRACE_MS = 86_400_000;

/** How {@linkcode makePlan} decides. */
export interface MakePlanOptions {
  readonly policy: Policy;
  readonly used: UsedDigests;
  /** In milliseconds since the epoch. */
  readonly now: number;
  /** Signatures and other referrers of what goes, go too. */
  readonly withReferrers: boolean;
  /** Finds out how old manifests are. Asked for those alone whose age matters. */
  readonly readDates: (digests: Iterable<string>) => Promise<ReadonlyMap<string, ImageDate>>;
}

/** As a plan has it: `Rule`, or a word for what no rule is about. */
type TagDecision = Pick<PlannedTag, "action" | "rule" | "reason">;

/**
 * Decides what is to become of each tag of a repository, and of the manifests behind them. What
 * lives is a graph: the manifests of tags that stay, what their indexes list, and what refers to any
 * of it. A manifest goes when it lives no more; a tag can go and leave its manifest to others.
 */
export async function makePlan(
  snapshot: Snapshot,
  options: MakePlanOptions,
): Promise<RepositoryPlan> {
  const { policy, used, now } = options;
  const dates = new Map<string, ImageDate>();
  const named = [...snapshot.tags.keys()].filter((tag) => tryParseDigestTag(tag) !== undefined);
  const others = [...snapshot.tags.keys()].filter((tag) => tryParseDigestTag(tag) === undefined);
  const candidates = () => toCandidates(snapshot, others, used, dates);
  // Without any date, those are kept for the want of one whose date matters.
  const undated = await decide(candidates(), policy, now);
  const wanted = [...undated].flatMap(([tag, { rule }]) =>
    rule === "date" ? [snapshot.tags.get(tag) ?? ""] : []
  );
  for (const [digest, date] of await options.readDates(wanted)) dates.set(digest, date);
  const decisions = new Map<string, TagDecision>([
    ...await decide(candidates(), policy, now),
    ...await decideNamed(toCandidates(snapshot, named, used, dates), policy, now),
  ]);
  const alive = decideSignatures(snapshot, decisions, options);

  const tags = planTags(snapshot, decisions, dates);
  const untagged = snapshot.untagged.filter((digest) => isOldEnough(digest, snapshot, options));
  const dead = findDead(snapshot, [...digestsToDelete(tags), ...untagged], alive, options);
  return {
    repository: snapshot.repository,
    tags,
    manifests: planManifests(snapshot, dead),
    freedBytes: countFreedBytes(snapshot, dead),
  };
}

function toCandidates(
  snapshot: Snapshot,
  names: readonly string[],
  used: UsedDigests,
  dates: ReadonlyMap<string, ImageDate>,
): readonly Candidate[] {
  return names.map((name) => {
    const digest = snapshot.tags.get(name) ?? "";
    const usedBy = findUse(snapshot, used, digest);
    const date = dates.get(digest) ?? { unknown: "its date was not looked for" };
    return { name, digest, date, ...(usedBy !== undefined && { usedBy }) };
  });
}

/** Of tags named after a manifest, which have no age of their own: those that are said to stay. */
async function decideNamed(
  candidates: readonly Candidate[],
  { exclude, protect }: Policy,
  now: number,
): Promise<readonly (readonly [string, TagDecision])[]> {
  const ageless = candidates.map((one) => ({ ...one, date: { at: now } }));
  const rules = { match: ["*"], exclude, protect, untagged: false };
  return [...await decide(ageless, rules, now)].filter(([, { action }]) => action === "keep");
}

/** What says that a manifest is in use, or one that it lists: what runs is often named by that. */
function findUse(
  snapshot: Snapshot,
  used: UsedDigests,
  digest: string,
  depth = 0,
): string | undefined {
  const source = used.get(digest);
  if (source !== undefined || depth > 3 || used.size === 0) return source;
  for (const child of snapshot.manifests.get(digest)?.children ?? []) {
    const found = findUse(snapshot, used, child, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Adds the decisions about tags that no rule is about, since they belong to a manifest: those named
 * after one, and those of what has a subject that stays. Gives all that lives.
 */
function decideSignatures(
  snapshot: Snapshot,
  decisions: Map<string, TagDecision>,
  { used, withReferrers, ...options }: MakePlanOptions,
): ReadonlySet<string> {
  const { tags, manifests, untagged } = snapshot;
  const young = untagged.filter((digest) =>
    !isOldEnough(digest, snapshot, { used, withReferrers, ...options })
  );
  const roots = [...used.keys(), ...young];
  const findAlive = () => {
    const kept = [...tags].flatMap(([tag, digest]) =>
      decisions.get(tag)?.action === "keep" ? [digest] : []
    );
    return reach(snapshot, [...roots, ...kept], { referrers: true });
  };
  let alive = findAlive();
  // What stays for its subject can be the subject of others.
  for (let size = -1; size !== alive.size; alive = findAlive()) {
    size = alive.size;
    for (const [tag, digest] of tags) {
      const named = tryParseDigestTag(tag);
      const subject = named ?? manifests.get(digest)?.subject;
      const { action, rule } = decisions.get(tag) ?? {};
      if (subject === undefined || action === "keep" && rule !== "referrer") continue;
      if (alive.has(subject)) {
        decisions.set(tag, keep("referrer", `refers to ${shortenDigest(subject)}, which stays`));
      } else if (named !== undefined) {
        decisions.set(tag, decideOrphan(named, manifests.has(named), withReferrers));
      }
    }
  }
  return alive;
}

/** Of a tag named after a manifest that does not stay, or that no tag leads to. */
function decideOrphan(subject: string, isKnown: boolean, withReferrers: boolean): TagDecision {
  if (!isKnown) {
    return keep("referrer", `refers to ${shortenDigest(subject)}, which no tag leads to`);
  }
  if (!withReferrers) {
    return keep(
      "referrer",
      `refers to ${shortenDigest(subject)}, which goes; --with-referrers takes it along`,
    );
  }
  return {
    action: "delete",
    rule: "referrer",
    reason: `refers to ${shortenDigest(subject)}, which goes`,
  };
}

function keep(rule: string, reason: string): TagDecision {
  return { action: "keep", rule, reason };
}

/** Of a manifest without a tag: where nobody knows how old it is, it stays. */
function isOldEnough(
  digest: string,
  { uploadedAt }: Snapshot,
  { policy: { keepWithinMs = 0 }, now }: MakePlanOptions,
): boolean {
  const at = uploadedAt.get(digest);
  return at !== undefined && at > 0 && now - at > Math.max(UNTAGGED_GRACE_MS, keepWithinMs);
}

function planTags(
  { tags, unreadable }: Snapshot,
  decisions: ReadonlyMap<string, TagDecision>,
  dates: ReadonlyMap<string, ImageDate>,
): readonly PlannedTag[] {
  const planned: PlannedTag[] = [];
  for (const [tag, reason] of unreadable) {
    const nothing = { digest: undefined, createdAt: undefined };
    planned.push({ tag, ...nothing, action: "keep", rule: "unreadable", reason });
  }
  for (const [tag, digest] of tags) {
    const decision = decisions.get(tag);
    if (!decision) throw new TypeError(`nothing was decided about ${tag}`);
    const date = dates.get(digest);
    const createdAt = date && "at" in date ? date.at : undefined;
    planned.push({ tag, digest, createdAt, ...decision });
  }
  return planned.sort((a, b) => a.tag < b.tag ? -1 : 1);
}

function digestsToDelete(tags: readonly PlannedTag[]): readonly string[] {
  return tags.flatMap(({ action, digest }) =>
    action === "delete" && digest !== undefined ? [digest] : []
  );
}

/** What these lead to, and nothing keeps alive. */
function findDead(
  snapshot: Snapshot,
  roots: readonly string[],
  alive: ReadonlySet<string>,
  { withReferrers }: MakePlanOptions,
): ReadonlySet<string> {
  const reached = reach(snapshot, roots, { referrers: withReferrers });
  const isDead = (digest: string) => snapshot.manifests.has(digest) && !alive.has(digest);
  return new Set([...reached].filter(isDead));
}

/** Each behind the indexes that list it, and behind the manifest that it is about. */
function planManifests(
  { manifests, tags }: Snapshot,
  dead: ReadonlySet<string>,
): readonly PlannedManifest[] {
  const tagsOf = new Map<string, string[]>();
  const needing = new Map<string, Set<string>>();
  for (const digest of dead) {
    tagsOf.set(digest, []);
    needing.set(digest, new Set());
  }
  const nodes = [...dead].flatMap((digest) => manifests.get(digest) ?? []);
  for (const { digest, children } of nodes) {
    for (const child of children) needing.get(child)?.add(digest);
  }
  const refer = (digest: string, subject: string | undefined) => {
    if (subject === undefined || !dead.has(subject)) return;
    // What lists its own subject, or has a tag named after itself, cannot wait for it.
    if (!waitsFor(subject, digest, needing)) needing.get(digest)?.add(subject);
  };
  for (const { digest, subject } of nodes) refer(digest, subject);
  for (const [tag, digest] of tags) {
    tagsOf.get(digest)?.push(tag);
    refer(digest, tryParseDigestTag(tag));
  }
  const waiting = nodes.map((node) => {
    return { id: node.digest, after: [...needing.get(node.digest) ?? []], node };
  });
  return toWaves(waiting).flat().map(({ node: { digest, mediaType, size }, after }) => {
    return { digest, mediaType, size, tags: (tagsOf.get(digest) ?? []).sort(), after };
  });
}

/** Whether a manifest is the other one, or goes behind it. */
function waitsFor(
  digest: string,
  other: string,
  needing: ReadonlyMap<string, ReadonlySet<string>>,
): boolean {
  const ahead = new Set([digest]);
  // It grows while it is read.
  for (const one of ahead) for (const next of needing.get(one) ?? []) ahead.add(next);
  return ahead.has(other);
}

/** Layers that something else has, too, are not freed. */
function countFreedBytes({ manifests }: Snapshot, dead: ReadonlySet<string>): number {
  const shared = new Set<string>();
  for (const { digest, blobs } of manifests.values()) {
    if (!dead.has(digest)) { for (const blob of blobs) shared.add(blob.digest); }
  }
  const freed = new Map<string, number>();
  for (const digest of dead) {
    const node = manifests.get(digest);
    if (!node) continue;
    freed.set(digest, node.size);
    for (const blob of node.blobs) if (!shared.has(blob.digest)) freed.set(blob.digest, blob.size);
  }
  return [...freed.values()].reduce((sum, size) => sum + size, 0);
}
