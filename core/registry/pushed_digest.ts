import { RegctlError } from "../errors.ts";
import type { HttpResponse } from "../http/exchange.ts";
import { tryParseDigest } from "../oci/digest.ts";
import { type DigestAlgorithm, digestBlob } from "../oci/hash.ts";
import { shorten } from "../shorten.ts";

/** The digest of what is to be pushed; throws `CONFIG` where that cannot be read. */
export async function digestContent(
  content: Blob,
  algorithm: DigestAlgorithm,
  signal?: AbortSignal,
): Promise<string> {
  try {
    return await digestBlob(content, algorithm, signal);
  } catch (error) {
    signal?.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw new RegctlError("CONFIG", `Cannot read the content: ${reason}`, { cause: error });
  }
}

/** What was sent. */
export interface PushedContent {
  readonly content: Blob;
  readonly digest: string;
  /** What is being done, as in `push a blob to "busybox"`. */
  readonly task: string;
}

/**
 * Holds the digest that a registry says it stored, where it says one, against what was sent. It may
 * be of another algorithm: distribution names sha256 whatever it was given. Throws `INTEGRITY`.
 */
export async function assertPushedDigest(
  response: HttpResponse,
  { content, digest, task }: PushedContent,
): Promise<void> {
  const stored = response.headers.get("docker-content-digest");
  if (stored === null || stored === digest) return;
  const algorithm = tryParseDigest(stored)?.algorithm;
  const isOther = algorithm !== undefined && !digest.startsWith(`${algorithm}:`);
  if (isOther && await digestContent(content, algorithm) === stored) return;
  throw new RegctlError(
    "INTEGRITY",
    `Cannot ${task}: ${response.url.host} says that it stored ${shorten(stored, 200)}, ` +
      `but ${digest} was sent`,
  );
}
