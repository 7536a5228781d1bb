import type { Hono } from "hono";
import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import type { VerifiableDigest } from "../oci/digest.ts";
import { parseRange } from "./byte_range.ts";
import { errorCode } from "./scratch.ts";
import {
  checkDigest,
  readName,
  refuseOtherMethods,
  type RegistryContext,
  type RegistryEnv,
} from "./http_context.ts";
import { Problem } from "./problem.ts";
import type { Store } from "./store.ts";

/** Pieces that keep a fast reader busy and the memory small. */
const READ_BYTES = 512 * 1024;

/** Pull and delete of blobs (distribution-spec end-2, end-10). */
export function addBlobRoutes(app: Hono<RegistryEnv>, store: Store): void {
  const path = "/v2/:name{.+}/blobs/:digest";
  app.get(path, (context) => {
    const name = readName(context);
    const digest = checkDigest(context.req.param("digest"));
    const blob = store.repository(name).blob(digest);
    if (blob === undefined) throw new Problem("BLOB_UNKNOWN", "there is no such blob");
    return sendFile(context, blob, digest);
  });
  app.delete(path, async (context) => {
    const name = readName(context);
    await store.repository(name).deleteBlob(checkDigest(context.req.param("digest")));
    return context.body(null, 202);
  });
  refuseOtherMethods(app, path, "GET, HEAD, DELETE");
}

/** Sends a file, or the part of it that was asked for (RFC 9110, section 14). */
async function sendFile(
  { req }: RegistryContext,
  { path, size }: { readonly path: string; readonly size: number },
  { algorithm, encoded }: VerifiableDigest,
): Promise<Response> {
  const digest = `${algorithm}:${encoded}`;
  const etag = `"${digest}"`;
  const headers = {
    "accept-ranges": "bytes",
    "content-type": "application/octet-stream",
    "docker-content-digest": digest,
    etag,
  };
  const isSame = (req.header("if-range") ?? etag) === etag;
  const range = isSame ? parseRange(req.header("range"), size) : undefined;
  if (range === "unsatisfiable") {
    throw new Problem("SIZE_INVALID", "the blob has no such bytes", {
      status: 416,
      headers: { "content-range": `bytes */${size}` },
    });
  }
  const { first, last } = range ?? { first: 0, last: size - 1 };
  const init = {
    status: range ? 206 : 200,
    headers: {
      ...headers,
      "content-length": String(last - first + 1),
      ...(range && { "content-range": `bytes ${first}-${last}/${size}` }),
    },
  };
  if (req.method === "HEAD" || size === 0) return new Response(null, init);
  return new Response(await openPart(path, first, last), init);
}

async function openPart(path: string, first: number, last: number): Promise<ReadableStream> {
  try {
    const file = await open(path);
    const stream = file.createReadStream({ start: first, end: last, highWaterMark: READ_BYTES });
    return Readable.toWeb(stream) as ReadableStream;
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    throw new Problem("BLOB_UNKNOWN", "there is no such blob any more", { cause: error });
  }
}
