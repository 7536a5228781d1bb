import { RegctlError } from "../errors.ts";
import { forEach } from "../for_each.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { isIndexType } from "../oci/media_types.ts";
import { formatPlatform, tryParsePlatform } from "../oci/platform.ts";
import type { Repository } from "../reference/repository.ts";
import { isTag } from "../reference/tag.ts";
import type { RegistryClient } from "../registry/client.ts";
import { ifThere } from "../registry/if_there.ts";
import { lookUpManifest } from "../registry/manifests.ts";
import type { ContentCache } from "./content_cache.ts";
import { ContentReader, type ManifestPointer } from "./content_reader.ts";
import { FailureWatch } from "./failure_watch.ts";
import type { ListedManifests } from "./listed_manifests.ts";
import { pace } from "./pace.ts";
import type { UnreadTag } from "./tag_facts.ts";

// Nobody nests indexes deeper, and a registry must not lead us on and on.
const MAX_DEPTH = 3;

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
 * Finds the tags that lead to a manifest: one HEAD request a tag, and a GET for each index that is
 * not in the cache.
 *
 * Throws the signal's reason, and what is about all of the tags.
 */
export async function findTags(
  client: RegistryClient,
  repository: Repository,
  wanted: string,
  tags: Iterable<string>,
  { concurrency, cache, listed, onTag }: FindTagsOptions,
): Promise<void> {
  const search = new Search(pace(client, concurrency), repository, wanted, { cache, listed });
  const failures = new FailureWatch(client.signal);
  try {
    await forEach(tags, concurrency, async (tag) => {
      let result: TagMatch | UnreadTag | undefined;
      try {
        result = await search.look(tag);
        failures.succeed();
      } catch (error) {
        result = { tag, error: failures.accept(error) };
      }
      onTag(result);
    });
  } finally {
    cache?.trim();
  }
}

class Search {
  readonly #client: RegistryClient;
  readonly #repository: Repository;
  readonly #wanted: string;
  readonly #listed: ListedManifests;
  readonly #content: ContentReader;
  /** What indexes list, by their digests; each is read once. */
  readonly #lists = new Map<string, Promise<readonly Descriptor[]>>();

  constructor(
    client: RegistryClient,
    repository: Repository,
    wanted: string,
    { cache, listed }: Pick<FindTagsOptions, "cache" | "listed">,
  ) {
    this.#client = client;
    this.#repository = repository;
    this.#wanted = wanted;
    this.#listed = listed;
    this.#content = new ContentReader(client, repository, cache);
  }

  /** Whether a tag leads to what is wanted. */
  async look(tag: string): Promise<TagMatch | undefined> {
    const pointer = await this.#find(tag);
    const { digest, mediaType } = pointer;
    if (digest === this.#wanted) return { tag, digest, match: "same" };
    const found = isIndexType(mediaType) ? await this.#findIn(pointer, 1) : undefined;
    if (!found) return undefined;
    const platform = tryParsePlatform(found.platform);
    return { tag, digest, match: "index", platform: platform && formatPlatform(platform) };
  }

  async #find(tag: string): Promise<ManifestPointer> {
    // Some registries list what is no tag, and it would be part of a URL.
    if (!isTag(tag)) throw new RegctlError("INVALID_RESPONSE", "It is not valid as a tag");
    const told = this.#listed.ofTag(tag);
    if (told?.mediaType !== undefined) return { digest: told.digest, mediaType: told.mediaType };
    const found = await lookUpManifest(this.#client, { repository: this.#repository, tag });
    const { descriptor: { digest, mediaType } } = found;
    const manifest = this.#content.keep(found);
    if (manifest) this.#lists.set(digest, Promise.resolve(manifest.manifests));
    return { digest, mediaType };
  }

  /** How an index, or one that it lists, points to what is wanted. */
  async #findIn(pointer: ManifestPointer, depth: number): Promise<Descriptor | undefined> {
    const list = await this.#list(pointer);
    const found = list.find(({ digest }) => digest === this.#wanted);
    if (found) return found;
    for (const child of list.filter(({ mediaType }) => isIndexType(mediaType))) {
      if (depth >= MAX_DEPTH) {
        throw new RegctlError("INVALID_RESPONSE", "It lists indexes in indexes without end");
      }
      // An index need not have all that it lists.
      const inner = await ifThere(this.#findIn(child, depth + 1));
      if (inner) return inner;
    }
    return undefined;
  }

  #list(pointer: ManifestPointer): Promise<readonly Descriptor[]> {
    const { digest } = pointer;
    const known = this.#lists.get(digest);
    if (known) return known;
    const begun = this.#content.manifest(pointer).then(({ manifests }) => manifests);
    this.#lists.set(digest, begun);
    return begun;
  }
}
