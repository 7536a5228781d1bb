import { isIndexType } from "../oci/media_types.ts";
import type { Platform } from "../oci/platform.ts";
import { Pauses } from "../pauses.ts";
import { formatRepository, type Repository } from "../reference/repository.ts";
import type { RegistryClient } from "../registry/client.ts";
import { Budget } from "./budget.ts";
import type { ContentCache } from "./content_cache.ts";
import { ContentReader, type FoundTag, type ManifestPointer } from "./content_reader.ts";
import { FactsReader, toDate } from "./facts_reader.ts";
import { type ListedManifests, tells } from "./listed_manifests.ts";
import { type Fact, type TagFacts, type TagRow, type UnreadTag } from "./tag_facts.ts";
import { TagLoop } from "./tag_loop.ts";

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
  /** Told of each tag that was asked for ahead of its turn. Default: nobody is. */
  readonly onAhead?: (done: number, total: number) => void;
  /** How many of them may be enough: that many are asked ahead at first. Default: all. */
  readonly mayBeEnough?: number | undefined;
  /** Whether there are enough of them, so that no more are read. Default: there never are. */
  readonly isEnough?: () => boolean;
}

/**
 * Reads the facts of tags, a few at a time, in their order. What cannot be read is a row with the
 * reason. A tag takes one request, each further manifest and each configuration one; what is in the
 * cache takes none. Where GET requests are counted, or the tag was read before, it is asked for by a
 * HEAD request first.
 *
 * Throws the signal's reason, and what is about all of the tags: `RATE_LIMITED`, also before it
 * begins, or a failure that each of many had.
 */
export async function readTags(
  client: RegistryClient,
  repository: Repository,
  tags: readonly string[],
  options: ReadTagsOptions,
): Promise<void> {
  const { cache } = options;
  const name = `${client.baseUrl.host}/${repository.path}`;
  const known = cache?.tagsRead(name) ?? new Set();
  const reading = new Reading(client, repository, options, known);
  try {
    await reading.run(tags);
  } finally {
    const { tagsRead } = reading;
    if ([...tagsRead].some((tag) => !known.has(tag))) {
      cache?.noteTagsRead(name, new Set([...tagsRead, ...known]));
    }
    cache?.trim();
  }
}

class Reading {
  /** Those whose content was read. */
  readonly tagsRead = new Set<string>();
  readonly #repository: Repository;
  readonly #options: ReadTagsOptions;
  readonly #known: ReadonlySet<string>;
  readonly #budget = new Budget();
  readonly #loop: TagLoop;
  readonly #content: ContentReader;
  readonly #facts: FactsReader;
  /** What was asked ahead of its turn. */
  readonly #ahead = new Map<string, FoundTag | UnreadTag>();

  constructor(
    client: RegistryClient,
    repository: Repository,
    options: ReadTagsOptions,
    known: ReadonlySet<string>,
  ) {
    this.#repository = repository;
    this.#options = options;
    this.#known = known;
    this.#loop = new TagLoop(this.#budget.watch(client), options.concurrency);
    this.#content = new ContentReader(this.#loop.client, repository, options.cache);
    this.#facts = new FactsReader(this.#content, options.listed, options);
  }

  async run(tags: readonly string[]): Promise<void> {
    const { isEnough = () => false, mayBeEnough = tags.length } = this.#options;
    const entries = [...tags.entries()];
    let next = 0;
    // Of a registry that nobody knows the first answer tells whether it counts.
    while (next < entries.length && !this.#isCounted && !this.#budget.isTold && !isEnough()) {
      const first = next;
      while (next < tags.length && this.#fromListing(tags[next] ?? "")) next++;
      await this.#read(entries.slice(first, ++next));
    }
    for (let count = mayBeEnough; next < entries.length && !isEnough(); count *= 2) {
      const some = entries.slice(next, this.#isCounted ? next + count : undefined);
      if (this.#isCounted) await this.#askAhead(some);
      await this.#read(some);
      next += some.length;
    }
  }

  /** Whether GET requests for manifests are counted. */
  get #isCounted(): boolean {
    return this.#repository.registry.isDockerHub || this.#budget.isLimited;
  }

  async #read(entries: readonly (readonly [number, string])[]): Promise<void> {
    const { onRow, isEnough } = this.#options;
    await this.#loop.run(entries, {
      read: (tag) => this.#readTag(tag),
      take: onRow,
      ...(isEnough && { isEnough }),
    });
  }

  /** Undefined where it has no image for the platform. */
  async #readTag(tag: string): Promise<TagFacts | undefined> {
    const told = this.#fromListing(tag);
    if (told) return told;
    const ahead = this.#ahead.get(tag);
    this.#ahead.delete(tag);
    if (ahead && "error" in ahead) throw ahead.error;
    const { pointer, manifest } = ahead ?? await this.#find(tag);
    const facts = await this.#facts.read(pointer, manifest);
    this.tagsRead.add(tag);
    const { digest } = pointer;
    const pushed = toDate(this.#options.listed.get(digest)?.uploadedAt);
    return facts && { tag, digest, pushed, ...facts };
  }

  /** What the listing tells of a tag, where that is all that is wanted. */
  #fromListing(tag: string): TagFacts | undefined {
    const { listed, wants } = this.#options;
    const told = listed.ofTag(tag);
    if (!told || !tells(told, wants)) return undefined;
    const { digest, mediaType, createdAt, uploadedAt, size } = told;
    return { tag, digest, mediaType, created: toDate(createdAt), pushed: toDate(uploadedAt), size };
  }

  /** What a tag points to: as the listing tells, or as the registry says to a HEAD or a GET. */
  async #find(tag: string): Promise<FoundTag> {
    const told = this.#options.listed.ofTag(tag);
    if (!told) {
      return await this.#content.find(
        tag,
        this.#isCounted || this.#known.has(tag) ? "HEAD" : "GET",
      );
    }
    const { digest, mediaType = "" } = told;
    return { pointer: { digest, mediaType }, manifest: undefined };
  }

  /**
   * Asks for tags by HEAD requests, which are not counted, and for the indexes among what they point
   * to; throws `RATE_LIMITED` as soon as it is known that what is to be got is more than is left.
   */
  async #askAhead(entries: readonly (readonly [number, string])[]): Promise<void> {
    const { onAhead = () => {} } = this.#options;
    const task = `read the tags of "${formatRepository(this.#repository)}"`;
    const asked = entries.filter(([, tag]) => !this.#fromListing(tag));
    let done = 0;
    await this.#loop.run(asked, {
      read: (tag) => this.#find(tag),
      take: (_, found, tag) => {
        onAhead(++done, asked.length);
        if ("error" in found) return void this.#ahead.set(tag, found);
        const { pointer, manifest } = found;
        // All of them at once would be too much to keep.
        this.#ahead.set(tag, { pointer, manifest: undefined });
        // Where a registry knows no HEAD, the next one costs as much.
        if (manifest && !this.#content.knowsHead) {
          this.#budget.assertSuffices(asked.length - done, task);
        }
      },
    });
    const missing = new Set<string>();
    const indexes = new Map<string, ManifestPointer>();
    const pauses = new Pauses();
    for (const found of this.#ahead.values()) {
      if ("error" in found) continue;
      const { pointer } = found;
      if (isIndexType(pointer.mediaType)) indexes.set(pointer.digest, pointer);
      if (!this.#content.hasManifest(pointer)) missing.add(pointer.digest);
      await pauses.take(this.#loop.client.signal);
    }
    this.#budget.assertSuffices(missing.size, task);
    // As if each were a tag: what is wrong with one is told when its turn comes.
    const images = new Set<string>();
    await this.#loop.run([...indexes.keys()].entries(), {
      read: async (digest) => {
        missing.delete(digest);
        return await this.#facts.listNeeded(indexes.get(digest) ?? { digest, mediaType: "" });
      },
      take: (_, needed) => {
        if ("error" in needed) return;
        for (const one of needed) if (!this.#content.hasManifest(one)) images.add(one.digest);
      },
    });
    for (const digest of images) missing.add(digest);
    this.#budget.assertSuffices(missing.size, task);
  }
}
