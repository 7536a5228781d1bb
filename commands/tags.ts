import { Command } from "commander";
import { FACT_ORDERS } from "../core/inventory/tag_facts.ts";
import { formatRepository } from "../core/reference/repository.ts";
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
import type { TagFactsOptions } from "./tag_facts.ts";

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
        sort: "name and version read it all; none streams; created and pushed put the newest " +
          "first, size the largest",
      },
    ),
  )).action(async (text: string, options: TagFactsOptions) => {
    const repository = readRepository(context, text);
    const name = formatRepository(repository);
    const presentation: Presentation = {
      noun: "tags",
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
    const { printFacts } = await import("./tag_facts.ts");
    await printFacts(context, repository, options, presentation);
  });
}

function withFactsOptions(command: Command): Command {
  return command
    .option("--newer-than <age>", "only those made after that: 30d, 12h, 2026-01-31")
    .option("--older-than <age>", "only those made before that")
    .addOption(createPlatformOption("only with an image for this platform, and of that one alone"))
    .option("--no-trunc", "with -l: digests in full")
    .option("--full-time", "with -l: dates in full, on a terminal too")
    .option("--no-cache", "neither use nor keep what was read before")
    .addOption(createConcurrencyOption(READ_CONCURRENCY));
}

/** True where nothing is to be known of a tag but its name. */
function isAboutNames(options: TagFactsOptions): options is TagFactsOptions & ListingOptions {
  const { long, newerThan, olderThan, platform, sort } = options;
  const isSortedByFact = FACT_ORDERS.some((order) => order === sort);
  return !isSortedByFact && [long, newerThan, olderThan, platform].every((it) => it === undefined);
}
