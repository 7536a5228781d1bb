import type { Descriptor } from "../oci/manifest.ts";
import { isIndexType } from "../oci/media_types.ts";
import type { Repository } from "../reference/repository.ts";
import type { RegistryClient } from "../registry/client.ts";
import { ifThere } from "../registry/if_there.ts";
import { getManifest } from "../registry/manifests.ts";

/**
 * Adds a manifest to `parts`, and all that it lists, at any depth, by digest. A request for each
 * index that is not in there yet; what is not there lists nothing.
 */
export async function collectParts(
  client: RegistryClient,
  repository: Repository,
  { digest, mediaType }: Descriptor,
  parts: Set<string>,
): Promise<void> {
  if (parts.has(digest)) return;
  parts.add(digest);
  if (!isIndexType(mediaType)) return;
  const content = await ifThere(getManifest(client, { repository, digest }));
  for (const child of content?.manifest.manifests ?? []) {
    await collectParts(client, repository, child, parts);
  }
}
