import { Command, Option } from "commander";
import { RegctlError } from "../core/errors.ts";
import { ContentCache } from "../core/inventory/content_cache.ts";
import { findTags, type TagMatch } from "../core/inventory/find_tags.ts";
import { ListedManifests } from "../core/inventory/listed_manifests.ts";
import type { UnreadTag } from "../core/inventory/tag_facts.ts";
import type { Reference } from "../core/reference/reference.ts";
import { formatRepository } from "../core/reference/repository.ts";
import type { RegistryClient } from "../core/registry/client.ts";
import { allTagPages } from "../core/registry/list_tags.ts";
import { headManifest, manifestName } from "../core/registry/manifests.ts";
import { findPlatform } from "../core/registry/platforms.ts";
import { escapeText } from "../core/render/escape.ts";
import { formatJson, formatJsonLine } from "../core/render/json.ts";
import { formatCount } from "../core/render/progress.ts";
import { formatTable } from "../core/render/table.ts";
import { compareText } from "../core/selection/version.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import {
  createConcurrencyOption,
  createPlatformOption,
  READ_CONCURRENCY,
  readPlatforms,
  type RegistryOptions,
  withRegistryOptions,
} from "./options.ts";
import { readReference } from "./references.ts";
import { assertAllRead, cutShort, readAsFarAsPossible, warnOfUnread } from "./unread_tags.ts";

interface WhichOptions extends RegistryOptions {
  readonly platform?: string;
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
  const listed = new ListedManifests();
  const tags: string[] = [];
  for await (const { entries } of listed.watch(allTagPages(client, repository))) {
    for (const tag of entries) tags.push(tag);
  }
  const matches: TagMatch[] = [];
  const unread: UnreadTag[] = [];
  const startedAt = host.clock.now();
  const cache = options.cache ? await ContentCache.open(host) : undefined;
  const total = tags.length;
  let done = 0;
  const onTag = (result: TagMatch | UnreadTag | undefined) => {
    done++;
    if (result && "error" in result) unread.push(result);
    else if (result) matches.push(result);
    const elapsedMs = host.clock.now() - startedAt;
    diagnostics.progress(formatCount({ done, total, what: "tags looked at", elapsedMs }));
  };
  const { concurrency, output } = options;
  const failure = await readAsFarAsPossible(
    () => findTags(client, repository, digest, tags, { concurrency, cache, listed, onTag }),
  );
  diagnostics.clearProgress();
  if (failure && done === 0) throw failure;
  matches.sort((a, b) => compareText(a.tag, b.tag));
  await host.stdout.write(await format(matches, output, formatRepository(repository)));
  warnOfUnread(context, unread);
  if (failure) throw cutShort(failure, done, total);
  assertAllRead(unread, total);
  if (matches.length === 0) {
    const name = formatRepository(repository);
    throw new RegctlError("NOT_FOUND", `No tag of "${name}" leads to ${digest}`);
  }
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
  output: WhichOptions["output"],
  repository: string,
): Promise<string> {
  const documents = matches.map(({ tag, ...match }) => (
    { tag, reference: `${repository}:${tag}`, ...match }
  ));
  switch (output) {
    case "json":
      return formatJson(documents);
    case "ndjson":
      return documents.map(formatJsonLine).join("");
    case "table":
      return await formatTable(
        ["TAG", "MATCH", "PLATFORM", "DIGEST"],
        matches.map(({ tag, match, platform = "-", digest }) => [tag, match, platform, digest]),
      );
    case "text":
      return matches.map((match) => `${escapeText(toLine(match))}\n`).join("");
  }
}

/** The tag comes first, whatever stands behind it. */
function toLine({ tag, match, platform }: TagMatch): string {
  if (match === "same") return tag;
  return `${tag}  in its index${platform === undefined ? "" : ` for ${platform}`}`;
}
