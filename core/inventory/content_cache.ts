import type { CacheFolder, CacheSize, Host } from "../host.ts";
import { tryParseDigest } from "../oci/digest.ts";
import { computeDigest } from "../oci/hash.ts";

/** The folders of the cache: content by the algorithm of its digest, and which repositories were read. */
const FOLDERS = ["sha256", "sha512", "read"] as const;

/** Manifests have a few thousand bytes, configurations some ten thousand. */
const MAX_ENTRY_BYTES = 256 * 1024;
/** Digests spread evenly over the folders named by their first two digits. */
const MAX_FOLDER_BYTES = 1024 * 1024;
/** About as many bytes as the cache takes up at most. */
export const MAX_CACHE_BYTES = 256 * MAX_FOLDER_BYTES;

/** Where the cache is: `$XDG_CACHE_HOME/regctl`, else `~/.cache/regctl`. */
export function cachePath(host: Host): string {
  const given = host.env("XDG_CACHE_HOME") ?? "";
  // A relative path is to be ignored, says the XDG Base Directory Specification.
  const home = given.startsWith("/") ? given : `${host.homeDirectory}/.cache`;
  return `${home}/regctl`;
}

/**
 * Manifests and configurations by their digests: what can never change. What is read from it is
 * verified, so that it is as good as what a registry sends, and whoever changes a file has it read
 * again from there. It never fails: at worst it is empty.
 */
export class ContentCache {
  readonly #folder: CacheFolder;

  private constructor(folder: CacheFolder) {
    this.#folder = folder;
  }

  /** Undefined where there can be none. */
  static async open(host: Host): Promise<ContentCache | undefined> {
    const folder = await host.openCache(cachePath(host));
    return folder && new ContentCache(folder);
  }

  /** The content of a digest, verified; undefined where it is not there. */
  read(digest: string): Uint8Array | undefined {
    const name = toName(digest);
    const bytes = name && this.#folder.read(name, MAX_ENTRY_BYTES);
    if (!name || !bytes) return undefined;
    if (computeDigest(bytes, tryParseDigest(digest)?.algorithm) === digest) return bytes;
    this.#folder.remove(name);
    return undefined;
  }

  /** Keeps content that was verified. What is too large is not kept. */
  write(digest: string, bytes: Uint8Array): void {
    const name = toName(digest);
    if (name && bytes.byteLength <= MAX_ENTRY_BYTES) this.#folder.write(name, bytes);
  }

  /** Whether the tags of a repository were read before: then most of what they point to is here. */
  wasRead(repository: string): boolean {
    return this.#folder.read(toMark(repository), MAX_ENTRY_BYTES) !== undefined;
  }

  /** Notes that the tags of a repository were read. */
  markRead(repository: string): void {
    this.#folder.write(toMark(repository), new Uint8Array());
  }

  /** Makes room where too much was written. To be called when all was. */
  trim(): void {
    this.#folder.trim(MAX_FOLDER_BYTES);
  }

  /** How much there is. */
  measure(): CacheSize {
    return this.#folder.measure(FOLDERS);
  }

  /** Removes all of it, and tells how much it was. */
  clear(): CacheSize {
    return this.#folder.clear(FOLDERS);
  }
}

function toName(digest: string): string | undefined {
  const parsed = tryParseDigest(digest);
  return parsed && `${parsed.algorithm}/${parsed.encoded.slice(0, 2)}/${parsed.encoded}`;
}

/** The name of a repository could be any path; its digest is none. */
function toMark(repository: string): string {
  const { encoded = "" } = tryParseDigest(computeDigest(new TextEncoder().encode(repository))) ??
    {};
  return `read/${encoded.slice(0, 2)}/${encoded}`;
}
