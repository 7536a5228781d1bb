import { RegctlError } from "../errors.ts";
import type { Clock } from "../host.ts";
import type { HttpResponse } from "../http/exchange.ts";
import { parseRetryAfter } from "../http/retry_after.ts";
import { describeErrorBody } from "../oci/error_body.ts";
import { SYSTEM_CLOCK } from "../runtime/system_clock.ts";
import { backoff, isTransient } from "../transport/retry.ts";
import type { RegistryClient } from "./client.ts";
import { assertPushedDigest } from "./pushed_digest.ts";
import { assertStatus } from "./response_gate.ts";
import {
  readLastByte,
  startUpload,
  type StartUploadOptions,
  type UploadSession,
} from "./upload_session.ts";

/** Up to here one request is the quicker way, and little is lost when it fails. */
const MAX_PIECE_BYTES = 64 * 1024 * 1024;
const CHUNK_BYTES = 16 * 1024 * 1024;
/** A registry that forgets an upload this often keeps none. */
const MAX_SESSIONS = 3;
const MAX_RETRY_AFTER_MS = 60_000;
const MIN_PROGRESS_BYTES = 1024 * 1024;
// Nobody should stare at a terminal that says nothing for longer.
const NOTE_FROM_MS = 2_000;

const WITHHELD = "Another host sent the upload back there, and credentials do not go along then";

const RECOVERABLE = new Set([408, 416, 429, 500, 502, 503, 504]);
/** How registries answer that they take no chunks. */
const CHUNKS_REFUSED = new Set([400, 405, 501]);

/** How {@linkcode BlobUpload} uploads. */
export interface UploadOptions {
  /** Waits between failures. Default: the machine's own. */
  readonly clock?: Clock | undefined;
  /**
   * Sends pieces of this many bytes; 0 sends all at once. Default: at once up to 64 MiB, else in
   * pieces of 16 MiB.
   */
  readonly chunkSize?: number | undefined;
  /** How many failures in a row, without progress in between, are borne. Default: 4. */
  readonly retries?: number;
  /** Told how many bytes the registry has. Default: nobody is. */
  readonly onProgress?: (sentBytes: number) => void;
  /** Told about each wait that is long enough to puzzle a person. Default: nobody is. */
  readonly notify?: (note: string) => void;
}

/** What {@linkcode BlobUpload} uploads, and where to. */
export interface BlobUploadOptions extends UploadOptions, StartUploadOptions {
  readonly digest: string;
}

/** How far a session came: done, or what made it useless. */
type Outcome = "done" | Useless;
type Useless = "no chunks" | { readonly lost: HttpResponse | undefined };

/** What came of a request; where it is doubtful, the registry has to be asked. */
type Verdict = "taken" | "doubtful" | Useless;

/** The part of the content that a request brings. */
interface Piece {
  readonly first: number;
  /** Behind the last byte. */
  readonly end: number;
  /** The request is the one that ends the upload. */
  readonly isLast: boolean;
}

/** One of the two. */
interface Attempt {
  readonly response?: HttpResponse;
  readonly error?: unknown;
}

/** Brings a blob into a registry, over as many requests and sessions as it takes. */
export class BlobUpload {
  readonly #client: RegistryClient;
  readonly #options: BlobUploadOptions;
  #takesChunks = true;
  #failures = 0;

  constructor(client: RegistryClient, options: BlobUploadOptions) {
    this.#client = client;
    this.#options = options;
  }

  /**
   * Uploads `content`; whatever it throws, the session at the registry has been cancelled.
   *
   * @param isThere asks for the blob: a session may be gone because it has been completed
   */
  async run(content: Blob, isThere: () => Promise<boolean>): Promise<void> {
    for (let sessions = 1;; sessions++) {
      const session = await startUpload(this.#client, this.#options);
      const outcome = await this.#fill(session, content).finally(() => session.cancel());
      if (outcome === "done") return;
      if (outcome === "no chunks") {
        this.#takesChunks = false;
        continue;
      }
      if (await isThere()) return;
      if (sessions >= MAX_SESSIONS) throw this.#lostError(outcome.lost);
    }
  }

  /** Sends what the session lacks, until it is complete or of no more use. */
  async #fill(session: UploadSession, content: Blob): Promise<Outcome> {
    const { digest, task, onProgress = () => {} } = this.#options;
    const { size } = content;
    const pieceBytes = this.#pieceBytes(session, size);
    let first = 0;
    let best = 0;
    for (;;) {
      onProgress(first);
      const isLast = first === size || pieceBytes >= size;
      const piece = { first, end: Math.min(size, first + pieceBytes), isLast };
      const bytes = content.slice(first, piece.end);
      const { response, error } = await this.#attempt(() =>
        isLast ? session.finish(digest, bytes, first) : session.sendChunk(bytes, first)
      );
      const verdict = response ? this.#judge(response, piece, session) : "doubtful";
      if (response && verdict === "taken" && isLast) {
        await assertPushedDigest(response, { content, digest, task });
        onProgress(size);
        return "done";
      }
      if (verdict === "taken") {
        first = piece.end;
        continue;
      }
      if (verdict !== "doubtful") return verdict;
      if (first - best >= Math.min(minProgress(size), pieceBytes)) {
        this.#failures = 0;
        best = first;
      }
      await this.#bear(response, error);
      const received = await session.countReceived(first);
      // It refused the very byte that it names.
      const isContradiction = response?.status === 416 && received === first;
      if (received === undefined || isContradiction) return { lost: response };
      if (received > size) throw this.#tooMuchError(received, size);
      first = received;
    }
  }

  /** What an answer means for the upload; throws where no other request can help. */
  #judge(
    response: HttpResponse,
    { first, end, isLast }: Piece,
    { isElsewhere }: UploadSession,
  ): Verdict {
    const { status } = response;
    if (isLast && status === 201) return "taken";
    if (!isLast && status === 202) {
      return (readLastByte(response) ?? end) >= end - 1 ? "taken" : "doubtful";
    }
    if (status === 404) return { lost: response };
    if (!isLast && first === 0 && CHUNKS_REFUSED.has(status)) return "no chunks";
    if (!RECOVERABLE.has(status)) {
      const isWithheld = isElsewhere && status === 401 && response.redirectedFrom === undefined;
      assertStatus(response, [], this.#options.task, isWithheld ? () => WITHHELD : hintOf);
    }
    return "doubtful";
  }

  #pieceBytes(session: UploadSession, size: number): number {
    const { chunkSize } = this.#options;
    const isWhole = chunkSize === 0 || (chunkSize === undefined && size <= MAX_PIECE_BYTES);
    if (isWhole || !this.#takesChunks) return Infinity;
    return Math.max(chunkSize ?? CHUNK_BYTES, session.minChunkBytes);
  }

  /** The answer, or an error that another try may spare us. */
  async #attempt(send: () => Promise<HttpResponse>): Promise<Attempt> {
    try {
      return { response: await send() };
    } catch (error) {
      if (isTransient(error)) return { error };
      throw error;
    }
  }

  /** Waits before the next try, or gives up. */
  async #bear(response: HttpResponse | undefined, error: unknown): Promise<void> {
    const { clock = SYSTEM_CLOCK, retries = 4, task, notify = () => {} } = this.#options;
    this.#failures += 1;
    if (this.#failures > retries) {
      if (!response) throw error;
      assertStatus(response, [], task, hintOf);
    }
    // After a 416 the registry is ready, and tells where to go on.
    if (response?.status === 416) return;
    const asked = parseRetryAfter(response?.headers.get("retry-after") ?? null, clock.now());
    const delay = Math.min(asked ?? backoff(this.#failures, clock), MAX_RETRY_AFTER_MS);
    if (delay > NOTE_FROM_MS) {
      notify(`The upload was interrupted, it goes on in ${Math.round(delay / 1000)} s`);
    }
    await clock.sleep(delay, this.#client.signal);
  }

  #lostError(answer: HttpResponse | undefined): RegctlError {
    const last = answer ? `, at last with ${answer.status}${describeErrorBody(answer)}` : "";
    return new RegctlError(
      "SERVER",
      `Cannot ${this.#options.task}: ${this.#client.baseUrl.host} lost the upload ` +
        `${MAX_SESSIONS} times${last}`,
      { hint: "Try again later, or with another --chunk-size" },
    );
  }

  #tooMuchError(received: number, size: number): RegctlError {
    const { task } = this.#options;
    return new RegctlError(
      "INVALID_RESPONSE",
      `Cannot ${task}: ${this.#client.baseUrl.host} says it has ${received} bytes of ${size}`,
    );
  }
}

/**
 * What counts as progress between failures, in bytes, as does a whole piece; less would let a
 * registry go on for ever.
 */
function minProgress(size: number): number {
  return Math.max(1, Math.min(MIN_PROGRESS_BYTES, Math.ceil(size / 16)));
}

function hintOf(codes: readonly string[], { status }: HttpResponse): string | undefined {
  if (codes.includes("DIGEST_INVALID")) return "Look whether the file changes while it is read";
  return status === 413 ? "Send it in smaller pieces with --chunk-size 5MiB" : undefined;
}
