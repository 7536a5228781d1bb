import { RegctlError } from "../errors.ts";
import { isObject } from "../oci/json_object.ts";
import { type Descriptor, type Manifest, parseManifest } from "../oci/manifest.ts";
import { type Platform, tryParsePlatform } from "../oci/platform.ts";
import { tryParseJson } from "../oci/try_parse_json.ts";
import type { Repository } from "../reference/repository.ts";
import { getBlob, MAX_CONFIG_BYTES } from "../registry/blobs.ts";
import type { RegistryClient } from "../registry/client.ts";
import { type FoundManifest, getManifest } from "../registry/manifests.ts";
import type { ContentCache } from "./content_cache.ts";

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

/** Reads content of a repository by its digest: from the cache, or else from the registry. */
export class ContentReader {
  readonly #client: RegistryClient;
  readonly #repository: Repository;
  readonly #cache: ContentCache | undefined;

  constructor(client: RegistryClient, repository: Repository, cache: ContentCache | undefined) {
    this.#client = client;
    this.#repository = repository;
    this.#cache = cache;
  }

  /** A manifest from the cache, where it is there and is what points to it. */
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

  /** Whether a manifest is in the cache. */
  hasManifest(pointer: ManifestPointer): boolean {
    return this.#cachedManifest(pointer) !== undefined;
  }

  /** The manifest that something points to; throws as {@linkcode getManifest} does. */
  async manifest(pointer: ManifestPointer): Promise<Manifest> {
    const cached = this.#cachedManifest(pointer);
    if (cached) return cached;
    const { digest, mediaType, size } = pointer;
    const descriptor = size === undefined ? undefined : { digest, mediaType, size };
    const reference = { repository: this.#repository, digest };
    const found = await getManifest(this.#client, reference, { descriptor });
    this.keep(found);
    return found.manifest;
  }

  /** Keeps a manifest that was got by its tag; undefined where none was. */
  keep({ descriptor: { digest }, bytes, manifest }: FoundManifest): Manifest | undefined {
    if (bytes) this.#cache?.write(digest, bytes);
    return manifest;
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

  async #getConfig(descriptor: Descriptor): Promise<Uint8Array> {
    const bytes = await getBlob(this.#client, this.#repository, descriptor, MAX_CONFIG_BYTES);
    this.#cache?.write(descriptor.digest, bytes);
    return bytes;
  }
}
