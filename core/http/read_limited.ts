import { RegctlError } from "../errors.ts";
import { shorten } from "../shorten.ts";

/** How {@linkcode readLimited} reads. */
export interface ReadLimitedOptions {
  /** Most bytes that are read, after decompression. */
  readonly maxBytes: number;
  /** Who answers, for error messages. */
  readonly from: string;
  /** Gives the first `maxBytes` instead of throwing. Default: false. */
  readonly truncate?: boolean;
  /** Told the number of bytes of each piece as it arrives. Default: nobody is. */
  readonly onBytes?: (count: number) => void;
}

/**
 * Reads a body whole, in memory bounded by `maxBytes`. A gzip body is unpacked here, since
 * runtimes differ in whether they do it, and counted unpacked.
 *
 * Throws `INVALID_RESPONSE` when the body is larger, or packed otherwise.
 */
export async function readLimited(
  response: Response,
  options: ReadLimitedOptions,
): Promise<Uint8Array> {
  if (!response.body) return new Uint8Array();
  // As it was sent: a secret in it is not recognised in other letters.
  const sent = response.headers.get("content-encoding")?.trim() ?? "";
  const encoding = sent.toLowerCase();
  if (encoding === "" || encoding === "identity") return await collect(response.body, options);
  if (encoding !== "gzip" && encoding !== "x-gzip") {
    await response.body.cancel();
    throw new RegctlError(
      "INVALID_RESPONSE",
      `${options.from} sent an answer encoded as "${shorten(sent, 50)}", which was not asked for`,
    );
  }
  return await collect(await unpack(response.body), options);
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  { maxBytes, from, truncate = false, onBytes }: ReadLimitedOptions,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop early cancels the stream.
  for await (const chunk of stream) {
    chunks.push(chunk);
    onBytes?.(chunk.byteLength);
    length += chunk.byteLength;
    if (length <= maxBytes) continue;
    if (truncate) break;
    throw new RegctlError(
      "INVALID_RESPONSE",
      `${from} sent an answer of more than ${maxBytes} bytes, which is too large`,
    );
  }
  const body = new Uint8Array(Math.min(length, maxBytes));
  let offset = 0;
  for (const chunk of chunks) {
    const part = chunk.subarray(0, body.length - offset);
    body.set(part, offset);
    offset += part.length;
  }
  return body;
}

// A runtime may unpack a piece whole, to a thousand times its size, before it can be counted.
const PACKED_PIECE_BYTES = 1024;

/** Unpacks gzip, unless the runtime has done so and only left the header behind. */
async function unpack(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<ReadableStream<Uint8Array>> {
  const reader = stream.getReader();
  let first = await reader.read();
  while (!first.done && first.value.byteLength === 0) first = await reader.read();
  const isPacked = first.value?.[0] === 0x1f;
  const pieceBytes = isPacked ? PACKED_PIECE_BYTES : Infinity;
  let left: Uint8Array<ArrayBuffer> = first.value ?? new Uint8Array();
  const rest = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      if (left.byteLength === 0) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        left = value;
      }
      controller.enqueue(left.subarray(0, pieceBytes));
      left = left.subarray(pieceBytes);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return isPacked ? rest.pipeThrough(new DecompressionStream("gzip")) : rest;
}
