import { parseAge } from "./duration.ts";
import { RegctlError } from "./errors.ts";

const RFC_3339 =
  /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,3})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
const DAY = /^\d{4}-\d\d-\d\d$/;
// Enough for nanoseconds and an offset, and no bound that a real date meets.
const MAX_DATE_LENGTH = 64;

/**
 * Reads a date and time of RFC 3339 (§5.6). Gives milliseconds since the epoch; undefined for
 * anything else, also for days that no calendar has.
 */
export function tryParseDateTime(text: string): number | undefined {
  if (text.length > MAX_DATE_LENGTH) return undefined;
  const [, day, time, fraction = "", sign, hours = "0", minutes = "0"] = RFC_3339.exec(text) ?? [];
  if (day === undefined || Number(hours) > 23 || Number(minutes) > 59) return undefined;
  const local = `${day}T${time}.${fraction.padEnd(3, "0")}Z`;
  const at = Date.parse(local);
  // A parser may take the 30th of February for the 1st of March, and 24:00 for the next day.
  if (!Number.isFinite(at) || new Date(at).toISOString() !== local) return undefined;
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000;
  return sign === "-" ? at + offsetMs : at - offsetMs;
}

/**
 * Reads a moment: an age before `now` (`30d`, `12h`), a day (`2026-01-31`, its beginning in UTC), or
 * a date and time of RFC 3339. All in milliseconds since the epoch. Throws `USAGE`.
 */
export function parseMoment(text: string, now: number): number {
  const at = tryParseDateTime(DAY.test(text) ? `${text}T00:00:00Z` : text);
  if (at !== undefined) return at;
  try {
    return now - parseAge(text);
  } catch (error) {
    throw new RegctlError(
      "USAGE",
      `Neither an age nor a date: ${JSON.stringify(text.slice(0, 40))}`,
      {
        hint: "Write an age such as 30d or 12h, or a date such as 2026-01-31",
        cause: error,
      },
    );
  }
}
