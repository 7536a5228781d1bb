import { RegctlError } from "./errors.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

// A century is more than any rule about age needs. Timers take less; who sets one caps it.
const MAX_DURATION_MS = 100 * 365 * 86_400_000;

/** Reads an age as `30d`, `12h`, with its unit: of a bare number nobody knows what is meant. */
export function parseAge(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) return parseDuration(text);
  throw new RegctlError("USAGE", `An age needs a unit: ${JSON.stringify(text.slice(0, 40))}`, {
    hint: `Write ${text.slice(0, 12)}d for days, or 12h`,
  });
}

/**
 * Reads a duration as `90s`, `5m`, `12h`, `30d`, `500ms`, or a bare number of seconds. Gives
 * milliseconds; throws `USAGE`.
 */
export function parseDuration(text: string): number {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)(ms|[smhd])?$/.exec(text);
  const duration = Number(match?.[1]) * (UNIT_MS[match?.[2] ?? "s"] ?? NaN);
  if (duration <= MAX_DURATION_MS) return duration;
  throw new RegctlError("USAGE", `Not a duration: ${JSON.stringify(text.slice(0, 40))}`, {
    hint: "Write 90s, 5m, 12h, 30d, or a number of seconds",
  });
}
