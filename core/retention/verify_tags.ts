import { RegctlError } from "../errors.ts";
import { formatReference } from "../reference/reference.ts";
import type { Repository } from "../reference/repository.ts";
import { isTag } from "../reference/tag.ts";
import type { RegistryClient } from "../registry/client.ts";
import { findManifest } from "../registry/find_manifest.ts";
import { listTags } from "../registry/list_tags.ts";

/** What must be true of a repository's tags. */
export interface TagsWish {
  /** Tags that were deleted, with what they pointed to. */
  readonly deleted: ReadonlyMap<string, string>;
  /** Tags that should still be there, with what they pointed to where that is known. */
  readonly kept: ReadonlyMap<string, string | undefined>;
}

/** A tag that is not as it should be. */
export interface TagFault {
  readonly tag: string;
  readonly error: RegctlError;
}

/** What {@linkcode verifyTags} found. */
export interface TagFindings {
  readonly faults: readonly TagFault[];
  /** Deleted tags that are listed, but lead to nothing. */
  readonly ghosts: readonly string[];
  /** Tags that should be there and are not; it need not be our doing. */
  readonly vanished: readonly string[];
}

/**
 * Looks at the tags of a repository after a deletion: one listing, and a request for each tag that
 * it tells something unexpected of, since some registries list what is gone.
 */
export async function verifyTags(
  client: RegistryClient,
  repository: Repository,
  { deleted, kept }: TagsWish,
): Promise<TagFindings> {
  const listed = new Set(await listTags(client, repository));
  const faults: TagFault[] = [];
  const ghosts: string[] = [];
  const vanished: string[] = [];
  const gone = new Set(deleted.values());
  const digestOf = async (tag: string) => (await findManifest(client, { repository, tag }))?.digest;
  const fault = (tag: string, what: string, hint: string) => {
    const name = formatReference({ repository, tag });
    faults.push({ tag, error: new RegctlError("PARTIAL", `"${name}" ${what}`, { hint }) });
  };
  for (const [tag, digest] of deleted) {
    if (!listed.has(tag)) continue;
    const found = await digestOf(tag);
    if (found === undefined) ghosts.push(tag);
    if (found !== digest) continue;
    fault(tag, "is still there, though the registry said that it deleted it", "Look again later");
  }
  for (const [tag, digest] of kept) {
    if (listed.has(tag) || !isTag(tag) || await digestOf(tag) !== undefined) continue;
    if (digest !== undefined && gone.has(digest)) {
      fault(tag, "went along, though it was to stay", "Push it again");
    } else vanished.push(tag);
  }
  return { faults, ghosts, vanished };
}
