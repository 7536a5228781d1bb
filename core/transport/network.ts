import { RegctlError } from "../errors.ts";
import {
  type HttpRequest,
  type HttpResponse,
  MAX_ERROR_BYTES,
  type Send,
} from "../http/exchange.ts";
import { NetworkError, type NetworkFailure } from "../http/network_error.ts";
import { readLimited } from "../http/read_limited.ts";
import { explainFailure } from "../runtime/failure.ts";
import type { RawFetch } from "../runtime/raw_fetch.ts";
import { IdleWatch } from "./idle_watch.ts";

// A line that sends slower than 64 KB/s is as good as dead. No runtime tells what has gone out.
const MIN_UPLOAD_BYTES_PER_MS = 64;

const HINTS: Partial<Record<NetworkFailure, string>> = {
  certificate: "Name the certificate authority with --ca-file, if you trust it",
  tls: "If the registry speaks plain http, add --plain-http",
  stalled: "Allow a slow registry more time with --idle-timeout",
};

/** How {@linkcode createNetwork} behaves. */
export interface NetworkOptions {
  readonly fetch: RawFetch;
  /**
   * Ends a request that brings nothing, or next to nothing, for this many milliseconds; one that
   * sends a body has the time that this takes on top.
   */
  readonly idleTimeoutMs: number;
}

/**
 * The innermost part of the pipeline: sends one request and, unless it is asked for as a stream,
 * reads the body whole, so that a connection lost half-way is seen here, and a retry repeats all
 * of it.
 */
export function createNetwork({ fetch: rawFetch, idleTimeoutMs }: NetworkOptions): Send {
  return async (request) => {
    const exchange = new Exchange(request, idleTimeoutMs);
    const { signal } = exchange;
    return await exchange.guard(async () => {
      const { method, url, headers, body } = request;
      const response = await rawFetch(url, { method, headers, body, signal });
      const head = { status: response.status, headers: response.headers, url };
      if (request.stream && response.ok && response.body) {
        return { ...head, body: new Uint8Array(), ...exchange.stream(response.body) };
      }
      return { ...head, body: await exchange.read(response) };
    });
  };
}

/** One request under way, with its time-out. */
class Exchange {
  readonly signal: AbortSignal;
  readonly #request: HttpRequest;
  readonly #watch: IdleWatch;

  constructor(request: HttpRequest, idleTimeoutMs: number) {
    this.#request = request;
    const stall = new AbortController();
    const onStall = () => {
      const reason = `less than 1 KiB came in ${idleTimeoutMs / 1000} s`;
      stall.abort(this.#error("stalled", reason));
    };
    const { body } = request;
    const bodyBytes = (body instanceof Blob ? body.size : body?.byteLength) ?? 0;
    const extraMs = bodyBytes / MIN_UPLOAD_BYTES_PER_MS;
    this.#watch = new IdleWatch({ idleTimeoutMs, extraMs, onStall });
    this.#watch.resume();
    this.signal = request.signal ? AbortSignal.any([request.signal, stall.signal]) : stall.signal;
  }

  /** Runs a part of it, and says in our words what went wrong. */
  async guard<T>(part: () => Promise<T>): Promise<T> {
    try {
      return await part();
    } catch (error) {
      if (this.signal.aborted) throw this.signal.reason;
      if (error instanceof RegctlError) throw error;
      const { failure, reason } = explainFailure(error);
      throw this.#error(failure, reason, error);
    } finally {
      this.#watch.pause();
    }
  }

  async read(response: Response): Promise<Uint8Array> {
    return await readLimited(response, {
      from: this.#request.url.host,
      onBytes: (count) => this.#watch.add(count),
      ...(response.ok
        ? { maxBytes: this.#request.maxBytes }
        : { maxBytes: MAX_ERROR_BYTES, truncate: true }),
    });
  }

  /** The pieces as they come. The clock stands still while the reader is busy with one. */
  stream(body: ReadableStream<Uint8Array>): Pick<HttpResponse, "stream" | "cancel"> {
    const reader = body.getReader();
    // Asked for at once: Bun forgets what has come, should the connection end before that.
    const first = reader.read();
    first.catch(() => {});
    return { stream: this.#pieces(reader, first), cancel: async () => letGo(reader) };
  }

  async *#pieces(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    first: ReturnType<typeof reader.read>,
  ): AsyncGenerator<Uint8Array> {
    try {
      for (let next = first;; next = reader.read()) {
        this.#watch.resume();
        const { done, value } = await this.guard(() => next);
        if (done) return;
        this.#watch.add(value.byteLength);
        yield value;
      }
    } finally {
      letGo(reader);
    }
  }

  #error(failure: NetworkFailure, reason: string, cause?: unknown): NetworkError {
    return new NetworkError(failure, `Cannot reach ${this.#request.url.host}: ${reason}`, {
      hint: HINTS[failure],
      cause,
    });
  }
}

/** Ends a stream. Whether it has ended is not waited for: of one that stalls, Deno never says so. */
function letGo(reader: ReadableStreamDefaultReader<Uint8Array>): void {
  reader.cancel().catch(() => {});
}
