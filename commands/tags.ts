import { Command } from "commander";
import { RegctlError } from "../core/errors.ts";
import { bareRegistryHint, parseReference, type Reference } from "../core/reference/reference.ts";
import { parseRegistry, type Registry } from "../core/reference/registry.ts";
import {
  formatRepository,
  parseRepository,
  type Repository,
} from "../core/reference/repository.ts";
import { isTag } from "../core/reference/tag.ts";
import { tagPages } from "../core/registry/tags.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import { type ListingOptions, printListing, withListingOptions } from "./listing.ts";
import { type RegistryOptions, withRegistryOptions } from "./options.ts";

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
    const repository = parseRepositoryAlone(text);
    const meant = bareRegistryHint(text);
    if (meant !== undefined) context.diagnostics.note(meant);
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

/** A repository without tag and digest; says so where there is one. */
function parseRepositoryAlone(text: string): Repository {
  const registry = /^(localhost(:\d+)?|[^/]*[.\]][^/:]*:\d+)\/?$/.test(text)
    ? tryParseRegistry(text)
    : undefined;
  if (registry) {
    throw new RegctlError("USAGE", `${JSON.stringify(text)} is a registry, not a repository`, {
      hint: `List its repositories with regctl catalog ${registry.host}`,
    });
  }
  try {
    return parseRepository(text);
  } catch (error) {
    const reference = tryParseReference(text);
    if (!reference) throw error;
    throw new RegctlError("USAGE", `Not a repository: ${JSON.stringify(text)} names one manifest`, {
      hint: `Leave out the tag and the digest: ${formatRepository(reference.repository)}`,
    });
  }
}

function tryParseRegistry(text: string): Registry | undefined {
  try {
    return parseRegistry(text);
  } catch {
    return undefined;
  }
}

function tryParseReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}
