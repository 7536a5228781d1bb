import { RegctlError } from "../errors.ts";

/**
 * A signal that is aborted this many milliseconds after another one. Its reason has the same code,
 * and says that what was under way may be done or not.
 */
export function outlast(signal: AbortSignal | undefined, graceMs: number): AbortSignal {
  const late = new AbortController();
  const begin = () => {
    const timer: unknown = setTimeout(() => late.abort(tooLate(signal?.reason)), graceMs);
    // It is nothing that the program should wait for.
    (timer as { unref?: () => void }).unref?.();
  };
  if (signal?.aborted) begin();
  else signal?.addEventListener("abort", begin, { once: true });
  return late.signal;
}

function tooLate(reason: unknown): unknown {
  if (!(reason instanceof RegctlError)) return reason;
  const message = `${reason.message} before the registry said whether it is done`;
  return new RegctlError(reason.code, message, { cause: reason });
}
