import { RegctlError } from "../errors.ts";
import type { Repository } from "../reference/repository.ts";
import type { RegistryClient } from "../registry/client.ts";
import { findManifest } from "../registry/find_manifest.ts";
import type { ManifestContent } from "../registry/manifests.ts";
import { pushManifest } from "../registry/push_manifest.ts";

/**
 * Puts a manifest back, and tags that pointed to it, byte for byte; a tag that somebody has pushed
 * meanwhile is left alone. Gives the failure that kept it from doing all of it.
 */
export async function putBack(
  client: RegistryClient,
  repository: Repository,
  { bytes, descriptor: { digest, mediaType } }: ManifestContent,
  tags: readonly string[],
): Promise<RegctlError | undefined> {
  const content = new Uint8Array(bytes);
  const options = { mediaType, listsReferrer: false };
  try {
    await pushManifest(client, { repository, digest }, content, options);
    for (const tag of tags) {
      if (await findManifest(client, { repository, tag })) continue;
      await pushManifest(client, { repository, tag }, content, options);
    }
    return undefined;
  } catch (error) {
    if (error instanceof RegctlError) return error;
    throw error;
  }
}
