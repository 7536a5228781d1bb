import { RegctlError } from "../errors.ts";
import type { Repository } from "../reference/repository.ts";
import { isTag } from "../reference/tag.ts";
import type { RegistryClient } from "../registry/client.ts";
import { findManifest } from "../registry/find_manifest.ts";
import { collectParts } from "./collect_parts.ts";
import { forEach } from "../for_each.ts";

/** Asked at the same time. */
const CONCURRENCY = 8;

/** What a tag was found to lead to. */
export interface TagLook {
  /** Undefined where it leads to nothing. */
  readonly digest: string | undefined;
  /** That, and all that it lists, by digest. */
  readonly parts: ReadonlySet<string>;
}

/** Looks at tags, a request each and one for each index; those that cannot be read are left out. */
export async function lookAtTags(
  client: RegistryClient,
  repository: Repository,
  tags: Iterable<string>,
): Promise<ReadonlyMap<string, TagLook>> {
  const looks = new Map<string, TagLook>();
  await forEach(tags, CONCURRENCY, async (tag) => {
    // Some registries list what is no tag, and it would be part of a URL.
    if (!isTag(tag)) return;
    try {
      const found = await findManifest(client, { repository, tag });
      const parts = new Set<string>();
      if (found) await collectParts(client, repository, found, parts);
      looks.set(tag, { digest: found?.digest, parts });
    } catch (error) {
      if (!(error instanceof RegctlError)) throw error;
    }
  });
  return looks;
}
