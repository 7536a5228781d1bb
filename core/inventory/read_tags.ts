import { RegctlError } from "../errors.ts";
import { forEach } from "../for_each.ts";
import { isIndexType } from "../oci/media_types.ts";
import type { Platform } from "../oci/platform.ts";
import { formatRepository, type Repository } from "../reference/repository.ts";
import { isTag } from "../reference/tag.ts";
import type { RegistryClient } from "../registry/client.ts";
import { type FoundManifest, getManifest, lookUpManifest } from "../registry/manifests.ts";
import { Budget } from "./budget.ts";
import type { ContentCache } from "./content_cache.ts";
import { ContentReader, type ManifestPointer } from "./content_reader.ts";
import { FactsReader, toDate } from "./facts_reader.ts";
import { FailureWatch } from "./failure_watch.ts";
import { type ListedManifests, tells } from "./listed_manifests.ts";
import { pace } from "./pace.ts";
import type { Fact, TagFacts, TagRow } from "./tag_facts.ts";

/** How {@linkcode readTags} reads. */
export interface ReadTagsOptions {
  /** Requests at a time, and tags. */
  readonly concurrency: number;
  /** Default: nothing is kept. */
  readonly cache?: ContentCache | undefined;
  /** What the listing told. */
  readonly listed: ListedManifests;
  /** What is wanted; what costs no request more is told, too. */
  readonly wants: ReadonlySet<Fact>;
  /** Tells of the image for one of these platforms, the best first. Default: of all images. */
  readonly platforms?: readonly Platform[] | undefined;
  /** In milliseconds since the epoch. */
  readonly now: number;
  /** Told of each tag as soon as it is read; undefined for one that has no such platform. */
  readonly onRow: (index: number, row: TagRow | undefined) => void | Promise<void>;
  /** Whether there are enough of them, so that no more are read. Default: there never are. */
  readonly isEnough?: () => boolean;
}

/**
 * Reads the facts of tags, a few at a time, in their order. What cannot be read is a row with the
 * reason. A tag takes one request, each further manifest and each configuration one; what is in the
 * cache takes none. Where GET requests are counted, or the repository was read before, each tag is
 * asked for by a HEAD request first.
 *
 * Throws the signal's reason, and what is about all of the tags: `RATE_LIMITED`, also before it
 * begins, or a failure that each of many had. No new ones are begun then.
 */
export async function readTags(
  client: RegistryClient,
  repository: Repository,
  tags: readonly string[],
  options: ReadTagsOptions,
): Promise<void> {
  const { cache } = options;
  const name = `${client.baseUrl.host}/${repository.path}`;
  const reading = new Reading(client, repository, options, cache?.wasRead(name) ?? false);
  try {
    await reading.run(tags);
    cache?.markRead(name);
  } finally {
    cache?.trim();
  }
}

class Reading {
  readonly #client: RegistryClient;
  readonly #repository: Repository;
  readonly #options: ReadTagsOptions;
  readonly #wasRead: boolean;
  readonly #budget = new Budget();
  readonly #failures: FailureWatch;
  readonly #content: ContentReader;
  readonly #facts: FactsReader;
  /** What was asked ahead of its turn. */
  readonly #ahead = new Map<string, Promise<FoundManifest>>();

  constructor(
    client: RegistryClient,
    repository: Repository,
    options: ReadTagsOptions,
    wasRead: boolean,
  ) {
    this.#client = pace(this.#budget.watch(client), options.concurrency);
    this.#repository = repository;
    this.#options = options;
    this.#wasRead = wasRead;
    this.#failures = new FailureWatch(client.signal);
    this.#content = new ContentReader(this.#client, repository, options.cache);
    this.#facts = new FactsReader(this.#content, options.listed, options);
  }

  async run(tags: readonly string[]): Promise<void> {
    const { concurrency, onRow, isEnough = () => false } = this.#options;
    const left = tags.entries();
    const read = async ([i, tag]: readonly [number, string]) =>
      await onRow(i, await this.#readRow(tag));
    // Of other registries the first answer tells whether they count.
    if (!this.#isCounted) {
      const first = left.next();
      if (!first.done) await read(first.value);
    }
    const rest = [...left];
    if (this.#isCounted) await this.#assertBudget(rest.map(([, tag]) => tag));
    function* wanted() {
      for (const entry of rest) {
        if (isEnough()) return;
        yield entry;
      }
    }
    await forEach(wanted(), concurrency, read);
  }

  /** Whether GET requests for manifests are counted. */
  get #isCounted(): boolean {
    return this.#repository.registry.isDockerHub || this.#budget.isLimited;
  }

  async #readRow(tag: string): Promise<TagRow | undefined> {
    try {
      const row = this.#fromListing(tag) ?? await this.#readTag(tag);
      this.#failures.succeed();
      return row;
    } catch (error) {
      return { tag, error: this.#failures.accept(error) };
    }
  }

  /** What the listing tells of a tag, where that is all that is wanted. */
  #fromListing(tag: string): TagFacts | undefined {
    const { listed, wants } = this.#options;
    const told = listed.ofTag(tag);
    if (!told || !tells(told, wants)) return undefined;
    const { digest, mediaType, createdAt, uploadedAt, size } = told;
    return { tag, digest, mediaType, created: toDate(createdAt), pushed: toDate(uploadedAt), size };
  }

  async #readTag(tag: string): Promise<TagFacts | undefined> {
    const found = await (this.#ahead.get(tag) ?? this.#find(tag));
    this.#ahead.delete(tag);
    const { descriptor: { digest, mediaType } } = found;
    const manifest = this.#content.keep(found);
    const facts = await this.#facts.read({ digest, mediaType }, manifest);
    const pushed = toDate(this.#options.listed.get(digest)?.uploadedAt);
    return facts && { tag, digest, pushed, ...facts };
  }

  /** What a tag points to: as the listing tells, or as the registry says to a HEAD or a GET. */
  async #find(tag: string): Promise<FoundManifest> {
    // Some registries list what is no tag, and it would be part of a URL.
    if (!isTag(tag)) throw new RegctlError("INVALID_RESPONSE", "It is not valid as a tag");
    const told = this.#options.listed.ofTag(tag);
    if (told) {
      const { digest, mediaType = "" } = told;
      return { descriptor: { digest, mediaType, size: 0 } };
    }
    const reference = { repository: this.#repository, tag };
    const looksUp = this.#wasRead || this.#isCounted;
    return looksUp
      ? await lookUpManifest(this.#client, reference)
      : await getManifest(this.#client, reference);
  }

  /** Asks by HEAD requests, which are not counted, what is to be got; throws where it is too much. */
  async #assertBudget(tags: readonly string[]): Promise<void> {
    const { concurrency } = this.#options;
    const task = `read the tags of "${formatRepository(this.#repository)}"`;
    const pointers = new Map<string, ManifestPointer>();
    await forEach(tags.filter((tag) => !this.#fromListing(tag)), concurrency, async (tag) => {
      const finding = this.#find(tag);
      this.#ahead.set(tag, finding);
      // Thrown again when its turn comes.
      const found = await finding.catch(() => undefined);
      this.#client.signal?.throwIfAborted();
      if (found && !found.manifest) pointers.set(found.descriptor.digest, found.descriptor);
    });
    const missing = [...pointers.values()].filter((one) => !this.#content.hasManifest(one));
    const indexes = [...pointers.values()].filter(({ mediaType }) => isIndexType(mediaType));
    const missingIndexes = missing.filter(({ mediaType }) => isIndexType(mediaType)).length;
    // An index without an image is rare.
    this.#budget.assertSuffices(missing.length + missingIndexes, task);
    const images = new Set<string>();
    await forEach(indexes, concurrency, async ({ digest, mediaType }) => {
      const needed = await this.#facts.listNeeded({ digest, mediaType }).catch(() => []);
      this.#client.signal?.throwIfAborted();
      for (const image of needed) if (!this.#content.hasManifest(image)) images.add(image.digest);
    });
    this.#budget.assertSuffices(missing.length - missingIndexes + images.size, task);
  }
}
