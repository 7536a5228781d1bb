import { RegctlError } from "../errors.ts";
import { isObject } from "../oci/json_object.ts";
import { type Descriptor, type Manifest, parseManifest } from "../oci/manifest.ts";
import { isIndexType } from "../oci/media_types.ts";
import { type Platform, tryParsePlatform } from "../oci/platform.ts";
import { tryParseJson } from "../oci/try_parse_json.ts";
import type { Reference } from "../reference/reference.ts";
import type { Repository } from "../reference/repository.ts";
import { isTag } from "../reference/tag.ts";
import { getBlob, MAX_CONFIG_BYTES } from "../registry/blobs.ts";
import type { RegistryClient } from "../registry/client.ts";
import { ifThere } from "../registry/if_there.ts";
import {
  type FoundManifest,
  getManifest,
  lookUpManifest,
  type ManifestContent,
} from "../registry/manifests.ts";
import type { ContentCache } from "./content_cache.ts";
import { IndexMemo } from "./index_memo.ts";

// Nobody nests indexes deeper, and a registry must not lead us on and on.
const MAX_DEPTH = 3;
/** Indexes in one index, each of which is got. */
const MAX_INNER_INDEXES = 32;
/** What an index lists, with those in it: some have thousands of attestations. */
const MAX_LISTED = 10_000;

/** What the configuration of an image says of it. */
export interface ConfigFacts {
  /** Any value that stands there. */
  readonly created: unknown;
  readonly platform: Platform | undefined;
}

/** What points to a manifest; a size that was not verified is better left out. */
export type ManifestPointer = Pick<Descriptor, "digest" | "mediaType"> & {
  readonly size?: number | undefined;
};

/** What a tag points to, with the manifest where it had to be got to know that. */
export interface FoundTag {
  readonly pointer: ManifestPointer;
  readonly manifest: Manifest | undefined;
}

/** Reads content of a repository by its digest: from the cache, or else from the registry. */
export class ContentReader {
  readonly #client: RegistryClient;
  readonly #repository: Repository;
  readonly #cache: ContentCache | undefined;
  readonly #indexes = new IndexMemo();
  /** Some HEAD request was answered, so that one which finds nothing means that. */
  #knowsHead = false;

  constructor(client: RegistryClient, repository: Repository, cache: ContentCache | undefined) {
    this.#client = client;
    this.#repository = repository;
    this.#cache = cache;
  }

  /**
   * What a tag points to. Throws as {@linkcode getManifest} does, and for what is no tag.
   *
   * @param method HEAD, which may become a GET where the registry does not answer it
   */
  async find(tag: string, method: "HEAD" | "GET"): Promise<FoundTag> {
    // Some registries list what is no tag, and it would be part of a URL.
    if (!isTag(tag)) throw new RegctlError("INVALID_RESPONSE", "It is not valid as a tag");
    const reference = { repository: this.#repository, tag };
    const found = await ifThere(method === "HEAD" ? this.#lookUp(reference) : this.#get(reference));
    if (!found) throw new RegctlError("NOT_FOUND", "It is listed, but has no manifest");
    const { descriptor: { digest, mediaType }, manifest } = found;
    if (manifest && isIndexType(mediaType)) {
      await this.#indexes.get(digest, () => Promise.resolve(manifest));
    }
    return { pointer: { digest, mediaType }, manifest };
  }

  /** Whether a manifest is in the cache. */
  hasManifest(pointer: ManifestPointer): boolean {
    return this.#cachedManifest(pointer) !== undefined;
  }

  /** The manifest that something points to; throws as {@linkcode getManifest} does. */
  manifest(pointer: ManifestPointer): Promise<Manifest> {
    return isIndexType(pointer.mediaType)
      ? this.#indexes.get(pointer.digest, () => this.#readManifest(pointer))
      : this.#readManifest(pointer);
  }

  /**
   * All that an index lists, each once, with what the indexes in it list; what they list and is not
   * there is left out. Throws `INVALID_RESPONSE` where that has no end.
   */
  async listAll(index: Manifest): Promise<readonly Descriptor[]> {
    const all = new Map<string, Descriptor>();
    let inner = 0;
    const visit = async ({ manifests }: Manifest, depth: number): Promise<void> => {
      for (const descriptor of manifests) {
        if (all.has(descriptor.digest)) continue;
        all.set(descriptor.digest, descriptor);
        if (all.size > MAX_LISTED) throw refuse(`more than ${MAX_LISTED} manifests`);
        if (!isIndexType(descriptor.mediaType)) continue;
        if (depth >= MAX_DEPTH) throw refuse("indexes in indexes without end");
        if (++inner > MAX_INNER_INDEXES) throw refuse(`more than ${MAX_INNER_INDEXES} indexes`);
        const child = await ifThere(this.manifest(descriptor));
        if (child) await visit(child, depth + 1);
      }
    };
    await visit(index, 1);
    return [...all.values()];
  }

  /** What a configuration says; throws as {@linkcode getBlob} does. */
  async config(descriptor: Descriptor): Promise<ConfigFacts> {
    const cached = this.#cache?.read(descriptor.digest);
    const isFit = cached?.byteLength === descriptor.size;
    const document = tryParseJson(isFit ? cached : await this.#getConfig(descriptor));
    return {
      created: isObject(document) ? document["created"] : undefined,
      platform: tryParsePlatform(document),
    };
  }

  async #readManifest(pointer: ManifestPointer): Promise<Manifest> {
    const cached = this.#cachedManifest(pointer);
    if (cached) return cached;
    const { digest, mediaType, size } = pointer;
    const descriptor = size === undefined ? undefined : { digest, mediaType, size };
    const reference = { repository: this.#repository, digest };
    return (await this.#get(reference, descriptor)).manifest;
  }

  #cachedManifest({ digest, mediaType, size }: ManifestPointer): Manifest | undefined {
    const bytes = this.#cache?.read(digest);
    if (!bytes || bytes.byteLength !== (size ?? bytes.byteLength)) return undefined;
    try {
      return parseManifest(bytes, mediaType);
    } catch (error) {
      if (!(error instanceof RegctlError)) throw error;
      // The registry is asked, and what is wrong is told as ever.
      return undefined;
    }
  }

  async #get(reference: Reference, descriptor?: Descriptor): Promise<ManifestContent> {
    const content = await getManifest(this.#client, reference, { descriptor });
    this.#cache?.write(content.descriptor.digest, content.bytes);
    return content;
  }

  async #lookUp(reference: Reference): Promise<FoundManifest> {
    const options = { trustsHead: this.#knowsHead };
    const found = await lookUpManifest(this.#client, reference, options);
    if (found.bytes) this.#cache?.write(found.descriptor.digest, found.bytes);
    else this.#knowsHead = true;
    return found;
  }

  async #getConfig(descriptor: Descriptor): Promise<Uint8Array> {
    const bytes = await getBlob(this.#client, this.#repository, descriptor, MAX_CONFIG_BYTES);
    this.#cache?.write(descriptor.digest, bytes);
    return bytes;
  }
}

function refuse(what: string): RegctlError {
  return new RegctlError("INVALID_RESPONSE", `It lists ${what}`);
}
