import { RegctlError } from "../errors.ts";

/** Why nothing new is to be begun: what the signal was aborted with, or `INTERRUPTED`. */
export function stopReason({ reason }: AbortSignal): RegctlError {
  return reason instanceof RegctlError ? reason : new RegctlError("INTERRUPTED", "Interrupted");
}
