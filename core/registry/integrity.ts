import { RegctlError } from "../errors.ts";
import type { HttpResponse } from "../http/exchange.ts";
import { tryParseDigest } from "../oci/digest.ts";
import { computeDigest, Hasher } from "../oci/hash.ts";
import { shorten } from "../shorten.ts";

/** What content must be. */
export interface Expectation {
  readonly digest: string;
  /** In bytes. Default: not known. */
  readonly size?: number | undefined;
}

/**
 * The digest that `Docker-Content-Digest` names, or undefined where there is none, or one of an
 * algorithm that nobody here can compute. Throws `INTEGRITY` for one that cannot be right.
 */
export function readDigestHeader(response: HttpResponse, task: string): string | undefined {
  const text = response.headers.get("docker-content-digest")?.trim() ?? "";
  if (tryParseDigest(text)) return text;
  if (!/^sha(256|512):/.test(text)) return undefined;
  throw new RegctlError(
    "INTEGRITY",
    `Cannot ${task}: ${response.url.host} named a digest that is not one: ${shorten(text, 150)}`,
  );
}

/** Throws `INTEGRITY` unless the bytes have this digest, and this size where one is known. */
export function assertContent(
  bytes: Uint8Array,
  { digest, size }: Expectation,
  task: string,
): void {
  assertSize(bytes.byteLength, size, task);
  const actual = computeDigest(bytes, tryParseDigest(digest)?.algorithm);
  if (actual !== digest) throw mismatch(digest, actual, task);
}

/**
 * Passes pieces on and throws `INTEGRITY` at their end unless they are what is expected: until
 * then they are not to be trusted. More bytes than expected are not passed on.
 */
export async function* verifyPieces(
  pieces: AsyncIterable<Uint8Array>,
  { digest, size }: Expectation,
  task: string,
): AsyncGenerator<Uint8Array> {
  const hasher = new Hasher(tryParseDigest(digest)?.algorithm);
  let length = 0;
  for await (const piece of pieces) {
    length += piece.byteLength;
    if (length > (size ?? Infinity)) assertSize(length, size, task);
    hasher.add(piece);
    yield piece;
  }
  assertSize(length, size, task);
  const actual = hasher.finish();
  if (actual !== digest) throw mismatch(digest, actual, task);
}

/**
 * Throws `INTEGRITY` where an answer names another digest than was asked for. One of another
 * algorithm is no lie: distribution names sha256 whatever it is asked for.
 */
export function assertSameDigest(named: string | undefined, digest: string, task: string): void {
  if (named === undefined || named === digest) return;
  if (named.split(":")[0] !== digest.split(":")[0]) return;
  throw new RegctlError(
    "INTEGRITY",
    `Cannot ${task}: the registry says that its digest is ${named}`,
  );
}

function assertSize(actual: number, expected: number | undefined, task: string): void {
  if (expected === undefined || actual === expected) return;
  const more = actual > expected ? "more than " : "";
  throw new RegctlError(
    "INTEGRITY",
    `Cannot ${task}: ${more}${more ? expected : actual} bytes came, not ${expected}`,
  );
}

function mismatch(expected: string, actual: string, task: string): RegctlError {
  return new RegctlError(
    "INTEGRITY",
    `Cannot ${task}: what came has the digest ${actual}, not ${expected}`,
    { hint: "Do not use it: it is damaged, or not what was asked for" },
  );
}
