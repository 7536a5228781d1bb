import { isTag } from "../reference/tag.ts";
import type { RegistryClient } from "../registry/client.ts";
import { collectParts } from "./collect_parts.ts";
import { findKnown } from "./find_known.ts";
import { forEach } from "../for_each.ts";
import type { RepositoryPlan } from "./plan.ts";
import { toRemovals } from "./plan_removals.ts";

/** How {@linkcode findNeeded} asks. */
export interface FindNeededOptions {
  /** The tags that there are now. */
  readonly listed: readonly string[];
  /** Requests at a time. */
  readonly concurrency: number;
  /** Told how far it is. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * The manifests that tags have come to need since a plan was made, by digest: those that new tags,
 * and tags which have moved, point to, and what these list. A request for each tag but those that go
 * with their manifest, which are read again before any of these goes; none where the plan deletes no
 * manifest.
 */
export async function findNeeded(
  client: RegistryClient,
  plan: RepositoryPlan,
  { listed, concurrency, onProgress }: FindNeededOptions,
): Promise<ReadonlySet<string>> {
  const { repository, tags, manifests } = plan;
  const needed = new Set<string>();
  if (manifests.length === 0) return needed;
  const planned = new Map(tags.map(({ tag, digest }) => [tag, digest]));
  // Some registries list what is no tag, and it would be part of a URL.
  const left = new Set(listed.filter(isTag));
  let done = 0;
  // What is found to be needed keeps tags that would have gone with it, and these may have moved.
  for (;;) {
    const going = new Set(
      toRemovals(plan, needed).flatMap((it) => it.kind === "tag" ? [] : it.tags),
    );
    const asked = [...left].filter((tag) => !going.has(tag));
    if (asked.length === 0) return needed;
    for (const tag of asked) left.delete(tag);
    const total = done + asked.length;
    await forEach(asked, concurrency, async (tag) => {
      const found = await findKnown(client, { repository, tag });
      onProgress?.(++done, total);
      if (found && found.digest !== planned.get(tag)) {
        await collectParts(client, repository, found, needed);
      }
    });
  }
}
