import type { Hono } from "hono";
import { type FileHandle, open } from "node:fs/promises";
import type { Socket } from "node:net";
import { formatDigest, type VerifiableDigest } from "../oci/digest.ts";
import { errorCode } from "../runtime/error_code.ts";
import { type ByteRange, parseRange } from "./byte_range.ts";
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
  { req, env }: RegistryContext,
  { path, size }: { readonly path: string; readonly size: number },
  digest: VerifiableDigest,
): Promise<Response> {
  const text = formatDigest(digest);
  const etag = `"${text}"`;
  const headers = {
    "accept-ranges": "bytes",
    "content-type": "application/octet-stream",
    "docker-content-digest": text,
    etag,
  };
  // HEAD has no ranges.
  const hasRange = req.method === "GET" && (req.header("if-range") ?? etag) === etag;
  const range = hasRange ? parseRange(req.header("range"), size) : undefined;
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
  return new Response(await readPart(path, { first, last }, env.incoming.socket), init);
}

/**
 * A part of a file, read as it is taken. The file is closed at the end, when the reader has enough,
 * and when the connection is gone: an answer that waits for its turn is not told of that otherwise.
 */
async function readPart(
  path: string,
  { first, last }: ByteRange,
  socket: Socket,
): Promise<ReadableStream<Uint8Array>> {
  const file = await openFile(path);
  let isOpen = true;
  const close = () => {
    socket.off("close", close);
    if (isOpen) file.close().catch(() => {});
    isOpen = false;
  };
  socket.once("close", close);
  if (socket.destroyed) close();
  let next = first;
  const read = async (): Promise<Uint8Array> => {
    const piece = new Uint8Array(Math.min(READ_BYTES, last + 1 - next));
    const { bytesRead } = await file.read(piece, 0, piece.length, next);
    next += bytesRead;
    return piece.subarray(0, bytesRead);
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const piece = isOpen ? await read().catch(() => undefined) : undefined;
      if (piece && piece.length > 0) controller.enqueue(piece);
      // The length has been promised; that the connection breaks says that there is no more.
      else socket.destroy();
      if (next <= last && !socket.destroyed) return;
      close();
      controller.close();
    },
    cancel: close,
  }, { highWaterMark: 0 });
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    throw new Problem("BLOB_UNKNOWN", "there is no such blob any more", { cause: error });
  }
}
