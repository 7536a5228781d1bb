import { withDoubt } from "../errors.ts";
import type { HttpResponse } from "../http/exchange.ts";
import { parseErrorBody } from "../oci/error_body.ts";
import { formatReference } from "../reference/reference.ts";
import type { Repository } from "../reference/repository.ts";
import type { RegistryClient } from "./client.ts";
import { assertDeleted, sendDelete } from "./delete_manifest.ts";
import { findManifest } from "./find_manifest.ts";
import { listTags } from "./list_tags.ts";
import type { ManifestContent } from "./manifests.ts";
import { pushManifest } from "./push_manifest.ts";

/** What {@linkcode removeManifest} takes beside the manifest. */
export interface RemoveManifestOptions {
  /** The tags that point to it. */
  readonly tags: readonly string[];
  /** Deletes one of them alone, where the registry wants that done first. */
  readonly removeTag: (tag: string) => Promise<void>;
}

/** Google's registries delete no manifest that has a tag. */
const STILL_TAGGED_CODE = "GOOGLE_MANIFEST_DANGLING_TAG";

/** Each needs somebody else to push at the very same moment. */
const MAX_ATTEMPTS = 5;

/**
 * Deletes a manifest by its digest, with all tags that point to it; tag by tag first where the
 * registry wants it so. Gives `gone` where it was not there any more.
 */
export async function removeManifest(
  client: RegistryClient,
  repository: Repository,
  content: ManifestContent,
  { tags, removeTag }: RemoveManifestOptions,
): Promise<"deleted" | "gone"> {
  const { digest } = content.descriptor;
  let response = await deleteWhole(client, repository, content, tags);
  const isStillTagged = response.status === 409 ||
    parseErrorBody(response.body).some(({ code }) => code === STILL_TAGGED_CODE);
  const isByTags = isStillTagged && tags.length > 0;
  if (isByTags) {
    for (const tag of tags) await removeTag(tag);
    response = await sendDelete(client, repository.path, digest);
  }
  // Some delete it with its last tag.
  if (response.status === 404) return response.mayHaveArrived || isByTags ? "deleted" : "gone";
  assertDeleted(response, `delete "${formatReference({ repository, digest })}"`);
  return "deleted";
}

/**
 * Distribution that stumbles (500) over a tag which somebody just writes has deleted the manifest,
 * and left its tags: they are listed for ever, and nobody can read or delete them. Pushed again, all
 * of it can go.
 */
async function deleteWhole(
  client: RegistryClient,
  repository: Repository,
  { bytes, descriptor: { digest, mediaType } }: ManifestContent,
  tags: readonly string[],
): Promise<HttpResponse> {
  for (let attempt = 1;; attempt++) {
    const response = await sendDelete(client, repository.path, digest);
    const isDoubtful = response.status === 404 && response.mayHaveArrived === true;
    if (!isDoubtful || tags.length === 0 || attempt === MAX_ATTEMPTS) return response;
    try {
      const ghosts = await findGhosts(client, repository, tags);
      if (ghosts.length === 0) return response;
      for (const tag of ghosts) {
        const options = { mediaType, listsReferrer: false };
        await pushManifest(client, { repository, tag }, new Uint8Array(bytes), options);
      }
    } catch (error) {
      throw withDoubt(error);
    }
  }
}

/** Tags that are listed and lead to nothing. One that leads somewhere was pushed again meanwhile. */
async function findGhosts(
  client: RegistryClient,
  repository: Repository,
  tags: readonly string[],
): Promise<readonly string[]> {
  const listed = new Set(await listTags(client, repository));
  const ghosts: string[] = [];
  for (const tag of tags) {
    if (listed.has(tag) && !await findManifest(client, { repository, tag })) ghosts.push(tag);
  }
  return ghosts;
}
