import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { tryParseDigest, type VerifiableDigest } from "../oci/digest.ts";
import { errorCode } from "../runtime/error_code.ts";
import { blobPath } from "./paths.ts";
import type { Scratch } from "./scratch.ts";

/**
 * Makes equal blobs of all repositories one file: each that comes in is linked here too, and the next
 * one of the same digest is linked from here. It saves space, and finds a blob that a push names
 * without saying where it is; a layout is whole without it.
 */
export class BlobPool {
  readonly #folder: string;
  readonly #scratch: Scratch;

  constructor(folder: string, scratch: Scratch) {
    this.#folder = folder;
    this.#scratch = scratch;
  }

  /** Puts content that was verified into a layout; the file at `path` remains. */
  async place(path: string, digest: VerifiableDigest, layout: string): Promise<void> {
    const [pooled, target] = [this.#path(digest), blobPath(layout, digest)];
    // What is there already, here or in the layout, may be damaged: it is mended with it.
    const isShared = await hasDigest(pooled, digest) &&
      await isThere(this.#scratch.replaceLink(pooled, target));
    if (isShared) return;
    await this.#scratch.replaceLink(path, target);
    await isThere(this.#scratch.replaceLink(target, pooled));
    await this.#dropUnshared(digest);
  }

  /** Links what is here into a layout; false when it is not here. */
  async link(digest: VerifiableDigest, layout: string): Promise<boolean> {
    return await isThere(this.#scratch.linkFile(this.#path(digest), blobPath(layout, digest)));
  }

  /** Links a blob of one layout into another; false when the first one lacks it. */
  async mount(digest: VerifiableDigest, from: string, to: string): Promise<boolean> {
    const [source, target] = [blobPath(from, digest), blobPath(to, digest)];
    if (!await isThere(this.#scratch.linkFile(source, target))) return false;
    await isThere(this.#scratch.linkFile(target, this.#path(digest)));
    await this.#dropUnshared(digest);
    return true;
  }

  /** Removes a blob from a layout, and from here when that was the last one. */
  async remove(digest: VerifiableDigest, layout: string): Promise<void> {
    await rm(blobPath(layout, digest), { force: true });
    await this.#dropUnshared(digest);
  }

  /** Removes what no layout has any more: a crash, or another program, may leave such files. */
  async sweep(): Promise<void> {
    for (const algorithm of ["sha256", "sha512"]) {
      for (const encoded of await listFolder(join(this.#folder, "blobs", algorithm))) {
        const digest = tryParseDigest(`${algorithm}:${encoded}`);
        if (digest) await this.#dropUnshared(digest);
        else await rm(join(this.#folder, "blobs", algorithm, encoded), { force: true });
      }
    }
  }

  /** Where there are no hard links it would only take space; and it goes with the last layout. */
  async #dropUnshared(digest: VerifiableDigest): Promise<void> {
    const path = this.#path(digest);
    const { nlink = 0 } = await stat(path).catch(() => ({}) as { nlink?: number });
    if (nlink === 1) await rm(path, { force: true });
  }

  #path(digest: VerifiableDigest): string {
    return blobPath(this.#folder, digest);
  }
}

/** False where the file to link is not there: another request may remove it at any moment. */
async function isThere(linking: Promise<void>): Promise<boolean> {
  try {
    await linking;
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

async function hasDigest(path: string, { algorithm, encoded }: VerifiableDigest): Promise<boolean> {
  const hash = createHash(algorithm);
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  } catch {
    return false;
  }
  return hash.digest("hex") === encoded;
}

async function listFolder(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
