import { Command } from "commander";
import { parseRegistry } from "../core/reference/registry.ts";
import { repositoryPages } from "../core/registry/catalog.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import { type ListingOptions, printListing, withListingOptions } from "./listing.ts";
import { type RegistryOptions, withRegistryOptions } from "./options.ts";

/** `regctl catalog REGISTRY` */
export function createCatalogCommand(context: Context): Command {
  return withRegistryOptions(
    withListingOptions(
      new Command("catalog")
        .description("List the repositories of a registry")
        .argument("<registry>", "a registry, such as localhost:5000"),
    ),
  ).action(async (text: string, options: ListingOptions & RegistryOptions) => {
    const registry = parseRegistry(text);
    const client = await connect(context, { registry }, options);
    await printListing(context, repositoryPages(client, options), options, {
      noun: "repositories",
      toDocument: (repositories) => ({ repositories }),
      toLine: (repository) => ({ repository }),
      columns: ["REPOSITORY", "REFERENCE"],
      toRow: (repository) => [repository, `${registry.host}/${repository}`],
    });
  });
}
