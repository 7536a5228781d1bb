import { RegctlError } from "../errors.ts";
import type { Repository } from "../reference/repository.ts";
import type { RegistryClient } from "./client.ts";
import type { ListingPage } from "./listing.ts";
import { tagPages } from "./tags.ts";

/** The pages of the tags of a repository, for what needs all of them. */
export async function* allTagPages(
  client: RegistryClient,
  repository: Repository,
): AsyncGenerator<ListingPage> {
  try {
    yield* tagPages(client, repository);
  } catch (error) {
    if (!(error instanceof RegctlError) || error.code !== "PARTIAL") throw error;
    // The way out that a listing has is none here.
    const hint = "Tell who runs the registry; a part of the tags is not enough here";
    throw new RegctlError(error.code, error.message, { hint, cause: error });
  }
}

/**
 * All tags of a repository; none where there is no repository, which is what some registries say
 * when the last tag has gone.
 */
export async function listTags(
  client: RegistryClient,
  repository: Repository,
): Promise<readonly string[]> {
  const names: string[] = [];
  try {
    for await (const { entries } of allTagPages(client, repository)) {
      for (const tag of entries) names.push(tag);
    }
  } catch (error) {
    if (!(error instanceof RegctlError) || error.code !== "NOT_FOUND") throw error;
  }
  return names;
}
