import { createHash } from "node:crypto";
import { formatDigest, type VerifiableDigest } from "./digest.ts";

/** The algorithms of digests that can be computed (image-spec, descriptor.md, "Registered Algorithms"). */
export type DigestAlgorithm = VerifiableDigest["algorithm"];

/** Computes the digest of content that comes piece by piece. */
export class Hasher {
  readonly #algorithm: DigestAlgorithm;
  readonly #hash;

  constructor(algorithm: DigestAlgorithm = "sha256") {
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  add(piece: Uint8Array): void {
    this.#hash.update(piece);
  }

  /** The digest of all pieces, `sha256:…`. To be called once, at the end. */
  finish(): string {
    return formatDigest({ algorithm: this.#algorithm, encoded: this.#hash.digest("hex") });
  }
}

/** How much of a Blob is read and hashed at a time. */
const READ_BYTES = 4 * 1024 * 1024;

/**
 * The digest of content that may be larger than memory; throws what reading it throws, and the
 * signal's reason.
 */
export async function digestBlob(
  content: Blob,
  algorithm: DigestAlgorithm,
  signal?: AbortSignal,
): Promise<string> {
  const hasher = new Hasher(algorithm);
  // Not its stream, which is a single piece in some runtimes.
  for (let start = 0; start < content.size; start += READ_BYTES) {
    signal?.throwIfAborted();
    hasher.add(new Uint8Array(await content.slice(start, start + READ_BYTES).arrayBuffer()));
  }
  return hasher.finish();
}

/** The digest of bytes, `sha256:…`. */
export function computeDigest(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): string {
  const hasher = new Hasher(algorithm);
  hasher.add(bytes);
  return hasher.finish();
}
