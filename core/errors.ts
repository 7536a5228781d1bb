/** What went wrong, as a closed list. Each code has one exit code, {@linkcode EXIT_CODES}. */
export type ErrorCode =
  | "INTERNAL"
  | "OUTPUT"
  | "USAGE"
  | "CONFIG"
  | "NOT_FOUND"
  | "UNAUTHORIZED"
  | "DENIED"
  | "NETWORK"
  | "TIMEOUT"
  | "SERVER"
  | "UNSUPPORTED"
  | "REFUSED"
  | "INTEGRITY"
  | "INVALID_RESPONSE"
  | "PARTIAL"
  | "RATE_LIMITED"
  | "INTERRUPTED"
  | "TERMINATED";

/** The exit code of the program for each error code; the README prints this table. */
export const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  INTERNAL: 1,
  OUTPUT: 1,
  USAGE: 2,
  CONFIG: 2,
  NOT_FOUND: 3,
  UNAUTHORIZED: 4,
  DENIED: 4,
  NETWORK: 5,
  TIMEOUT: 5,
  SERVER: 5,
  UNSUPPORTED: 6,
  REFUSED: 6,
  INTEGRITY: 7,
  INVALID_RESPONSE: 7,
  PARTIAL: 8,
  RATE_LIMITED: 9,
  INTERRUPTED: 130,
  TERMINATED: 143,
};

/** What {@linkcode RegctlError} takes beside its code and message. */
export interface RegctlErrorOptions {
  /** One imperative sentence without a full stop: what the user can do. Default: none. */
  readonly hint?: string | undefined;
  /** The error underneath, shown with `--debug` only. */
  readonly cause?: unknown;
  /** An earlier try may have done what was asked, though this one failed. Default: false. */
  readonly isDoubtful?: boolean | undefined;
}

/** Every failure that is foreseen: a message for people, a code for programs. */
export class RegctlError extends Error {
  /** `RegctlError`, or the name of a subclass. */
  override readonly name: string = "RegctlError";
  /** For programs. */
  readonly code: ErrorCode;
  /** What the user can do: one imperative sentence without a full stop. */
  readonly hint: string | undefined;
  /** An earlier try may have done what was asked, though the last one failed. */
  readonly isDoubtful: boolean;

  /** The message says what was tried and what went wrong, in one line. */
  constructor(code: ErrorCode, message: string, options: RegctlErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.isDoubtful = options.isDoubtful ?? false;
  }
}

/** The same error, for a request of which an earlier try may have done what was asked. */
export function withDoubt(error: unknown): unknown {
  if (!(error instanceof RegctlError)) return error;
  const { code, message, hint } = error;
  return new RegctlError(code, message, { hint, isDoubtful: true, cause: error });
}
