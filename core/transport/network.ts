import { RegctlError } from "../errors.ts";
import {
  type HttpRequest,
  type HttpResponse,
  MAX_ERROR_BYTES,
  type Send,
} from "../http/exchange.ts";
import { NetworkError, type NetworkFailure } from "../http/network_error.ts";
import { readLimited } from "../http/read_limited.ts";
import { MAX_TIMER_MS } from "../host.ts";
import { explainFailure } from "../runtime/failure.ts";
import type { RawFetch } from "../runtime/raw_fetch.ts";

// What brings less than this within one idle time-out is a drip, not a download.
const MIN_BYTES_PER_WINDOW = 1024;

const HINTS: Partial<Record<NetworkFailure, string>> = {
  certificate: "Name the certificate authority with --ca-file, if you trust it",
  tls: "If the registry speaks plain http, add --plain-http",
  stalled: "Allow a slow registry more time with --idle-timeout",
};

/** How {@linkcode createNetwork} behaves. */
export interface NetworkOptions {
  readonly fetch: RawFetch;
  /** Ends a request that brings nothing, or next to nothing, for this many milliseconds. */
  readonly idleTimeoutMs: number;
}

/**
 * The innermost part of the pipeline: sends one request and reads the body whole, so that a
 * connection lost half-way is seen here, and a retry repeats all of it.
 */
export function createNetwork({ fetch: rawFetch, idleTimeoutMs }: NetworkOptions): Send {
  return async (request) => {
    const fail = (failure: NetworkFailure, reason: string, cause?: unknown) =>
      new NetworkError(failure, `Cannot reach ${request.url.host}: ${reason}`, {
        hint: HINTS[failure],
        cause,
      });
    const stall = new AbortController();
    let bytes = 0;
    const timer = setInterval(() => {
      if (bytes >= MIN_BYTES_PER_WINDOW) bytes = 0;
      else stall.abort(fail("stalled", `less than 1 KiB came in ${idleTimeoutMs / 1000} s`));
    }, Math.min(idleTimeoutMs, MAX_TIMER_MS));
    const signal = request.signal ? AbortSignal.any([request.signal, stall.signal]) : stall.signal;
    try {
      return await exchange(rawFetch, request, signal, (count) => bytes += count);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof RegctlError) throw error;
      const { failure, reason } = explainFailure(error);
      throw fail(failure, reason, error);
    } finally {
      clearInterval(timer);
    }
  };
}

async function exchange(
  rawFetch: RawFetch,
  request: HttpRequest,
  signal: AbortSignal,
  onBytes: (count: number) => void,
): Promise<HttpResponse> {
  const response = await rawFetch(request.url, {
    method: request.method,
    headers: request.headers,
    body: request.body,
    signal,
  });
  const body = await readLimited(response, {
    from: request.url.host,
    onBytes,
    ...(response.ok
      ? { maxBytes: request.maxBytes }
      : { maxBytes: MAX_ERROR_BYTES, truncate: true }),
  });
  return { status: response.status, headers: response.headers, url: request.url, body };
}
