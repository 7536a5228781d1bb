import { RegctlError } from "../errors.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { isIndexType } from "../oci/media_types.ts";
import type { Repository } from "../reference/repository.ts";
import { isTag } from "../reference/tag.ts";
import type { RegistryClient } from "../registry/client.ts";
import { ifThere } from "../registry/if_there.ts";
import { getManifest } from "../registry/manifests.ts";
import { tryParseDigestTag } from "./digest_tag.ts";
import { findKnown } from "./find_known.ts";
import { forEach } from "../for_each.ts";

// Nobody nests indexes deeper, and what is deeper must not be taken for what is not there.
const MAX_DEPTH = 10;

/** What the tags of a repository point to, one request a tag. */
export class TagMap {
  readonly #client: RegistryClient;
  readonly #repository: Repository;
  readonly #descriptors: ReadonlyMap<string, Descriptor>;
  /** By digest, sorted. */
  readonly #tags = new Map<string, string[]>();

  private constructor(
    client: RegistryClient,
    repository: Repository,
    descriptors: ReadonlyMap<string, Descriptor>,
  ) {
    this.#client = client;
    this.#repository = repository;
    this.#descriptors = descriptors;
    for (const tag of [...descriptors.keys()].sort()) {
      const digest = this.digestOf(tag) ?? "";
      const same = this.#tags.get(digest);
      if (same) same.push(tag);
      else this.#tags.set(digest, [tag]);
    }
  }

  /** Asks what each of the tags points to; those that are gone are left out. */
  static async read(
    client: RegistryClient,
    repository: Repository,
    tags: Iterable<string>,
    concurrency: number,
  ): Promise<TagMap> {
    const descriptors = new Map<string, Descriptor>();
    await forEach(tags, concurrency, async (tag) => {
      // Some registries list what is no tag, and it would be part of a URL.
      const found = isTag(tag) ? await findKnown(client, { repository, tag }) : undefined;
      if (found) descriptors.set(tag, found);
    });
    return new TagMap(client, repository, descriptors);
  }

  digestOf(tag: string): string | undefined {
    return this.#descriptors.get(tag)?.digest;
  }

  /** The tags that point to a digest, sorted. */
  tagsOf(digest: string): readonly string[] {
    return this.#tags.get(digest) ?? [];
  }

  /**
   * For each manifest that tagged indexes list: the digests of these indexes. Reads all indexes but
   * those under a tag that is named after a manifest: a list of referrers does not need them.
   *
   * @param more manifests that count as if they had a tag
   */
  async readParents(
    concurrency: number,
    more: Iterable<Descriptor> = [],
  ): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    const parents = new Map<string, Set<string>>();
    const indexes = new Map<string, Descriptor>();
    const tagged = [...this.#descriptors].filter(([tag]) => tryParseDigestTag(tag) === undefined);
    for (const found of [...tagged.map(([, descriptor]) => descriptor), ...more]) {
      if (isIndexType(found.mediaType)) indexes.set(found.digest, found);
    }
    const visit = async (digest: string, top: string, depth: number): Promise<void> => {
      for (const child of await this.#readChildren(digest)) {
        const known = parents.get(child.digest) ?? new Set();
        parents.set(child.digest, known.add(top));
        if (!isIndexType(child.mediaType) || indexes.has(child.digest)) continue;
        if (depth >= MAX_DEPTH) {
          throw new RegctlError("PARTIAL", `${top} lists indexes in indexes without end`);
        }
        await visit(child.digest, top, depth + 1);
      }
    };
    await forEach(indexes.keys(), concurrency, (digest) => visit(digest, digest, 1));
    return parents;
  }

  async #readChildren(digest: string): Promise<readonly Descriptor[]> {
    const reference = { repository: this.#repository, digest };
    // An index need not have all that it lists, and what is not there lists nothing.
    return (await ifThere(getManifest(this.#client, reference)))?.manifest.manifests ?? [];
  }
}
