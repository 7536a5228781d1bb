import { createHash } from "node:crypto";
import { RegctlError } from "../errors.ts";
import type { HttpResponse } from "../http/exchange.ts";
import { tryParseDigest, type VerifiableDigest } from "../oci/digest.ts";

/** How much is read and hashed at a time. */
const READ_BYTES = 4 * 1024 * 1024;

/** The digest of content, in memory of a fixed size. Throws `CONFIG` where it cannot be read. */
export async function digestContent(
  content: Blob,
  algorithm: VerifiableDigest["algorithm"],
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash(algorithm);
  // Not its stream, which is a single piece in some runtimes.
  for (let start = 0; start < content.size; start += READ_BYTES) {
    signal?.throwIfAborted();
    hash.update(await readPart(content, start));
  }
  return `${algorithm}:${hash.digest("hex")}`;
}

async function readPart(content: Blob, start: number): Promise<Uint8Array> {
  try {
    return new Uint8Array(await content.slice(start, start + READ_BYTES).arrayBuffer());
  } catch (error) {
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
    `Cannot ${task}: ${response.url.host} says that it stored ${stored.slice(0, 200)}, ` +
      `but ${digest} was sent`,
  );
}
