import { countNoun } from "../core/count_noun.ts";
import { RegctlError } from "../core/errors.ts";
import { ClosedPipe } from "../core/host.ts";
import type { UnreadTag } from "../core/inventory/tag_facts.ts";
import { formatCount } from "../core/render/progress.ts";
import { joinSome, shorten } from "../core/shorten.ts";
import type { Context } from "./context.ts";

/** More names of what could not be read help nobody. */
const MAX_NAMED = 10;
/** What is longer is no tag. */
const MAX_TAG_LENGTH = 128;

/** Reads as far as that goes. Gives what ended it early, if that was foreseen; throws anything else. */
export async function readAsFarAsPossible(read: () => Promise<void>): Promise<
  RegctlError | undefined
> {
  try {
    await read();
    return undefined;
  } catch (error) {
    if (error instanceof RegctlError) return error;
    throw error;
  }
}

/** Writes what is known; a reader that has gone hides no failure. */
export async function writeBefore(
  failure: RegctlError | undefined,
  write: () => Promise<void>,
): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!failure || !(error instanceof ClosedPipe)) throw error;
  }
}

/** Shows how far each of several phases is. */
export function createProgress(
  { host: { clock }, diagnostics }: Context,
): (what: string, done: number, total: number) => void {
  const startedAt = new Map<string, number>();
  return (what, done, total) => {
    const now = clock.now();
    const elapsedMs = now - (startedAt.get(what) ?? now);
    startedAt.set(what, now - elapsedMs);
    const { columns } = diagnostics;
    diagnostics.progress(formatCount({ done, total, what, elapsedMs, columns }));
  };
}

/** What ended it early, with how many of the tags are not read. */
export function cutShort(
  { code, message, hint }: RegctlError,
  read: number,
  total: number,
): RegctlError {
  return new RegctlError(
    code,
    `${message}: ${total - read} of ${countNoun(total, "tag")} not read`,
    {
      hint,
    },
  );
}

/** Says of tags why they could not be read. */
export function warnOfUnread({ diagnostics }: Context, unread: readonly UnreadTag[]): void {
  for (const { tag, error } of unread.slice(0, MAX_NAMED)) {
    diagnostics.warn(`${shorten(tag, MAX_TAG_LENGTH)}: ${error.message}`);
  }
}

/** Throws `PARTIAL` where a tag could not be read. */
export function assertAllRead(unread: readonly UnreadTag[], total: number): void {
  if (unread.length === 0) return;
  const names = joinSome(unread.map(({ tag }) => shorten(tag, MAX_TAG_LENGTH)), MAX_NAMED);
  throw new RegctlError(
    "PARTIAL",
    `Cannot read ${unread.length} of ${countNoun(total, "tag")}: ${names}`,
  );
}
