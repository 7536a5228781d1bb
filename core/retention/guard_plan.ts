import { RegctlError } from "../errors.ts";
import { formatRepository } from "../reference/repository.ts";
import { tryParseDigestTag } from "./digest_tag.ts";
import type { PlannedTag, RepositoryPlan } from "./plan.ts";

/** How many tags a plan may delete of each repository, or how much of them. */
export type DeleteLimit = { readonly count: number } | { readonly percent: number };

/** What {@linkcode assertModest} lets pass. */
export interface GuardOptions {
  readonly maxDelete: DeleteLimit;
  /** A repository may be left without any tag. */
  readonly allowEmpty: boolean;
  /** The tags that there are now. */
  readonly listed: readonly string[];
}

/** Reads `50%` or a number of tags; throws `USAGE`. */
export function parseDeleteLimit(text: string): DeleteLimit {
  const [, digits, sign] = /^(\d{1,9})(%?)$/.exec(text) ?? [];
  const number = Number(digits);
  if (sign === "%" && number <= 100) return { percent: number };
  if (sign === "") return { count: number };
  throw new RegctlError("USAGE", `Not a limit: ${JSON.stringify(text.slice(0, 40))}`, {
    hint: "Write a number of tags, or a share such as 30%",
  });
}

/**
 * Throws `REFUSED` for a plan that deletes more than was allowed: of the tags of images, and of the
 * manifests that have no tag. Throws `NOT_FOUND` where none of its tags is there any more.
 */
export function assertModest(
  { repository, tags, manifests }: RepositoryPlan,
  { maxDelete, allowEmpty, listed }: GuardOptions,
): void {
  const name = formatRepository(repository);
  const planned = new Map(tags.map((one) => [one.tag, one]));
  if (tags.length > 0 && !listed.some((tag) => planned.has(tag))) {
    // Some registries say so to those who may not look.
    const message = `None of the tags that the plan has of "${name}" is listed`;
    const hint = "Check who is asking, and whether they are gone already";
    throw new RegctlError("NOT_FOUND", message, { hint });
  }
  const isGoing = (tag: string) => planned.get(tag)?.action === "delete";
  const stays = listed.some((tag) => !isGoing(tag) && isImageTag(tag, planned.get(tag)));
  if (tags.some(({ tag }) => isGoing(tag)) && !stays && !allowEmpty) {
    throw new RegctlError("REFUSED", `It would leave no image in "${name}": nothing was deleted`, {
      hint: "Add --allow-empty if that is what you want",
    });
  }
  // Either may be out of date: the plan, or a list that is not whole.
  const now = listed.filter((tag) => isImageTag(tag, planned.get(tag)));
  const shares = [
    measureShare({ tags, manifests }),
    measureShare({ tags: now.map((tag) => planned.get(tag) ?? newTag(tag)), manifests }),
  ];
  const by = "count" in maxDelete ? "count" : "percent";
  const { count, total, percent, untagged } = shares.reduce((a, b) => b[by] > a[by] ? b : a);
  const isTooMuch = "count" in maxDelete ? count > maxDelete.count : percent > maxDelete.percent;
  if (!isTooMuch) return;
  const things = untagged > 0 ? "tags and untagged manifests" : "tags";
  const limit = "count" in maxDelete ? `${maxDelete.count}` : `${maxDelete.percent}%`;
  const needed = "count" in maxDelete ? `${count}` : `${percent}%`;
  throw new RegctlError(
    "REFUSED",
    `It would delete ${count} of ${total} ${things} of "${name}" (${percent}%), more than ` +
      `--max-delete ${limit} allows: nothing was deleted`,
    { hint: `Look at the plan again, then add --max-delete ${needed}` },
  );
}

function newTag(tag: string): PlannedTag {
  const nothing = { digest: "", createdAt: undefined };
  return { tag, ...nothing, action: "keep", rule: "new", reason: "the plan does not know it" };
}

/** How much of a repository a plan deletes. */
export interface DeletedShare {
  /** Tags of images, and manifests that have no tag. */
  readonly count: number;
  /** All that there are of both, as far as the plan knows. */
  readonly total: number;
  /** Rounded up. */
  readonly percent: number;
  /** Those of {@linkcode count} that have no tag. */
  readonly untagged: number;
}

/** Measures how much a plan deletes; parts of indexes count with these. */
export function measureShare(
  { tags, manifests }: Pick<RepositoryPlan, "tags" | "manifests">,
): DeletedShare {
  const images = tags.filter((one) => isImageTag(one.tag, one));
  const alone = manifests.filter((one) => one.tags.length === 0 && one.after.length === 0);
  const untagged = alone.length;
  const count = images.filter(({ action }) => action === "delete").length + untagged;
  const total = images.length + untagged;
  return { count, total, percent: Math.ceil(count * 100 / Math.max(1, total)), untagged };
}

/** True for a plan that leaves nothing but signatures, and tags that have no manifest. */
export function leavesNoImage(tags: readonly PlannedTag[]): boolean {
  return tags.some(({ action }) => action === "delete") &&
    tags.every((one) => one.action === "delete" || !isImageTag(one.tag, one));
}

function isImageTag(tag: string, planned: PlannedTag | undefined): boolean {
  const isReadable = !planned || planned.digest !== undefined;
  return isReadable && tryParseDigestTag(tag) === undefined;
}
