import { RegctlError } from "../errors.ts";

const DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]+$/;

/** Hexadecimal digits of each algorithm this program can compute. */
const HEX_LENGTHS: ReadonlyMap<string, number> = new Map([["sha256", 64], ["sha512", 128]]);

/**
 * True for a digest of the OCI grammar, `algorithm:encoded` (image-spec, descriptor.md, "Digests").
 * It may name an algorithm that nobody can verify; see {@linkcode assertVerifiableDigest}.
 */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** `sha256:0123456789ab`: enough to know a digest by, where all of it would not fit. */
export function shortenDigest(digest: string): string {
  return digest.slice(0, digest.indexOf(":") + 13);
}

/** A digest that can be verified, in its parts: both are safe in a URL and in a file name. */
export interface VerifiableDigest {
  /** How it was computed. */
  readonly algorithm: "sha256" | "sha512";
  /** Lower-case hexadecimal digits. */
  readonly encoded: string;
}

/** The parts of a digest that {@linkcode assertVerifiableDigest} lets pass; undefined for others. */
export function tryParseDigest(text: string): VerifiableDigest | undefined {
  const [, algorithm, encoded] = /^(sha256|sha512):([0-9a-f]{64,128})$/.exec(text) ?? [];
  if (encoded === undefined || encoded.length !== HEX_LENGTHS.get(algorithm ?? "")) {
    return undefined;
  }
  return { algorithm: algorithm === "sha512" ? "sha512" : "sha256", encoded };
}

/** The digest as it is written everywhere: `sha256:…`. */
export function formatDigest({ algorithm, encoded }: VerifiableDigest): string {
  return `${algorithm}:${encoded}`;
}

/**
 * Lets pass only what can be verified against bytes: sha256 with 64 and sha512 with 128 lower-case
 * hexadecimal digits (image-spec, "Registered Algorithms"). Such a digest is also safe in a URL and
 * in a file name. Throws `USAGE`, naming the broken rule.
 */
export function assertVerifiableDigest(digest: string): void {
  if (!isDigest(digest)) {
    throw new RegctlError("USAGE", "Invalid digest: it must have the form algorithm:encoded", {
      hint: 'Write "sha256:" and 64 hexadecimal digits',
    });
  }
  // The grammar leaves nothing to escape in what is shown from here on.
  const colon = digest.indexOf(":");
  const algorithm = digest.slice(0, colon);
  const encoded = digest.slice(colon + 1);
  const length = HEX_LENGTHS.get(algorithm);
  if (length === undefined) {
    throw new RegctlError(
      "USAGE",
      `Cannot verify a digest of the algorithm "${algorithm.slice(0, 40)}"`,
      { hint: "Use a sha256 or sha512 digest" },
    );
  }
  if (encoded.length !== length) {
    throw new RegctlError(
      "USAGE",
      `Invalid digest: ${algorithm} needs ${length} hexadecimal digits, not ${encoded.length}`,
    );
  }
  if (!/^[0-9a-f]+$/.test(encoded)) {
    throw new RegctlError(
      "USAGE",
      `Invalid digest: ${algorithm} allows lower-case hexadecimal digits only`,
    );
  }
}
