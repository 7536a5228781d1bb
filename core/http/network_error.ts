import { RegctlError, type RegctlErrorOptions } from "../errors.ts";

/** How a request failed before a whole response was there. */
export type NetworkFailure =
  | "refused"
  | "unresolved"
  | "unreachable"
  | "lost"
  | "certificate"
  | "tls"
  | "stalled"
  | "other";

/** No whole response came. Code `TIMEOUT` where it stalled, else `NETWORK`. */
export class NetworkError extends RegctlError {
  override readonly name = "NetworkError";
  readonly failure: NetworkFailure;

  constructor(failure: NetworkFailure, message: string, options: RegctlErrorOptions = {}) {
    super(failure === "stalled" ? "TIMEOUT" : "NETWORK", message, options);
    this.failure = failure;
  }
}
