import type { ByteRange } from "./range.ts";

/** One HTTP request. A stage never changes it; it passes on a copy. */
export interface HttpRequest {
  /** In capitals. */
  readonly method: string;
  /** Where it goes; the pipeline may follow redirects from there. */
  readonly url: URL;
  /** Those that the caller sets; the pipeline adds its own. */
  readonly headers: Headers;
  /** What is sent. A Blob is read while it goes out. Default: nothing. */
  readonly body?: Uint8Array<ArrayBuffer> | Blob;
  /** Most bytes of a successful body, after decompression. */
  readonly maxBytes: number;
  /** The token scopes it is known to need, used where a challenge names none. */
  readonly scopes?: readonly string[];
  /** Leave a challenge unanswered, since it is what is wanted. Default: false. */
  readonly anonymous?: boolean;
  /** It may be repeated, whatever its method says. Default: false. */
  readonly idempotent?: boolean;
  /**
   * Asked right before the request is repeated; where it says no, the answer or the failure of the
   * last try stands. Default: it may.
   */
  readonly mayRepeat?: () => Promise<boolean>;
  /** Give a successful body piece by piece, as {@linkcode HttpResponse.stream}. Default: false. */
  readonly stream?: boolean;
  /** The part that is wanted of a body. It is one wish: the whole may come. Default: all of it. */
  readonly range?: ByteRange;
  /** Ends it early; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** One HTTP response. Its body has arrived whole, unless it was asked for as a stream. */
export interface HttpResponse {
  /** Any status: none is an error here. */
  readonly status: number;
  /** As they came. */
  readonly headers: Headers;
  /** Where the answer came from, behind all redirects. */
  readonly url: URL;
  /** The body, decompressed. That of an error status is cut at {@linkcode MAX_ERROR_BYTES}. */
  readonly body: Uint8Array;
  /**
   * The body of a success that was asked for as a stream, as it came; {@linkcode body} is empty
   * then. It throws as {@linkcode Send} does. Who stops half-way ends the request.
   */
  readonly stream?: AsyncIterable<Uint8Array>;
  /** Ends the request of a stream that nobody will read. */
  readonly cancel?: () => Promise<void>;
  /** How often the request was sent. Default: 1. */
  readonly attempts?: number;
  /** An earlier try may have reached the server and done its work. Default: false. */
  readonly mayHaveArrived?: boolean;
  /** In whose name it was sent, for error messages: `as "ann" (from …)`. Default: not known. */
  readonly identity?: string;
  /** The registry that redirected here and whose credentials stayed behind. Default: none did. */
  readonly redirectedFrom?: string;
}

/** Sends a request; throws `NETWORK` or `TIMEOUT`, never for a status. */
export type Send = (request: HttpRequest) => Promise<HttpResponse>;

/** One concern of the pipeline, wrapped around the rest of it. */
export type Stage = (next: Send) => Send;

/** Most bytes of an error body or a token that are read. */
export const MAX_ERROR_BYTES = 1024 * 1024;

/** Composes stages around `send`, the first one outermost. */
export function compose(send: Send, ...stages: readonly Stage[]): Send {
  return stages.reduceRight((next, stage) => stage(next), send);
}
