import type { CacheFolder, CacheSize, Host } from "../host.ts";
import { baseFolder } from "../host_folders.ts";
import { tryParseDigest } from "../oci/digest.ts";
import { computeDigest } from "../oci/hash.ts";

/** Manifests have a few thousand bytes, configurations some ten thousand. */
const MAX_ENTRY_BYTES = 256 * 1024;
/** Of one repository, as a text: some 20,000. */
const MAX_TAGS_BYTES = MAX_ENTRY_BYTES;
/** Digests spread evenly over the folders named by their first two digits. */
const MAX_FOLDER_BYTES = 1024 * 1024;
/** As many bytes as the cache takes up at most. */
export const MAX_CACHE_BYTES = 256 * MAX_FOLDER_BYTES;

/** Where the cache is: `$XDG_CACHE_HOME/regctl/content`, else in `~/.cache`. */
export function cachePath(host: Host): string {
  return `${baseFolder(host, "XDG_CACHE_HOME", ".cache")}/regctl/content`;
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
    const path = cachePath(host);
    // Not below the current folder, where there is no home.
    if (!/^([A-Za-z]:)?[/\\]/.test(path)) return undefined;
    const folder = await host.openCache(path, { maxFolderBytes: MAX_FOLDER_BYTES });
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

  /**
   * The tags of a repository whose content was read before. Where they point to may be here, or not:
   * it says no more than which request is the cheaper one.
   */
  tagsRead(repository: string): ReadonlySet<string> {
    const bytes = this.#folder.read(toTagsName(repository), MAX_TAGS_BYTES) ?? new Uint8Array();
    return new Set(new TextDecoder().decode(bytes).split("\n").filter((tag) => tag !== ""));
  }

  /** Notes of which tags of a repository the content was read; of very many not all. */
  noteTagsRead(repository: string, tags: ReadonlySet<string>): void {
    let text = "";
    for (const tag of tags) {
      if (text.length + tag.length >= MAX_TAGS_BYTES) break;
      text += `${tag}\n`;
    }
    const name = toTagsName(repository);
    this.#folder.remove(name);
    this.#folder.write(name, new TextEncoder().encode(text));
  }

  /** Makes room where too much was written. To be called when all was. */
  trim(): void {
    this.#folder.trim();
  }

  /** How much there is. */
  measure(): CacheSize {
    return this.#folder.measure();
  }

  /** Removes all of it, and tells how much that was, and how many files cannot be removed. */
  clear(): CacheSize & { readonly failed: number } {
    return this.#folder.clear();
  }
}

function toName(digest: string): string | undefined {
  const parsed = tryParseDigest(digest);
  return parsed && `${parsed.encoded.slice(0, 2)}/${parsed.algorithm}-${parsed.encoded}`;
}

/** The name of a repository could be any path; its digest is none. */
function toTagsName(repository: string): string {
  const { encoded = "" } = tryParseDigest(computeDigest(new TextEncoder().encode(repository))) ??
    {};
  return `${encoded.slice(0, 2)}/tags-${encoded}`;
}
