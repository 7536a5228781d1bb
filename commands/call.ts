import { RegctlError } from "../core/errors.ts";
import { MAX_TIMER_MS } from "../core/host.ts";
import type { Context } from "./context.ts";

/**
 * Begins what `--timeout` limits and Ctrl-C ends: from here on {@linkcode Context.abort} tells. To
 * be called before anything waits; again, it does nothing. Gives the moment when the call must be
 * over, in milliseconds since the epoch.
 *
 * @param timeout in milliseconds; no limit without it
 */
export function beginCall(context: Context, timeout?: number): number | undefined {
  const { host, abort, cleanups, call } = context;
  if (call.isBegun) return call.deadline;
  call.isBegun = true;
  host.onStop((signal) => {
    abort.abort(
      signal === "SIGINT"
        ? new RegctlError("INTERRUPTED", "Interrupted")
        : new RegctlError("TERMINATED", "Terminated"),
    );
  });
  if (timeout === undefined) return undefined;
  const timer = setTimeout(() => {
    abort.abort(
      new RegctlError("TIMEOUT", `Gave up after ${timeout / 1000} s, as --timeout says`),
    );
  }, Math.min(timeout, MAX_TIMER_MS));
  cleanups.push(() => clearTimeout(timer));
  call.deadline = host.clock.now() + timeout;
  return call.deadline;
}

/** What a task gives, unless the call ends first. The task itself goes on, unheard. */
export async function untilCallEnds<T>(
  { abort: { signal } }: Context,
  task: Promise<T>,
): Promise<T> {
  task.catch(() => {});
  signal.throwIfAborted();
  let stop = () => {};
  const ended = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([task, ended]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
