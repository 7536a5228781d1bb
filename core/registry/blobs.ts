import { RegctlError } from "../errors.ts";
import type { HttpRequest, HttpResponse } from "../http/exchange.ts";
import { type ByteRange, parseContentRange } from "../http/range.ts";
import { assertVerifiableDigest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { formatRepository, type Repository } from "../reference/repository.ts";
import type { RegistryClient } from "./client.ts";
import { blobUrl } from "./endpoints.ts";
import { assertContent, assertSameDigest, readDigestHeader, verifyPieces } from "./integrity.ts";
import { assertNoWebPage, assertStatus, type HintOf } from "./response_gate.ts";

/** The largest image configuration that is read; real ones have some ten thousand bytes. */
export const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/** A blob, or a part of one, on its way. */
export interface BlobContent {
  /** How many bytes there will be; undefined where the registry does not say. */
  readonly size: number | undefined;
  /**
   * The bytes. A whole blob is verified: `INTEGRITY` is thrown at the end unless they have its
   * digest, so that what came before is not to be used yet. A part cannot be.
   */
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Ends the request where the bytes are not wanted after all. */
  readonly cancel: () => Promise<void>;
}

/** What {@linkcode readBlob} takes beside the digest. */
export interface ReadBlobOptions {
  /** The part that is wanted. Default: all of it. */
  readonly range?: ByteRange | undefined;
  /** The size it must have, in bytes. Default: what the registry says. */
  readonly size?: number | undefined;
}

/**
 * Reads a blob as a stream (distribution-spec end-2), which is taken up again where the connection
 * breaks. Throws `USAGE` for a digest that cannot be verified, before anything is sent.
 */
export async function readBlob(
  client: RegistryClient,
  repository: Repository,
  digest: string,
  { range, size: expected }: ReadBlobOptions = {},
): Promise<BlobContent> {
  const task = describe("get", repository, digest);
  const request = createBlobRequest(client, repository, digest, "GET");
  const response = await client.send({ ...request, stream: true, ...(range && { range }) });
  try {
    return toContent(response, {
      digest,
      range,
      expected,
      task,
      hintOf: hintOf(repository, digest),
    });
  } catch (error) {
    await response.cancel?.();
    throw error;
  }
}

/** What {@linkcode toContent} holds an answer against. */
interface BlobWish {
  readonly digest: string;
  readonly range: ByteRange | undefined;
  readonly expected: number | undefined;
  readonly task: string;
  readonly hintOf: HintOf;
}

function toContent(
  response: HttpResponse,
  { digest, range, expected, task, hintOf }: BlobWish,
): BlobContent {
  assertStatus(response, range ? [200, 206] : [200], task, hintOf);
  assertSameDigest(readDigestHeader(response, task), digest, task);
  const { headers, status, stream = nothing(), cancel = () => Promise.resolve() } = response;
  const length = headers.has("content-encoding") ? undefined : headers.get("content-length");
  const whole = status === 200 && length ? Number(length) : undefined;
  if (!range) {
    const size = expected ?? whole;
    if (expected !== undefined && whole !== undefined && whole !== expected) {
      throw new RegctlError("INTEGRITY", `Cannot ${task}: it has ${whole} bytes, not ${expected}`);
    }
    return { size, pieces: verifyPieces(stream, { digest, size }, task), cancel };
  }
  const total = parseContentRange(headers.get("content-range"))?.total ?? whole;
  if (total !== undefined && range.first >= total) {
    throw new RegctlError("REFUSED", `Cannot ${task}: it has ${total} bytes, and no such part`);
  }
  const end = Math.min((range.last ?? Infinity) + 1, total ?? Infinity);
  const size = Number.isFinite(end) ? end - range.first : undefined;
  return { size, pieces: refuseNothing(stream, task), cancel };
}

/** Where the server tells no size, a part that is beyond the end is known when no byte has come. */
async function* refuseNothing(
  pieces: AsyncIterable<Uint8Array>,
  task: string,
): AsyncGenerator<Uint8Array> {
  let isEmpty = true;
  for await (const piece of pieces) {
    isEmpty &&= piece.byteLength === 0;
    yield piece;
  }
  if (isEmpty) throw new RegctlError("REFUSED", `Cannot ${task}: it has no such part`);
}

/** The whole of a small blob, verified, as a descriptor points to it. */
export async function getBlob(
  client: RegistryClient,
  repository: Repository,
  { digest, size }: Descriptor,
  maxBytes: number,
): Promise<Uint8Array> {
  const task = describe("get", repository, digest);
  if (size > maxBytes) {
    throw new RegctlError(
      "INVALID_RESPONSE",
      `Cannot ${task}: its ${size} bytes are more than the ${maxBytes} that are read`,
    );
  }
  const response = await client.send({
    ...createBlobRequest(client, repository, digest, "GET"),
    maxBytes: size,
  });
  assertStatus(response, [200], task);
  assertContent(response.body, { digest, size }, task);
  return response.body;
}

/** What a registry says of a blob without sending it. */
export interface BlobFacts {
  /** The one that was asked for. */
  readonly digest: string;
  /** In bytes; undefined where the registry does not say. */
  readonly size: number | undefined;
}

/** Asks for a blob by a HEAD request; throws `NOT_FOUND` where there is none. */
export async function headBlob(
  client: RegistryClient,
  repository: Repository,
  digest: string,
): Promise<BlobFacts> {
  const task = describe("look up", repository, digest);
  const response = await client.send(createBlobRequest(client, repository, digest, "HEAD"));
  assertStatus(response, [200], task, hintOf(repository, digest));
  assertNoWebPage(response, task);
  assertSameDigest(readDigestHeader(response, task), digest, task);
  const length = response.headers.get("content-length");
  return { digest, size: length === null ? undefined : Number(length) };
}

/**
 * Makes the request for a blob. Throws `USAGE` for a digest that cannot be verified.
 *
 * @param actions what a token must allow
 */
export function createBlobRequest(
  client: RegistryClient,
  { path }: Repository,
  digest: string,
  method: "GET" | "HEAD",
  actions: "pull" | "pull,push" = "pull",
): HttpRequest {
  assertVerifiableDigest(digest);
  return {
    method,
    url: blobUrl(client.baseUrl, path, digest),
    headers: new Headers({ accept: "*/*" }),
    maxBytes: 0,
    scopes: [`repository:${path}:${actions}`],
    ...(client.signal && { signal: client.signal }),
  };
}

function describe(verb: string, repository: Repository, digest: string): string {
  return `${verb} the blob "${formatRepository(repository)}@${digest}"`;
}

function hintOf(repository: Repository, digest: string): HintOf {
  const hint = `If it is a manifest, write regctl manifest ${
    formatRepository(repository)
  }@${digest}`;
  return (_, { status }) => status === 404 ? hint : undefined;
}

// A body that is empty may be none at all.
async function* nothing(): AsyncGenerator<Uint8Array> {}
