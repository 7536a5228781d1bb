// Docker Hub's API sends the moment itself, in seconds since the epoch; no one waits 30 years.
const FIRST_MOMENT_S = 1_000_000_000;

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
  // Date.parse reads much that is no HTTP date, "-5" among it; every HTTP date names a weekday.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(text)) return undefined;
  const moment = Date.parse(text);
  return Number.isNaN(moment) ? undefined : Math.max(0, moment - now);
}
