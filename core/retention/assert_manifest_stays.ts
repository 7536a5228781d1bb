import { RegctlError } from "../errors.ts";
import { formatReference } from "../reference/reference.ts";
import { formatRepository, type Repository } from "../reference/repository.ts";
import { isTag } from "../reference/tag.ts";
import type { RegistryClient } from "../registry/client.ts";
import { findManifest } from "../registry/find_manifest.ts";
import type { ManifestContent } from "../registry/manifests.ts";
import { pushManifest } from "../registry/push_manifest.ts";
import { collectParts } from "./collect_parts.ts";
import { forEach } from "./for_each.ts";

/** Asked at the same time. */
const CONCURRENCY = 8;

/** A tag that was deleted. */
export interface DeletedTag {
  readonly tag: string;
  /** What it pointed to. */
  readonly content: ManifestContent;
  /** The other tags, which may point to the same. */
  readonly others: readonly string[];
  /** Whether these are all that there are. */
  readonly isListed: boolean;
  /**
   * Told what has gone too, before it is put back: tags, and whether it is the manifest that an index
   * needs. Default: nobody is.
   */
  readonly onLost?: ((tags: readonly string[], manifest: boolean) => Promise<void>) | undefined;
}

/**
 * Looks that a manifest, and with it its other tags, survived the deletion of one tag. Some
 * registries delete the manifest with its last tag, which is right unless an index lists it; one that
 * takes other tags along has done what nobody asked for. Then all is put back, and `UNSUPPORTED` is
 * thrown; `PARTIAL` where it cannot be.
 *
 * True where the manifest is still there: that is a registry which knows a tag from a manifest.
 */
export async function assertManifestStays(
  client: RegistryClient,
  repository: Repository,
  { tag, content, others, isListed, onLost }: DeletedTag,
): Promise<boolean> {
  const { digest, mediaType } = content.descriptor;
  if (await findManifest(client, { repository, digest })) return true;
  const lost: string[] = [];
  const indexes: string[] = [];
  await forEach(others, CONCURRENCY, async (other) => {
    // Some registries list what is no tag, and it would be part of a URL.
    if (!isTag(other)) return;
    const found = await findManifest(client, { repository, tag: other });
    if (!found) lost.push(other);
    else {
      const parts = new Set<string>();
      await collectParts(client, repository, found, parts);
      if (parts.has(digest)) indexes.push(other);
    }
  });
  if (lost.length === 0 && indexes.length === 0 && isListed) return false;
  lost.sort();
  const harm = [
    ...(lost.length > 0 ? [`and so ${lost.join(", ")} too`] : []),
    ...(indexes.length > 0 ? [`which ${indexes.sort().join(", ")} needs`] : []),
    ...(isListed ? [] : ["and which other tags it had is not known"]),
  ];
  const what = `Cannot delete "${formatReference({ repository, tag })}" alone: the registry ` +
    `deleted its manifest, ${harm.join(", and ")}`;
  const bytes = new Uint8Array(content.bytes);
  const options = { mediaType, listsReferrer: false };
  try {
    await onLost?.(lost, indexes.length > 0);
    await pushManifest(client, { repository, digest }, bytes, options);
    for (const one of [tag, ...lost]) {
      // Who has pushed meanwhile is not to be overwritten.
      if (await findManifest(client, { repository, tag: one })) continue;
      await pushManifest(client, { repository, tag: one }, bytes, options);
    }
  } catch (error) {
    if (!(error instanceof RegctlError)) throw error;
    throw new RegctlError("PARTIAL", `${what}; not all was put back: ${error.message}`, {
      hint: onLost && "Put it back with regctl undo",
      cause: error,
    });
  }
  throw new RegctlError("UNSUPPORTED", `${what}; all was put back`, {
    hint: `To delete all of it, name the digest: ${formatRepository(repository)}@${digest}`,
  });
}
