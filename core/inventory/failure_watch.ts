import { type ErrorCode, RegctlError } from "../errors.ts";

/** As many in a row, with nothing that went well between them, are not about single tags. */
const MAX_IN_A_ROW = 20;
/** What may befall all tags alike. */
const COMMON_CODES: readonly ErrorCode[] = [
  ...["NETWORK", "TIMEOUT", "SERVER", "UNAUTHORIZED", "DENIED"] as const,
];

/** Tells what is wrong with one tag from what is wrong with all of them. */
export class FailureWatch {
  readonly #signal: AbortSignal | undefined;
  #inARow = 0;

  /** @param signal of the call */
  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** Something was read. */
  succeed(): void {
    this.#inARow = 0;
  }

  /** Gives an error that is about one tag; throws any other, and the signal's reason. */
  accept(error: unknown): RegctlError {
    this.#signal?.throwIfAborted();
    if (!(error instanceof RegctlError) || error.code === "RATE_LIMITED") throw error;
    if (!COMMON_CODES.includes(error.code)) return error;
    this.#inARow++;
    if (this.#inARow >= MAX_IN_A_ROW) throw error;
    return error;
  }
}
