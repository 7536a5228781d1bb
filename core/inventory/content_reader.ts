import { tryParseDateTime } from "../date_time.ts";
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
import { Memo } from "./memo.ts";

// Nobody nests indexes deeper, and a registry must not lead us on and on.
const MAX_DEPTH = 3;
/** Indexes in one index, each of which is got. */
const MAX_INNER_INDEXES = 32;
/** What an index lists, with those in it: some have thousands of attestations. */
const MAX_LISTED = 10_000;

/** Of indexes that are kept, as they are sent: a thousand real ones and more. */
const MAX_INDEX_BYTES = 8 * 1024 * 1024;

/** What the configuration of an image says of it. */
export interface ConfigFacts {
  /** Of RFC 3339. */
  readonly created: string | undefined;
  readonly platform: Platform | undefined;
}

/** An index, and how long it is as it was sent. */
interface ReadIndex {
  readonly manifest: Manifest;
  readonly bytes: number;
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
  readonly #indexes = new Memo<ReadIndex>({ max: MAX_INDEX_BYTES, costOf: ({ bytes }) => bytes });
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
    const { descriptor: { digest, mediaType }, manifest, bytes } = found;
    if (manifest && bytes && isIndexType(mediaType)) {
      const index = { manifest, bytes: bytes.byteLength };
      await this.#indexes.get(digest, () => Promise.resolve(index));
    }
    return { pointer: { digest, mediaType }, manifest };
  }

  /** Whether the registry answered a HEAD request, so that one which finds nothing means that. */
  get knowsHead(): boolean {
    return this.#knowsHead;
  }

  /** Whether a manifest is in the cache. */
  hasManifest({ digest }: ManifestPointer): boolean {
    return this.#cache?.read(digest) !== undefined;
  }

  /** The manifest that something points to; throws as {@linkcode getManifest} does. */
  async manifest(pointer: ManifestPointer): Promise<Manifest> {
    const { manifest } = isIndexType(pointer.mediaType)
      ? await this.#indexes.get(pointer.digest, () => this.#readManifest(pointer))
      : await this.#readManifest(pointer);
    return manifest;
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
    const created = isObject(document) ? document["created"] : undefined;
    return { created: readDate(created), platform: tryParsePlatform(document) };
  }

  async #readManifest(pointer: ManifestPointer): Promise<ReadIndex> {
    const cached = this.#cachedManifest(pointer);
    if (cached) return cached;
    const { digest, mediaType, size } = pointer;
    const descriptor = size === undefined ? undefined : { digest, mediaType, size };
    const reference = { repository: this.#repository, digest };
    const { manifest, bytes } = await this.#get(reference, descriptor);
    return { manifest, bytes: bytes.byteLength };
  }

  #cachedManifest({ digest, mediaType, size }: ManifestPointer): ReadIndex | undefined {
    const bytes = this.#cache?.read(digest);
    if (!bytes || bytes.byteLength !== (size ?? bytes.byteLength)) return undefined;
    try {
      return { manifest: parseManifest(bytes, mediaType), bytes: bytes.byteLength };
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

/** Any value as a date of RFC 3339, if it is one. */
export function readDate(value: unknown): string | undefined {
  return typeof value === "string" && tryParseDateTime(value) !== undefined ? value : undefined;
}

function refuse(what: string): RegctlError {
  return new RegctlError("INVALID_RESPONSE", `It lists ${what}`);
}
