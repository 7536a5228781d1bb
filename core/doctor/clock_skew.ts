import type { ClockFacts } from "./facts.ts";

// A Date header has whole seconds: the moment is somewhere in that one.
const HALF_SECOND_MS = 500;

/** The registry's clock beside ours, at one answer. */
export interface ClockReading {
  /** Theirs minus ours, in milliseconds. */
  readonly differenceMs: number;
  /** How much of it may be the way there and back, and the fraction of a second. */
  readonly allowanceMs: number;
}

/**
 * Compares the `Date` header with our clock, half-way between sending and receiving. Undefined
 * where there is none, or where it is as old as a cache is.
 */
export function readClock(
  headers: Headers,
  sentAtMs: number,
  receivedAtMs: number,
): ClockReading | undefined {
  const theirs = Date.parse(headers.get("date") ?? "");
  if (!Number.isFinite(theirs) || headers.has("age")) return undefined;
  const ours = (sentAtMs + receivedAtMs) / 2;
  return {
    differenceMs: theirs + HALF_SECOND_MS - ours,
    allowanceMs: (receivedAtMs - sentAtMs) / 2 + HALF_SECOND_MS,
  };
}

/** What is left of the difference beyond the allowance, in whole seconds. */
export function measureSkew(reading: ClockReading | undefined): ClockFacts | null {
  if (!reading) return null;
  const { differenceMs, allowanceMs } = reading;
  const beyond = Math.max(0, Math.abs(differenceMs) - allowanceMs);
  // Not -0, which JSON and a person read alike, and a test does not.
  return { skewSeconds: Math.round(Math.sign(differenceMs) * beyond / 1000) || 0 };
}
