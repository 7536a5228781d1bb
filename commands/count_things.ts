import { countNoun } from "../core/count_noun.ts";

/** How many of each. */
export interface ThingCounts {
  readonly tags: number;
  readonly manifests: number;
}

/** `2 tags and 1 manifest`; what there is none of is left out. */
export function countThings({ tags, manifests }: ThingCounts): string {
  const parts = ([[tags, "tag"], [manifests, "manifest"]] as const)
    .filter(([number]) => number > 0)
    .map(([number, noun]) => countNoun(number, noun));
  return parts.join(" and ") || "nothing";
}
