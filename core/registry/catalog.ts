import type { RegistryClient } from "./client.ts";
import { catalogUrl, type PageOptions } from "./endpoints.ts";
import { type ListingPage, listingPages } from "./listing.ts";

/**
 * Lists the repositories of a registry page by page; throws as {@linkcode listingPages} does.
 * Large public registries refuse it.
 */
export function repositoryPages(
  client: RegistryClient,
  options: PageOptions = {},
): AsyncGenerator<ListingPage> {
  return listingPages(client, {
    firstUrl: catalogUrl(client.baseUrl, options),
    member: "repositories",
    scopes: ["registry:catalog:*"],
    task: `list the repositories of "${client.baseUrl.host}"`,
  });
}

/** The repositories of a registry one by one; throws as {@linkcode repositoryPages} does. */
export async function* repositories(
  client: RegistryClient,
  options: PageOptions = {},
): AsyncGenerator<string> {
  for await (const { entries } of repositoryPages(client, options)) yield* entries;
}
