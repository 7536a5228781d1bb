import { RegctlError } from "../errors.ts";
import type { HttpRequest, HttpResponse, Send, Stage } from "../http/exchange.ts";
import { NetworkError } from "../http/network_error.ts";
import { type ByteRange, formatRange, parseContentRange } from "../http/range.ts";
import { backoff, isTransient, type RetryOptions } from "./retry.ts";

// A connection that brings this much before it breaks is worth another one, however often it does.
const MIN_PROGRESS_BYTES = 1024 * 1024;

/**
 * Asks for the part of a body that a request names, and takes up a stream that breaks off where it
 * stopped: with a `Range` (RFC 9110 section 14), or where the server ignores that, by passing over
 * what is there already. It is for content that is checked in the end: a server may send another
 * body the second time.
 *
 * The stream throws `NETWORK` after as many breaks in a row as `retries`, each within
 * {@linkcode MIN_PROGRESS_BYTES}; `INTEGRITY` where it always breaks off at the same byte.
 */
export function resume(options: RetryOptions): Stage {
  return (next) => async (request) => {
    if (!request.stream) return await next(request);
    const { range } = request;
    const response = await next(range ? withRange(request, range) : request);
    if (!response.stream) return response;
    const download = new Download(options, next, request, response);
    return { ...response, stream: download.pieces(), cancel: () => download.cancel() };
  };
}

class Download {
  readonly #options: RetryOptions;
  readonly #next: Send;
  readonly #request: HttpRequest;
  /** The one that the pieces come from. */
  #response: HttpResponse;
  #isCancelled = false;
  /** Where the piece that comes next begins in the whole body. */
  #position: number;
  #positionAtBreak: number;
  /** In a row, each before another {@linkcode MIN_PROGRESS_BYTES}. */
  #breaks = 0;
  /** In a row at the very same byte. */
  #breaksHere = 0;

  constructor(options: RetryOptions, next: Send, request: HttpRequest, response: HttpResponse) {
    this.#options = options;
    this.#next = next;
    this.#request = request;
    this.#response = response;
    this.#position = this.#positionAtBreak = request.range?.first ?? 0;
  }

  async *pieces(): AsyncGenerator<Uint8Array> {
    for (;;) {
      try {
        yield* this.#wanted(this.#response);
        return;
      } catch (error) {
        await this.#response.cancel?.();
        if (this.#isCancelled) throw error;
        await this.#again(error);
      }
    }
  }

  /** Ends the request that is under way; no other one follows. */
  async cancel(): Promise<void> {
    this.#isCancelled = true;
    await this.#response.cancel?.();
  }

  /** The pieces of one response, without what came before and what was not asked for. */
  async *#wanted(response: HttpResponse): AsyncGenerator<Uint8Array> {
    const { stream = [], status, headers, url } = response;
    const fail = (reason: string) =>
      new NetworkError("lost", `Cannot reach ${url.host}: ${reason}`);
    const end = (this.#request.range?.last ?? Infinity) + 1;
    const range = status === 206 ? parseContentRange(headers.get("content-range")) : undefined;
    let position = range?.first ?? 0;
    if (position > this.#position || (status === 206 && !range)) {
      throw new NetworkError(
        "other",
        `Cannot reach ${url.host}: it sent another part than asked for`,
      );
    }
    const length = headers.has("content-encoding") ? null : headers.get("content-length");
    // Where nobody tells how much there is, the part must be as long as it says or was asked to be.
    const told = range && (end < Infinity ? Infinity : range.last + 1);
    const total = range ? range.total ?? told ?? NaN : Number(length ?? NaN);
    for await (const piece of stream) {
      const wanted = piece.subarray(Math.max(0, this.#position - position), end - position);
      position += piece.byteLength;
      if (wanted.byteLength > 0) {
        this.#position += wanted.byteLength;
        yield wanted;
      }
      if (position >= end) return;
    }
    // Not every runtime takes a body that is too short for an error; a server may send a part of it.
    const wanted = Math.min(end, total);
    if (Number.isFinite(wanted) && position < wanted) {
      throw fail("the connection was closed half-way");
    }
  }

  async #again(error: unknown): Promise<void> {
    const { clock, retries } = this.#options;
    const { signal } = this.#request;
    const progress = this.#position - this.#positionAtBreak;
    this.#positionAtBreak = this.#position;
    this.#breaks = progress < MIN_PROGRESS_BYTES ? this.#breaks + 1 : 1;
    this.#breaksHere = progress === 0 ? this.#breaksHere + 1 : 1;
    // A line that went dead is worth another one, a server that brings nothing is not.
    const isStall = error instanceof NetworkError && error.failure === "stalled" &&
      progress >= MIN_PROGRESS_BYTES;
    if (!isTransient(error) && !isStall) throw error;
    if (this.#breaks > retries) throw this.#breaksHere > 2 ? this.#tooShort(error) : error;
    await clock.sleep(backoff(this.#breaks, clock), signal);
    const last = this.#request.range?.last;
    const range: ByteRange = { first: this.#position, ...(last !== undefined && { last }) };
    if (this.#isCancelled) throw error;
    const response = await this.#next(withRange(this.#request, range));
    this.#response = response;
    if (!this.#isCancelled && (response.status === 200 || response.status === 206)) return;
    await response.cancel?.();
    if (this.#isCancelled) throw error;
    throw new NetworkError(
      "other",
      `Cannot reach ${response.url.host}: the connection broke off, and it answered ` +
        `${response.status} when asked for the rest`,
      { cause: error },
    );
  }

  /** No line breaks again and again at the same byte: there is no more of it. */
  #tooShort(cause: unknown): RegctlError {
    const { host } = this.#request.url;
    return new RegctlError(
      "INTEGRITY",
      `${host} always breaks off after ${this.#position} bytes, before the end`,
      { hint: "Tell who runs the registry: what it keeps is damaged", cause },
    );
  }
}

function withRange(request: HttpRequest, range: ByteRange): HttpRequest {
  const headers = new Headers(request.headers);
  headers.set("range", formatRange(range));
  return { ...request, headers };
}
