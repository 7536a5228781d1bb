import { RegctlError } from "../errors.ts";
import { tryParseDigest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { CREATED_ANNOTATION } from "../oci/image_date.ts";
import { isImageConfigType, isImageType, isIndexType } from "../oci/media_types.ts";
import { isPlaceholder, tryParsePlatform } from "../oci/platform.ts";
import type { Reference } from "../reference/reference.ts";
import { formatRepository, type Repository } from "../reference/repository.ts";
import { isTag } from "../reference/tag.ts";
import type { RegistryClient } from "../registry/client.ts";
import { type ListedManifest, tryReadListedManifests } from "../registry/google_manifests.ts";
import { ifThere } from "../registry/if_there.ts";
import { getManifest, type ManifestContent } from "../registry/manifests.ts";
import { referrers } from "../registry/referrers.ts";
import { forEach } from "../for_each.ts";
import { allTagPages } from "../registry/list_tags.ts";
import type { ManifestNode, Snapshot } from "./snapshot.ts";

// Nobody nests indexes deeper, and a registry must not lead us on and on.
const MAX_DEPTH = 4;
/** A signature of an SBOM of a signature: nobody goes further. */
const MAX_REFERRER_DEPTH = 6;

/** How {@linkcode readSnapshot} reads. */
export interface ReadSnapshotOptions {
  /** Requests at a time. */
  readonly concurrency: number;
  /** Whether untagged manifests are wanted, where the registry tells of them. */
  readonly untagged: boolean;
  /** Whether referrers are wanted that no tag leads to: a request for each manifest. */
  readonly referrers: boolean;
  /** Manifests that count whether a tag leads to them or not, where they are there. */
  readonly digests: readonly string[];
  /** Told how far it is. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Reads all that the tags of a repository lead to: a page of tags, a request a tag, and one for each
 * manifest that indexes list.
 *
 * Throws where anything cannot be read, since it could be what keeps the rest alive: but for a tag
 * or a manifest that is listed and not there, and one of Docker's schema 1, which needs nothing.
 */
export async function readSnapshot(
  client: RegistryClient,
  repository: Repository,
  options: ReadSnapshotOptions,
): Promise<Snapshot> {
  const reader = new Reader(client, repository, options);
  await reader.list();
  await reader.readTags();
  await reader.readUntagged();
  await reader.readDigests();
  await reader.readChildren();
  if (options.referrers) await reader.readReferrers();
  return reader.finish();
}

class Reader {
  readonly #client: RegistryClient;
  readonly #repository: Repository;
  readonly #options: ReadSnapshotOptions;
  readonly #listed: string[] = [];
  readonly #known = new Map<string, ListedManifest>();
  readonly #tags = new Map<string, string>();
  readonly #unreadable = new Map<string, string>();
  readonly #manifests = new Map<string, ManifestNode>();
  /** Manifests that indexes list and that were not read yet. */
  #pending = new Map<string, Descriptor>();
  #isListedByGoogle = false;

  constructor(client: RegistryClient, repository: Repository, options: ReadSnapshotOptions) {
    this.#client = client;
    this.#repository = repository;
    this.#options = options;
  }

  async list(): Promise<void> {
    for await (
      const { entries, dropped, document } of allTagPages(this.#client, this.#repository)
    ) {
      for (const entry of entries) this.#listed.push(entry);
      if (dropped > 0) throw this.#incomplete(`${dropped} of the tags are not text`);
      const manifests = tryReadListedManifests(document);
      this.#isListedByGoogle ||= manifests !== undefined;
      for (const one of manifests ?? []) this.#known.set(one.digest, one);
    }
    if (this.#options.untagged && !this.#isListedByGoogle) {
      throw new RegctlError(
        "UNSUPPORTED",
        `${this.#client.baseUrl.host} does not tell which manifests have no tag`,
        { hint: "Leave out --untagged; such a registry collects them by itself, or not at all" },
      );
    }
  }

  async readTags(): Promise<void> {
    const { concurrency, onProgress } = this.#options;
    const digests = new Map<string, string>();
    for (const { digest, tags } of this.#known.values()) {
      for (const tag of tags) digests.set(tag, digest);
    }
    let done = 0;
    await forEach(this.#listed, concurrency, async (tag) => {
      const digest = digests.get(tag);
      if (!isTag(tag)) this.#unreadable.set(tag, "it is not valid as a tag");
      else if (digest === undefined) await this.#readTag(tag, { tag });
      else if (this.#manifests.has(digest)) this.#tags.set(tag, digest);
      else await this.#readTag(tag, { digest });
      onProgress?.(++done, this.#listed.length);
    });
  }

  async #readTag(tag: string, where: Pick<Reference, "tag" | "digest">): Promise<void> {
    try {
      const content = await this.#get(where);
      this.#tags.set(tag, content.descriptor.digest);
      this.#add(content);
    } catch (error) {
      const code = error instanceof RegctlError ? error.code : undefined;
      const reason = code === "NOT_FOUND"
        ? "it is listed, but has no manifest"
        : code === "UNSUPPORTED"
        ? "its manifest is of Docker's schema 1"
        : undefined;
      if (reason === undefined) throw error;
      this.#unreadable.set(tag, reason);
    }
  }

  async readUntagged(): Promise<void> {
    if (!this.#options.untagged) return;
    const untagged = [...this.#known.values()].filter(({ tags }) => tags.length === 0);
    await forEach(untagged, this.#options.concurrency, ({ digest }) => this.#tryAdd(digest));
  }

  /** What was deleted meanwhile, or is of schema 1 and needs nothing, is in no plan either way. */
  async #tryAdd(digest: string): Promise<void> {
    if (this.#manifests.has(digest)) return;
    try {
      this.#add(await this.#get({ digest }));
    } catch (error) {
      const code = error instanceof RegctlError ? error.code : undefined;
      if (code !== "NOT_FOUND" && code !== "UNSUPPORTED") throw error;
    }
  }

  async readDigests(): Promise<void> {
    const { digests, concurrency } = this.#options;
    const wanted = new Set(digests.filter((digest) => tryParseDigest(digest)));
    await forEach(wanted, concurrency, (digest) => this.#tryAdd(digest));
  }

  async readChildren(): Promise<void> {
    for (let depth = 1; this.#pending.size > 0; depth++) {
      if (depth > MAX_DEPTH) throw this.#incomplete("it has indexes in indexes without end");
      const wave = [...this.#pending.values()].filter(({ digest }) => !this.#manifests.has(digest));
      this.#pending = new Map();
      await forEach(wave, this.#options.concurrency, async (child) => {
        // An index need not have all that it lists.
        const content = await ifThere(this.#get({ digest: child.digest }, child));
        if (content) this.#add(content);
      });
    }
  }

  async readReferrers(): Promise<void> {
    const repository = this.#repository;
    const asked = new Set<string>();
    for (let depth = 1;; depth++) {
      const wave = [...this.#manifests.keys()].filter((digest) => !asked.has(digest));
      if (wave.length === 0) return;
      if (depth > MAX_REFERRER_DEPTH) throw this.#incomplete("its referrers have no end");
      for (const digest of wave) asked.add(digest);
      await forEach(wave, this.#options.concurrency, async (digest) => {
        for await (const one of referrers(this.#client, repository, digest)) {
          if (!this.#manifests.has(one.digest)) this.#pending.set(one.digest, one);
        }
      });
      await this.readChildren();
    }
  }

  async #get(
    where: Pick<Reference, "tag" | "digest">,
    descriptor?: Descriptor,
  ): Promise<ManifestContent> {
    const reference = { repository: this.#repository, ...where };
    return await getManifest(this.#client, reference, { descriptor });
  }

  #add({ descriptor, manifest }: ManifestContent): void {
    const { digest, mediaType, size } = descriptor;
    if (this.#manifests.has(digest)) return;
    const { config, layers, manifests, subject, annotations } = manifest;
    const created = annotations?.[CREATED_ANNOTATION];
    this.#manifests.set(digest, {
      ...{ digest, mediaType, size },
      children: manifests.map((child) => child.digest),
      images: manifests.filter(isImage).map((child) => child.digest),
      blobs: [...(config ? [config] : []), ...layers].map(({ digest, size }) => ({ digest, size })),
      ...(config && isImageConfigType(config.mediaType) && { config }),
      ...(subject && { subject: subject.digest }),
      ...(created !== undefined && { createdAnnotation: created }),
    });
    for (const child of manifests) {
      // An index may list anything; what is no manifest needs nothing.
      if (isIndexType(child.mediaType) || isImageType(child.mediaType)) {
        this.#pending.set(child.digest, child);
      }
    }
  }

  #incomplete(reason: string): RegctlError {
    const name = formatRepository(this.#repository);
    return new RegctlError("PARTIAL", `Cannot look at all of "${name}": ${reason}`);
  }

  finish(): Snapshot {
    const uploads = [...this.#known.values()].flatMap(({ digest, uploadedAt }) =>
      uploadedAt === undefined ? [] : [[digest, uploadedAt] as const]
    );
    return {
      repository: this.#repository,
      tags: this.#tags,
      unreadable: this.#unreadable,
      manifests: this.#manifests,
      untagged: this.#options.untagged
        ? [...this.#known.values()].flatMap(({ digest, tags }) => tags.length === 0 ? [digest] : [])
        : [],
      uploadedAt: new Map(uploads),
    };
  }
}

function isImage(descriptor: Descriptor): boolean {
  const platform = tryParsePlatform(descriptor.platform);
  return !platform || !isPlaceholder(platform);
}
