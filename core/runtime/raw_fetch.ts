/** What a request needs of a runtime's fetch. */
export interface RawInit {
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | Blob | undefined;
  readonly signal: AbortSignal;
}

/**
 * Sends one request: follows no redirect, keeps the body as it was sent where the runtime can
 * (`content-encoding` tells), and honours HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
 */
export type RawFetch = (url: URL, init: RawInit) => Promise<Response>;
