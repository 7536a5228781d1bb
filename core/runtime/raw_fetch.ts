/** What a request needs of a runtime's fetch. */
export interface RawInit {
  /** In capitals. */
  readonly method: string;
  /** Sent as they are, beside those that the runtime must add. */
  readonly headers: Headers;
  /** Undefined for none. A Blob is read while it goes out. */
  readonly body: Uint8Array<ArrayBuffer> | Blob | undefined;
  /** Ends the request, and the reading of its body. */
  readonly signal: AbortSignal;
}

/**
 * Sends one request: follows no redirect, keeps the body as it was sent where the runtime can
 * (`content-encoding` tells), and honours HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
 */
export type RawFetch = (url: URL, init: RawInit) => Promise<Response>;
