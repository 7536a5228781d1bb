import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { formatDigest, tryParseDigest, type VerifiableDigest } from "../oci/digest.ts";
import {
  artifactTypeOf,
  type Descriptor,
  type Manifest,
  MAX_MANIFEST_BYTES,
  parseManifest,
} from "../oci/manifest.ts";
import { isImageType, isIndexType } from "../oci/media_types.ts";
import { errorCode } from "../runtime/error_code.ts";
import type { BlobPool } from "./blob_pool.ts";
import { IndexFile } from "./index_file.ts";
import type { LayoutIndex } from "./layout_index.ts";
import { blobPath } from "./paths.ts";
import { Problem } from "./problem.ts";
import type { Scratch } from "./scratch.ts";

/** A manifest as it is served. */
export interface StoredManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
}

/** A blob as it is served. */
export interface StoredBlob {
  readonly path: string;
  readonly size: number;
}

/** How a manifest is to be stored. */
export interface PutManifestOptions {
  /** What it was pushed as, without parameters; empty when that was not said. */
  readonly contentType: string;
  /** The digest it must have. Default: any, of sha256. */
  readonly digest?: VerifiableDigest | undefined;
  /** The tags it gets. Default: none. */
  readonly tags?: readonly string[];
}

/** One repository, kept as an image layout (image-spec, image-layout.md). */
export class RepositoryStore {
  readonly #layout: string;
  readonly #pool: BlobPool;
  readonly #scratch: Scratch;
  readonly #index: IndexFile;
  /** The digest of the subject that a manifest has, or that it has none: such content never changes. */
  readonly #subjects = new Map<string, string | undefined>();

  constructor(layout: string, pool: BlobPool, scratch: Scratch) {
    this.#layout = layout;
    this.#pool = pool;
    this.#scratch = scratch;
    this.#index = new IndexFile(layout, scratch, {
      complete: (entries) => this.#withChildren(entries),
      dispose: (digest) => this.#dispose(digest),
    });
  }

  /** The manifests and tags; undefined when there is no such repository. */
  list(): LayoutIndex | undefined {
    return this.#index.read();
  }

  /** The manifest of a tag or digest; throws `NAME_UNKNOWN`, `MANIFEST_UNKNOWN`. */
  manifest(reference: string): StoredManifest {
    const { digest, mediaType } = this.#listed(reference);
    const blob = this.#stat(digest);
    if (!isManifest(mediaType, blob)) throw unknownManifest(reference);
    return { digest, mediaType, size: blob.size };
  }

  /** The bytes of a manifest, as they were pushed. */
  async readManifest({ digest }: StoredManifest): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return await readFile(this.#path(digest));
    } catch (error) {
      // It may have been deleted a moment ago.
      throw errorCode(error) === "ENOENT" ? unknownManifest(digest) : error;
    }
  }

  /**
   * Stores a manifest byte for byte and resolves when it, and its tags, are on the disk. What it
   * consists of must be there, except for its subject and what is not meant to be pushed.
   */
  async putManifest(
    bytes: Uint8Array,
    { contentType, digest, tags = [] }: PutManifestOptions,
  ): Promise<{ readonly digest: string; readonly manifest: Manifest }> {
    const algorithm = digest?.algorithm ?? "sha256";
    const actual = { algorithm, encoded: createHash(algorithm).update(bytes).digest("hex") };
    const text = formatDigest(actual);
    if (digest && digest.encoded !== actual.encoded) {
      throw new Problem("DIGEST_INVALID", `the manifest received has the digest ${text}`);
    }
    const manifest = parsePushed(bytes, contentType);
    this.#assertComplete(manifest);
    const path = blobPath(this.#layout, actual);
    const entry = { mediaType: manifest.mediaType, digest: text, size: bytes.byteLength };
    for (let isStored = false; !isStored;) {
      const found = await readFile(path).catch(() => undefined);
      // One that is damaged is mended.
      if (!found?.equals(bytes)) {
        await mkdir(dirname(path), { recursive: true });
        await this.#scratch.replaceFile(path, bytes);
      }
      await this.#index.change((index) => {
        // A delete of the same manifest may have removed the content again.
        isStored = this.#stat(text) !== undefined;
        return isStored ? index.with(entry, tags) : index;
      });
    }
    return { digest: text, manifest };
  }

  /** Removes a tag alone; throws `NAME_UNKNOWN`, `MANIFEST_UNKNOWN`. */
  async deleteTag(tag: string): Promise<void> {
    this.#listed(tag);
    await this.#index.change((index) => index.withoutTag(tag));
  }

  /** Removes a manifest and its tags; throws `NAME_UNKNOWN`, `MANIFEST_UNKNOWN`. */
  async deleteManifest(digest: string): Promise<void> {
    const entry = this.#listed(digest);
    await this.#index.change((index) => index.withoutManifest(digest), digest);
    this.#subjects.delete(subjectKey(entry));
  }

  /**
   * The manifests whose subject is `digest` and whose own digest is behind `last`, in the order of
   * their digests, as descriptors with their artifact type and annotations (distribution-spec,
   * "Listing Referrers"). The first call reads each manifest of the repository once.
   */
  async *referrers(digest: string, last: string): AsyncGenerator<Descriptor> {
    const entries = [...this.list()?.manifests ?? []].filter((entry) => entry.digest > last);
    for (const entry of entries.sort((a, b) => a.digest < b.digest ? -1 : 1)) {
      if (await this.#subjectOf(entry) !== digest) continue;
      const manifest = await this.#readParsed(entry);
      const artifactType = manifest && artifactTypeOf(manifest);
      yield {
        mediaType: entry.mediaType,
        digest: entry.digest,
        size: entry.size,
        ...(artifactType !== undefined && { artifactType }),
        ...(manifest?.annotations && { annotations: manifest.annotations }),
      };
    }
  }

  /** A blob, or undefined when it is not in this repository. */
  blob(digest: VerifiableDigest): StoredBlob | undefined {
    return this.#stat(formatDigest(digest));
  }

  /** Takes the verified content of a file in. */
  async putBlob(path: string, digest: VerifiableDigest): Promise<void> {
    // Throws where the layout is damaged, before anything is put into it.
    this.list();
    await this.#pool.place(path, digest, this.#layout);
    await this.#create();
  }

  /** Takes a blob over from another repository, or from any; false when it is not there. */
  async mountBlob(digest: VerifiableDigest, from: RepositoryStore | undefined): Promise<boolean> {
    const isMounted = from
      ? await this.#pool.mount(digest, from.#layout, this.#layout)
      : await this.#pool.link(digest, this.#layout);
    if (isMounted) await this.#create();
    return isMounted;
  }

  /** Removes a blob; throws `NAME_UNKNOWN`, `BLOB_UNKNOWN`, and `DENIED` for what is a manifest. */
  async deleteBlob(digest: VerifiableDigest): Promise<void> {
    const text = formatDigest(digest);
    this.#existing();
    // In turn with those who make a manifest of the same content.
    await this.#index.change((index) => {
      if (index.find(text)) throw new Problem("DENIED", "this is a manifest: delete it as one");
      if (!this.#stat(text)) throw new Problem("BLOB_UNKNOWN", "there is no such blob");
      return index;
    }, text);
  }

  #existing(): LayoutIndex {
    const index = this.list();
    if (index === undefined) throw new Problem("NAME_UNKNOWN", "there is no such repository");
    return index;
  }

  #listed(reference: string): Descriptor {
    const found = this.#existing().find(reference);
    if (found === undefined) throw unknownManifest(reference);
    return found;
  }

  async #create(): Promise<void> {
    if (this.list() === undefined) await this.#index.change((index) => index);
  }

  /** Another tool's layout lists an index alone, and leaves its children to be found. */
  #withChildren(entries: readonly Descriptor[]): readonly Descriptor[] {
    const found = new Map(entries.map((entry) => [entry.digest, entry]));
    const all = [...entries];
    // It grows while it is read, so that children of children are found too.
    for (const { digest, mediaType } of all) {
      const { manifests = [] } = isIndexType(mediaType) ? this.#parse(digest, mediaType) ?? {} : {};
      for (const { mediaType, digest, size } of manifests) {
        if (found.has(digest) || !isManifest(mediaType, this.#stat(digest))) continue;
        const entry = { mediaType, digest, size };
        found.set(digest, entry);
        all.push(entry);
      }
    }
    return all;
  }

  async #subjectOf(entry: Descriptor): Promise<string | undefined> {
    const key = subjectKey(entry);
    if (!this.#subjects.has(key)) {
      const manifest = await this.#readParsed(entry);
      // What is not there now may be pushed later.
      if (manifest === undefined) return undefined;
      this.#subjects.set(key, manifest.subject?.digest);
    }
    return this.#subjects.get(key);
  }

  #assertComplete({ config, layers, manifests }: Manifest): void {
    const needed = layers.filter((layer) => !isForeign(layer));
    const index = this.list();
    const missing =
      [...config ? [config] : [], ...needed].find(({ digest }) => !this.#stat(digest)) ??
        manifests.find(({ digest, mediaType }) =>
          isManifestType(mediaType) ? !index?.find(digest) : !this.#stat(digest)
        );
    if (missing) {
      throw new Problem("MANIFEST_BLOB_UNKNOWN", `${missing.digest} is not in this repository`);
    }
  }

  async #dispose(digest: string): Promise<void> {
    const parsed = tryParseDigest(digest);
    if (parsed) await this.#pool.remove(parsed, this.#layout);
  }

  /** What a stored manifest says; undefined for one that another tool left out, or spoilt. */
  #parse(digest: string, mediaType: string): Manifest | undefined {
    if (!isManifest(mediaType, this.#stat(digest))) return undefined;
    return tryParseManifest(readFileSync(this.#path(digest)), mediaType);
  }

  /** The same, without holding other requests up. */
  async #readParsed({ digest, mediaType }: Descriptor): Promise<Manifest | undefined> {
    if (!isManifest(mediaType, this.#stat(digest))) return undefined;
    const bytes = await readFile(this.#path(digest)).catch(() => undefined);
    return bytes && tryParseManifest(bytes, mediaType);
  }

  #stat(digest: string): StoredBlob | undefined {
    const path = this.#path(digest);
    const found = statSync(path, { throwIfNoEntry: false });
    return found?.isFile() ? { path, size: found.size } : undefined;
  }

  #path(digest: string): string {
    const parsed = tryParseDigest(digest);
    if (parsed === undefined) throw new Problem("DIGEST_INVALID", "this is no digest known here");
    return blobPath(this.#layout, parsed);
  }
}

/** The same bytes can be pushed again as another type. */
function subjectKey({ digest, mediaType }: Descriptor): string {
  return `${digest} ${mediaType}`;
}

/** Larger ones, or of other types, are not taken in a push; another tool may list anything. */
function isManifest(mediaType: string, blob: StoredBlob | undefined): blob is StoredBlob {
  return isManifestType(mediaType) && blob !== undefined && blob.size <= MAX_MANIFEST_BYTES;
}

function isManifestType(mediaType: string): boolean {
  return isImageType(mediaType) || isIndexType(mediaType);
}

function tryParseManifest(bytes: Uint8Array, mediaType: string): Manifest | undefined {
  try {
    return parseManifest(bytes, mediaType);
  } catch {
    return undefined;
  }
}

function unknownManifest(reference: string): Problem {
  return new Problem("MANIFEST_UNKNOWN", `there is no manifest ${reference}`);
}

/** A layer that is had from elsewhere (image-spec, "Non-Distributable Layers"). */
function isForeign({ mediaType, ...fields }: Descriptor & { readonly urls?: unknown }): boolean {
  return /nondistributable|\.foreign\./.test(mediaType) ||
    (Array.isArray(fields.urls) && fields.urls.length > 0);
}

function parsePushed(bytes: Uint8Array, contentType: string): Manifest {
  try {
    return parseManifest(bytes, contentType);
  } catch (error) {
    throw new Problem("MANIFEST_INVALID", (error as Error).message, { cause: error });
  }
}
