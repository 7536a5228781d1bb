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

/** The digest of bytes, `sha256:…`. */
export function computeDigest(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): string {
  const hasher = new Hasher(algorithm);
  hasher.add(bytes);
  return hasher.finish();
}
