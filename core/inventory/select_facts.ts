import { readImageDate } from "../oci/image_date.ts";
import { type FactOrder, isUnread, type TagFacts, type TagRow } from "./tag_facts.ts";

/** Clocks of machines that build differ by less. */
const MAX_AHEAD_MS = 5 * 60_000;

/**
 * When something was made or pushed, in milliseconds since the epoch; undefined for a date that says
 * nothing about its age: none, one before 1990, or one in the future.
 *
 * @param now in milliseconds since the epoch
 */
export function readAge(date: string | undefined, now: number): number | undefined {
  const read = readImageDate(date, now, MAX_AHEAD_MS);
  return "at" in read ? read.at : undefined;
}

/** Which tags are wanted by their date. */
export interface DateRange {
  /** Milliseconds since the epoch. Default: any. */
  readonly newerThan?: number | undefined;
  /** Milliseconds since the epoch. Default: any. */
  readonly olderThan?: number | undefined;
  /** The date that counts. */
  readonly by: "created" | "pushed";
}

/**
 * Whether a tag's date is in a range; undefined where {@linkcode readAge} knows none.
 *
 * @param now in milliseconds since the epoch
 */
export function isInRange(
  facts: TagFacts,
  { newerThan = -Infinity, olderThan = Infinity, by }: DateRange,
  now: number,
): boolean | undefined {
  const at = readAge(facts[by], now);
  return at === undefined ? undefined : at > newerThan && at < olderThan;
}

/** How {@linkcode sortRows} orders. */
export interface SortRowsOptions {
  readonly order: FactOrder;
  /** Turns the order round; what has no place in it stays last. Default: false. */
  readonly reverse?: boolean | undefined;
  /** In milliseconds since the epoch. */
  readonly now: number;
}

/**
 * A sorted copy. Behind all others come tags with a date that says nothing about their age, then
 * those without one, then those that could not be read; equals stay in their order.
 */
export function sortRows(rows: readonly TagRow[], options: SortRowsOptions): TagRow[] {
  const { order, reverse = false, now } = options;
  const keyed = rows.map((row) => ({ row, key: toKey(row, order, now) }));
  const sign = reverse ? -1 : 1;
  keyed.sort(({ key: a }, { key: b }) => a.group - b.group || sign * (b.value - a.value));
  return keyed.map(({ row }) => row);
}

function toKey(row: TagRow, order: FactOrder, now: number) {
  if (isUnread(row)) return { group: 3, value: 0 };
  const fact = row[order];
  if (fact === undefined) return { group: 2, value: 0 };
  if (typeof fact === "number") return { group: 0, value: fact };
  const at = readAge(fact, now);
  return at === undefined ? { group: 1, value: 0 } : { group: 0, value: at };
}
