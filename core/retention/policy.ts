import { RegctlError } from "../errors.ts";
import { compilePattern } from "../selection/pattern.ts";
import { compareVersions } from "../selection/version.ts";
import { shorten } from "../shorten.ts";
import { createGrouping, formatGroup } from "./group.ts";
import type { ImageDate } from "../oci/image_date.ts";

/** What stays, and what may be deleted. */
export interface Policy {
  /** How many of the newest images of each group stay. Default: their number keeps none. */
  readonly keep?: number;
  /** Images younger than this stay, in milliseconds. Default: their age keeps none. */
  readonly keepWithinMs?: number;
  /** How `keep` groups, as `createGrouping` reads it. Default: all names are one group. */
  readonly group?: string;
  /** Names that fit none of these patterns stay; none means that all names are selected. */
  readonly match: readonly string[];
  /** Names that fit one of these stay. */
  readonly exclude: readonly string[];
  /** Names that fit one of these stay, and so does all that they need. */
  readonly protect: readonly string[];
  /** Manifests without a tag are to go too. Says nothing about a tag. */
  readonly untagged: boolean;
}

/** A tag that is decided about. */
export interface Candidate {
  /** The tag. */
  readonly name: string;
  /** Of what it points to. Tags of the same digest are one image. */
  readonly digest: string;
  readonly date: ImageDate;
  /** What says that it is in use. */
  readonly usedBy?: string;
}

/** The rules, as stable words for programs, in the order in which they are asked. */
export type Rule =
  | "protect"
  | "used"
  | "match"
  | "exclude"
  | "date"
  | "group"
  | "keep-within"
  | "keep";

/** What becomes of a tag, and why. */
export interface Decision {
  readonly action: "keep" | "delete";
  /** The rule that decided; for a deletion, the last one that could have kept it. */
  readonly rule: Rule;
  /** For people: half a sentence about the tag, such as "beyond the 3 newest of 1.14". */
  readonly reason: string;
}

const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
];

/** Throws `USAGE` for a policy that has no rule to delete by, or one that would do nothing. */
export function assertPolicy(policy: Policy): void {
  if (!selectsTags(policy) && !policy.untagged) {
    throw new RegctlError(
      "USAGE",
      "A policy needs a rule: --keep, --keep-within, --match or --untagged",
      { hint: "Give --keep 10, for example, to keep the ten newest images" },
    );
  }
  if (policy.group !== undefined && policy.keep === undefined) {
    throw new RegctlError("USAGE", "A group is of no use without a number to keep", {
      hint: "Give --keep, the number of images that stay of each group",
    });
  }
}

/**
 * Decides about each tag, by its name. The first rule that fits has it: protected, in use, not
 * selected, without a date, without a group, young, among the newest; all others are deleted. Tags
 * that are protected or in use do not count for `keep`, young ones do. The order of the candidates
 * makes no difference. `now` is in milliseconds since the epoch. Throws `USAGE` where a pattern or
 * the group cannot be used.
 */
export async function decide(
  candidates: readonly Candidate[],
  policy: Policy,
  now: number,
): Promise<ReadonlyMap<string, Decision>> {
  const decideByName = await createNameRules(policy);
  const groupOf = await createGrouping(policy.group);
  const decisions = new Map<string, Decision>();
  const groups = new Map<string, DatedCandidate[]>();
  for (const candidate of candidates) {
    const { name, digest, date } = candidate;
    const decision = decideByName(candidate);
    const group = groupOf(name);
    if (decision) decisions.set(name, decision);
    else if ("unknown" in date) decisions.set(name, keep("date", date.unknown));
    else if (group === undefined) {
      decisions.set(name, keep("group", `fits no group of ${showPattern(policy.group)}`));
    } else {
      const members = groups.get(group) ?? [];
      members.push({ name, digest, at: date.at });
      groups.set(group, members);
    }
  }
  for (const [group, members] of groups) {
    const label = policy.group === undefined ? "" : ` of ${formatGroup(group) || '""'}`;
    const isNew = findNewest(members, policy.keep ?? 0);
    for (const { name, digest, at } of members) {
      decisions.set(name, decideByAge(now - at, isNew.has(digest), policy, label));
    }
  }
  return decisions;
}

/** A candidate that its age decides about. */
interface DatedCandidate {
  readonly name: string;
  readonly digest: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

function selectsTags({ keep, keepWithinMs, match }: Policy): boolean {
  return keep !== undefined || keepWithinMs !== undefined || match.length > 0;
}

/** The rules that need no date. */
async function createNameRules(
  policy: Policy,
): Promise<(candidate: Candidate) => Decision | undefined> {
  const protects = await createFinder(policy.protect);
  const matches = await createFinder(policy.match);
  const excludes = await createFinder(policy.exclude);
  return ({ name, usedBy }) => {
    const protectedBy = protects(name);
    if (protectedBy !== undefined) return keep("protect", `protected by ${protectedBy}`);
    if (usedBy !== undefined) return keep("used", `in use, says ${usedBy}`);
    if (!selectsTags(policy)) return keep("match", "no rule is about tags");
    if (policy.match.length > 0 && matches(name) === undefined) {
      return keep("match", "fits no --match");
    }
    const excludedBy = excludes(name);
    return excludedBy === undefined ? undefined : keep("exclude", `excluded by ${excludedBy}`);
  };
}

/** Finds the first pattern that a name fits, as it is shown. */
async function createFinder(
  patterns: readonly string[],
): Promise<(name: string) => string | undefined> {
  const matchers = await Promise.all(patterns.map(compilePattern));
  return (name) => {
    const index = matchers.findIndex((matches) => matches(name));
    return index < 0 ? undefined : showPattern(patterns[index]);
  };
}

function showPattern(pattern = ""): string {
  return shorten(pattern, 80);
}

/** The digests of the newest images. An image is as new as the newest of its tags. */
function findNewest(members: readonly DatedCandidate[], count: number): ReadonlySet<string> {
  const sorted = [...members].sort((a, b) => b.at - a.at || compareVersions(b.name, a.name));
  const newest = new Set<string>();
  for (const { digest } of sorted) {
    if (newest.size >= count) break;
    newest.add(digest);
  }
  return newest;
}

function decideByAge(ageMs: number, isNew: boolean, policy: Policy, label: string): Decision {
  const limitMs = policy.keepWithinMs;
  const age = limitMs === undefined ? "" : formatAge(limitMs);
  if (limitMs !== undefined && ageMs < limitMs) return keep("keep-within", `younger than ${age}`);
  const newest = `the ${policy.keep === 1 ? "" : `${policy.keep} `}newest${label}`;
  if (isNew) return keep("keep", policy.keep === 1 ? newest : `among ${newest}`);
  if (policy.keep === undefined) {
    return limitMs === undefined
      ? remove("match", "selected, and no rule keeps it")
      : remove("keep-within", `older than ${age}`);
  }
  return remove("keep", `${age && `older than ${age} and `}beyond ${newest}`);
}

function formatAge(ms: number): string {
  const [unit, unitMs] = UNITS.find(([, unitMs]) => ms >= unitMs && ms % unitMs === 0) ?? ["ms", 1];
  return `${ms / unitMs}${unit}`;
}

function keep(rule: Rule, reason: string): Decision {
  return { action: "keep", rule, reason };
}

function remove(rule: Rule, reason: string): Decision {
  return { action: "delete", rule, reason };
}
