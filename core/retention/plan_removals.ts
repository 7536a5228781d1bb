import { tryParseDigestTag } from "./digest_tag.ts";
import type { PlannedManifest, RepositoryPlan } from "./plan.ts";
import type { Removal, TagRemoval } from "./removal.ts";

/**
 * What a plan deletes: each manifest with its tags, and tags alone whose manifest stays.
 *
 * @param needed manifests that stay whatever the plan says, by digest: tags point to them now
 */
export function toRemovals(
  { tags, manifests }: RepositoryPlan,
  needed: ReadonlySet<string>,
): readonly Removal[] {
  const kept = tags.flatMap(({ action, digest }) =>
    action === "keep" && digest !== undefined ? [digest] : []
  );
  const stay = findStaying(manifests, [...needed, ...kept]);
  const going = manifests.filter(({ digest }) => !stay.has(digest));
  const tagsOf = new Map(going.map(({ digest }): [string, string[]] => [digest, []]));
  const alone: TagRemoval[] = [];
  for (const { tag, digest, action } of tags) {
    if (action === "keep" || digest === undefined) continue;
    const together = tagsOf.get(digest);
    const subject = tryParseDigestTag(tag);
    if (together) together.push(tag);
    // What stays keeps its signature's name, too.
    else if (subject === undefined || !stay.has(subject)) {
      const isBehind = subject !== undefined && tagsOf.has(subject);
      alone.push({ kind: "tag", tag, digest, ...(isBehind && { after: subject }) });
    }
  }
  return [
    ...alone,
    ...going.map(({ digest, after }): Removal => ({
      ...{ kind: "manifest", digest, tags: tagsOf.get(digest) ?? [] },
      after: after.filter((one) => tagsOf.has(one)),
    })),
  ];
}

/** These, and what they need: that names them in its `after`. */
function findStaying(
  manifests: readonly PlannedManifest[],
  roots: readonly string[],
): ReadonlySet<string> {
  const neededBy = new Map<string, string[]>();
  for (const { digest, after } of manifests) {
    for (const one of after) {
      const known = neededBy.get(one);
      if (known) known.push(digest);
      else neededBy.set(one, [digest]);
    }
  }
  const stay = new Set<string>();
  const left = [...roots];
  for (let digest = left.pop(); digest !== undefined; digest = left.pop()) {
    if (stay.has(digest)) continue;
    stay.add(digest);
    for (const one of neededBy.get(digest) ?? []) left.push(one);
  }
  return stay;
}
