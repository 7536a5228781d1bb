// Docker Hub's API sends the moment itself, in seconds since the epoch; no one waits 30 years.
const FIRST_MOMENT_S = 1_000_000_000;

const HTTP_DATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? [A-Za-z0-9 -]{1,12} \d\d:\d\d:\d\d (GMT|\d{4})$/;

/**
 * Reads a `Retry-After` value (RFC 9110 section 10.2.3): seconds, also fractional ones, an HTTP
 * date, or a moment in seconds since the epoch. Gives milliseconds from `now`, at least 0, or
 * undefined for anything else.
 */
export function parseRetryAfter(value: string | null, now: number): number | undefined {
  const text = value?.trim() ?? "";
  if (/^\d{1,15}(\.\d{1,15})?$/.test(text)) {
    const seconds = Number(text);
    return seconds < FIRST_MOMENT_S ? seconds * 1000 : Math.max(0, seconds * 1000 - now);
  }
  // Date.parse reads much that is no HTTP date, "-5" and "Mon 5" among it.
  const date = HTTP_DATE.exec(text);
  if (!date) return undefined;
  // The oldest of the three forms ends in the year and leaves out the zone, which is GMT.
  const moment = Date.parse(date[1] === "GMT" ? text : `${text} GMT`);
  return Number.isNaN(moment) ? undefined : Math.max(0, moment - now);
}
