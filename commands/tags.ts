import { Command } from "commander";
import { FACT_ORDERS } from "../core/inventory/tag_facts.ts";
import { nameRepository } from "../core/registry/repository_name.ts";
import { isTag } from "../core/reference/tag.ts";
import { tagPages } from "../core/registry/tags.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import {
  type ListingOptions,
  type Presentation,
  printListing,
  withListingOptions,
} from "./listing.ts";
import {
  createConcurrencyOption,
  createPlatformOption,
  READ_CONCURRENCY,
  withRegistryOptions,
} from "./options.ts";
import { readRepository } from "./references.ts";
import type { TagsOptions } from "./print_facts.ts";

/** `regctl tags REPO` */
export function createTagsCommand(context: Context): Command {
  return withRegistryOptions(withFactsOptions(
    withListingOptions(
      new Command("tags")
        .alias("ls")
        .description("List the tags of a repository")
        .argument("<repo>", "a repository, such as busybox or quay.io/team/app")
        .option("-l, --long", "with digest, date, size and platforms of each")
        .option("--semver <range>", "only versions in this range, e.g. '^1.4' or '>=1.2 <2'"),
      {
        orders: FACT_ORDERS,
        sort: "version: the oldest first; created, pushed: the newest; size: the largest; none " +
          "is the registry's own order",
      },
    ),
  )).action(async (text: string, options: TagsOptions) => {
    const repository = readRepository(context, text);
    const name = nameRepository(repository);
    const presentation: Presentation = {
      noun: "tags",
      ...(options.fullRef && { toText: (tag) => `${name}:${tag}` }),
      toDocument: (tags) => ({ name: repository.path, tags }),
      toLine: (tag) => ({ name: repository.path, tag }),
      columns: ["TAG", "REFERENCE"],
      toRow: (tag) => [tag, `${name}:${tag}`],
      isValid: isTag,
    };
    if (isAboutNames(options)) {
      const client = await connect(context, repository, options);
      return await printListing(
        context,
        tagPages(client, repository, options),
        options,
        presentation,
      );
    }
    // Loaded when it is needed: most calls are about names.
    const { printFacts } = await import("./print_facts.ts");
    await printFacts(context, repository, options, presentation);
  });
}

function withFactsOptions(command: Command): Command {
  return command
    .option(
      "--newer-than <age>",
      "only images of less than this age, or after this date: 30d, " +
        "12h, 2026-01-31",
    )
    .option("--older-than <age>", "only images of more than this age, or before this date")
    .addOption(createPlatformOption(
      "only with an image for os/architecture[/variant], or local; with that one's date and size",
    ))
    .option("--full-ref", "print references in place of names, for regctl delete -")
    .option("--no-trunc", "with -l: digests in full")
    .option("--full-time", "with -l: dates in full, on a terminal too")
    .option("--no-cache", "neither use nor keep what was read before")
    .addOption(createConcurrencyOption(READ_CONCURRENCY));
}

/** True where nothing is to be known of a tag but its name. */
function isAboutNames(options: TagsOptions): options is TagsOptions & ListingOptions {
  const { long, newerThan, olderThan, platform, sort } = options;
  const isSortedByFact = FACT_ORDERS.some((order) => order === sort);
  return !isSortedByFact && [long, newerThan, olderThan, platform].every((it) => it === undefined);
}
