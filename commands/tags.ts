import { Command } from "commander";
import { formatRepository } from "../core/reference/repository.ts";
import { isTag } from "../core/reference/tag.ts";
import { tagPages } from "../core/registry/tags.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import { type ListingOptions, printListing, withListingOptions } from "./listing.ts";
import { type RegistryOptions, withRegistryOptions } from "./options.ts";
import { readRepository } from "./references.ts";

/** `regctl tags REPO` */
export function createTagsCommand(context: Context): Command {
  return withRegistryOptions(
    withListingOptions(
      new Command("tags")
        .alias("ls")
        .description("List the tags of a repository")
        .argument("<repo>", "a repository, such as busybox or quay.io/team/app")
        .option("--semver <range>", "only versions in this range, e.g. '^1.4' or '>=1.2 <2'"),
    ),
  ).action(async (text: string, options: ListingOptions & RegistryOptions) => {
    const repository = readRepository(context, text);
    const client = await connect(context, repository, options);
    const name = formatRepository(repository);
    await printListing(context, tagPages(client, repository, options), options, {
      noun: "tags",
      toDocument: (tags) => ({ name: repository.path, tags }),
      toLine: (tag) => ({ name: repository.path, tag }),
      columns: ["TAG", "REFERENCE"],
      toRow: (tag) => [tag, `${name}:${tag}`],
      isValid: isTag,
    });
  });
}
