import { countNoun } from "../count_noun.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;
// On the average of 400 years.
const MONTH_MS = 30.436875 * DAY_MS;
const YEAR_MS = 12 * MONTH_MS;

/** Each unit with the least age that is told in it; two weeks are told apart, two years too. */
const UNITS: readonly (readonly [name: string, unitMs: number, fromMs: number])[] = [
  ["year", YEAR_MS, 2 * YEAR_MS],
  ["month", MONTH_MS, 2 * MONTH_MS],
  ["week", WEEK_MS, 2 * WEEK_MS],
  ["day", DAY_MS, 2 * DAY_MS],
  ["hour", HOUR_MS, HOUR_MS],
  ["minute", MINUTE_MS, MINUTE_MS],
];

/** `3 days ago`, of an age in milliseconds; `just now` below a minute, and for a clock that is ahead. */
export function formatAge(ageMs: number): string {
  const [name, unitMs] = UNITS.find(([, , fromMs]) => ageMs >= fromMs) ?? [];
  if (name === undefined || unitMs === undefined) return "just now";
  return `${countNoun(Math.floor(ageMs / unitMs), name)} ago`;
}
