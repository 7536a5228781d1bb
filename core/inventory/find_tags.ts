import { isIndexType } from "../oci/media_types.ts";
import { formatPlatform, tryParsePlatform } from "../oci/platform.ts";
import { formatRepository, type Repository } from "../reference/repository.ts";
import type { RegistryClient } from "../registry/client.ts";
import { Budget } from "./budget.ts";
import type { ContentCache } from "./content_cache.ts";
import { ContentReader, type FoundTag, type ManifestPointer } from "./content_reader.ts";
import type { ListedManifests } from "./listed_manifests.ts";
import type { UnreadTag } from "./tag_facts.ts";
import { TagLoop } from "./tag_loop.ts";

/** A tag that leads to a manifest. */
export interface TagMatch {
  readonly tag: string;
  /** Of what the tag points to. */
  readonly digest: string;
  /** `same`: it points to the manifest; `index`: to an index that lists it. */
  readonly match: "same" | "index";
  /** What an index says that the manifest is for. */
  readonly platform?: string | undefined;
}

/** How {@linkcode findTags} looks. */
export interface FindTagsOptions {
  /** Requests at a time. */
  readonly concurrency: number;
  /** Default: nothing is kept. */
  readonly cache?: ContentCache | undefined;
  /** What the listing told. */
  readonly listed: ListedManifests;
  /** Told of each tag: that it leads there, that it cannot be read, or undefined that it does not. */
  readonly onTag: (result: TagMatch | UnreadTag | undefined) => void;
}

/**
 * Finds the tags that lead to a manifest: one HEAD request a tag, then a GET for each index that is
 * not in the cache.
 *
 * Throws the signal's reason, and what is about all of the tags: `RATE_LIMITED`, also before indexes
 * are got, or a failure that each of many had.
 */
export async function findTags(
  client: RegistryClient,
  repository: Repository,
  wanted: string,
  tags: readonly string[],
  { concurrency, cache, listed, onTag }: FindTagsOptions,
): Promise<void> {
  const budget = new Budget();
  const loop = new TagLoop(budget.watch(client), concurrency);
  const content = new ContentReader(loop.client, repository, cache);
  const indexes = new Map<string, ManifestPointer>();
  const task = `look into the tags of "${formatRepository(repository)}"`;

  const find = async (tag: string): Promise<FoundTag> => {
    const { digest, mediaType } = listed.ofTag(tag) ?? {};
    if (digest === undefined || mediaType === undefined) return await content.find(tag, "HEAD");
    return { pointer: { digest, mediaType }, manifest: undefined };
  };
  const lookInto = async (tag: string): Promise<TagMatch | undefined> => {
    const pointer = indexes.get(tag) ?? (await find(tag)).pointer;
    const list = await content.listAll(await content.manifest(pointer));
    const found = list.find(({ digest }) => digest === wanted);
    if (!found) return undefined;
    const platform = tryParsePlatform(found.platform);
    const { digest } = pointer;
    return { tag, digest, match: "index", platform: platform && formatPlatform(platform) };
  };

  try {
    let left = tags.length;
    await loop.run(tags.entries(), {
      read: find,
      take: (_, found, tag) => {
        left--;
        if ("error" in found) return onTag(found);
        const { digest, mediaType } = found.pointer;
        if (digest === wanted) onTag({ tag, digest, match: "same" });
        else if (isIndexType(mediaType)) indexes.set(tag, found.pointer);
        else onTag(undefined);
        // Where a registry knows no HEAD, the next one costs as much.
        if (found.manifest && !content.knowsHead) budget.assertSuffices(left, task);
      },
    });
    const missing = [...indexes.values()]
      .filter((pointer) => !content.hasManifest(pointer))
      .map(({ digest }) => digest);
    budget.assertSuffices(new Set(missing).size, task);
    await loop.run([...indexes.keys()].entries(), {
      read: lookInto,
      take: (_, result) => onTag(result),
    });
  } finally {
    cache?.trim();
  }
}
