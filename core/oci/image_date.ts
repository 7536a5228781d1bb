import { tryParseDateTime } from "../date_time.ts";
import { shorten } from "../shorten.ts";

/** When an image was made, in milliseconds since the epoch, or why that is not known. */
export type ImageDate = { readonly at: number } | { readonly unknown: string };

/** Where a manifest states its date (image-spec, annotations.md); it may be any text. */
export const CREATED_ANNOTATION = "org.opencontainers.image.created";

const DAY_MS = 86_400_000;
// Docker is of 2013. Reproducible builds write 1970 or 1980, and Go's zero time is the year 1.
const EARLIEST_MS = Date.UTC(1990, 0, 1);

/**
 * Reads the date that an image states, of RFC 3339 (§5.6), to the millisecond. `now` is in
 * milliseconds since the epoch. A date that says nothing about age is unknown: none at all, one
 * before 1990, or one more than `maxAheadMs` ahead of `now`, a day by default.
 */
export function readImageDate(text: unknown, now: number, maxAheadMs: number = DAY_MS): ImageDate {
  if (text === undefined || text === null || text === "") {
    return { unknown: "its configuration names no date" };
  }
  if (typeof text !== "string") return { unknown: "its date is not a text" };
  const at = tryParseDateTime(text);
  if (at === undefined) {
    return { unknown: `its date cannot be read: ${JSON.stringify(shorten(text, 40))}` };
  }
  const day = text.slice(0, 10);
  if (at < EARLIEST_MS) return { unknown: `its date is ${day}, as reproducible builds write it` };
  if (at > now + maxAheadMs) return { unknown: `its date is ${day}, which is in the future` };
  return { at };
}
