import type { Repository } from "../reference/repository.ts";
import { formatRepository } from "../reference/repository.ts";
import type { RegistryClient } from "./client.ts";
import { type PageOptions, tagsUrl } from "./endpoints.ts";
import { type ListingPage, listingPages } from "./listing.ts";

/** Lists the tags of a repository page by page; throws as {@linkcode listingPages} does. */
export function tagPages(
  client: RegistryClient,
  repository: Repository,
  options: PageOptions = {},
): AsyncGenerator<ListingPage> {
  return listingPages(client, {
    firstUrl: tagsUrl(client.baseUrl, repository.path, options),
    member: "tags",
    scopes: [`repository:${repository.path}:pull`],
    task: `list the tags of "${formatRepository(repository)}"`,
  });
}

/** The tags of a repository one by one, in the registry's order; throws as {@linkcode tagPages} does. */
export async function* tags(
  client: RegistryClient,
  repository: Repository,
  options: PageOptions = {},
): AsyncGenerator<string> {
  for await (const { entries } of tagPages(client, repository, options)) yield* entries;
}
