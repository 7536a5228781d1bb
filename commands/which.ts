import { Command, Option } from "commander";
import { countNoun } from "../core/count_noun.ts";
import { RegctlError } from "../core/errors.ts";
import { ContentCache } from "../core/inventory/content_cache.ts";
import { findTags, type TagMatch } from "../core/inventory/find_tags.ts";
import { ListedManifests } from "../core/inventory/listed_manifests.ts";
import type { UnreadTag } from "../core/inventory/tag_facts.ts";
import { shortenDigest } from "../core/oci/digest.ts";
import type { Reference } from "../core/reference/reference.ts";
import { isTag } from "../core/reference/tag.ts";
import type { RegistryClient } from "../core/registry/client.ts";
import { allTagPages } from "../core/registry/list_tags.ts";
import { headManifest, manifestName } from "../core/registry/manifests.ts";
import { nameRepository } from "../core/registry/repository_name.ts";
import { findPlatform } from "../core/registry/platforms.ts";
import { escapeText } from "../core/render/escape.ts";
import { formatJson, formatJsonLine } from "../core/render/json.ts";
import { formatTable } from "../core/render/table.ts";
import { compareText } from "../core/selection/version.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import { collectNames } from "./listing.ts";
import {
  createConcurrencyOption,
  createPlatformOption,
  READ_CONCURRENCY,
  readPlatforms,
  type RegistryOptions,
  withRegistryOptions,
} from "./options.ts";
import { readReference } from "./references.ts";
import {
  assertAllRead,
  createProgress,
  cutShort,
  readAsFarAsPossible,
  warnOfUnread,
  writeBefore,
} from "./unread_tags.ts";

interface WhichOptions extends RegistryOptions {
  readonly platform?: string;
  readonly fullRef?: true;
  readonly trunc: boolean;
  readonly cache: boolean;
  readonly concurrency: number;
  readonly output: "text" | "json" | "ndjson" | "table";
}

/** `regctl which REF` */
export function createWhichCommand(context: Context): Command {
  return withRegistryOptions(
    new Command("which")
      .description("Find all tags that lead to a manifest: to itself, or to an index that lists it")
      .argument("<ref>", "an image, such as busybox:1.36 or quay.io/team/app@sha256:…")
      .addOption(createPlatformOption())
      .option("--full-ref", "print references in place of names, for regctl delete -")
      .option("--no-trunc", "with -o table: digests in full")
      .option("--no-cache", "neither use nor keep what was read before")
      .addOption(createConcurrencyOption(READ_CONCURRENCY))
      .addOption(
        new Option("-o, --output <format>", "how to print")
          .choices(["text", "json", "ndjson", "table"]).default("text"),
      ),
  ).action((text: string, options: WhichOptions) => run(context, text, options));
}

async function run(context: Context, text: string, options: WhichOptions): Promise<void> {
  const { host, diagnostics } = context;
  const reference = readReference(context, text);
  const { repository } = reference;
  // Says so where it names no manifest.
  manifestName(reference);
  const client = await connect(context, repository, options);
  const digest = await findDigest(context, client, reference, options);
  const name = nameRepository(repository);
  const listed = new ListedManifests();
  const tags = await collectNames(
    context,
    listed.watch(allTagPages(client, repository)),
    { sort: "name" },
    { noun: "tags", isValid: isTag },
  );
  const matches: TagMatch[] = [];
  const unread: UnreadTag[] = [];
  const progress = createProgress(context);
  let done = 0;
  const { concurrency } = options;
  const cache = options.cache ? await ContentCache.open(host) : undefined;
  const onTag = (result: TagMatch | UnreadTag | undefined) => {
    done++;
    if (result && "error" in result) unread.push(result);
    else if (result) matches.push(result);
    progress("tags looked at", done, tags.length);
  };
  const failure = await readAsFarAsPossible(
    () => findTags(client, repository, digest, tags, { concurrency, cache, listed, onTag }),
  );
  diagnostics.clearProgress();
  if (failure && done === 0) throw failure;
  matches.sort((a, b) => compareText(a.tag, b.tag));
  await writeBefore(failure, async () => {
    await host.stdout.write(await format(matches, options, name));
  });
  noteIndexes(context, matches, options);
  warnOfUnread(context, unread);
  if (failure) throw cutShort(failure, done, tags.length);
  assertAllRead(unread, tags.length);
  if (matches.length === 0) {
    throw new RegctlError("NOT_FOUND", `No tag of "${name}" leads to ${digest}`);
  }
}

/** Names alone do not say how they lead there. */
function noteIndexes(
  { diagnostics }: Context,
  matches: readonly TagMatch[],
  { output }: WhichOptions,
): void {
  const count = matches.filter(({ match }) => match === "index").length;
  if (count === 0 || output !== "text") return;
  const which = `${count} of ${countNoun(matches.length, "tag")}`;
  diagnostics.note(`By way of an index that lists it: ${which}; -o table tells them apart`);
}

/** The digest of what is looked for. */
async function findDigest(
  { host }: Context,
  client: RegistryClient,
  reference: Reference,
  { platform }: WhichOptions,
): Promise<string> {
  const platforms = readPlatforms(host, platform);
  if (platforms) return (await findPlatform(client, reference, platforms)).descriptor.digest;
  return reference.digest ?? (await headManifest(client, reference)).digest;
}

async function format(
  matches: readonly TagMatch[],
  { output, trunc, fullRef }: WhichOptions,
  repository: string,
): Promise<string> {
  const toReference = (tag: string) => `${repository}:${tag}`;
  const documents = matches.map(({ tag, ...match }) => (
    { tag, reference: toReference(tag), ...match }
  ));
  switch (output) {
    case "json":
      return formatJson(documents);
    case "ndjson":
      return documents.map(formatJsonLine).join("");
    case "table":
      return await formatTable(
        ["TAG", "DIGEST", "MATCH", "PLATFORM"],
        matches.map(({ tag, match, platform = "-", digest }) => [
          ...[tag, trunc ? shortenDigest(digest) : digest, match, platform],
        ]),
      );
    case "text": {
      const lines = matches.map(({ tag }) => fullRef ? toReference(tag) : tag);
      return lines.map((line) => `${escapeText(line)}\n`).join("");
    }
  }
}
