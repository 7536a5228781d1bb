import { RegctlError } from "../core/errors.ts";
import type { UnreadTag } from "../core/inventory/tag_facts.ts";
import type { Context } from "./context.ts";

/** More names of what could not be read help nobody. */
const MAX_NAMED = 10;

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

/** What ended it early, with how many of the tags are not read. */
export function cutShort(
  { code, message, hint }: RegctlError,
  read: number,
  total: number,
): RegctlError {
  return new RegctlError(code, `${message}: ${total - read} of ${countTags(total)} not read`, {
    hint,
  });
}

/** Says of tags why they could not be read. */
export function warnOfUnread({ diagnostics }: Context, unread: readonly UnreadTag[]): void {
  for (const { tag, error } of unread.slice(0, MAX_NAMED)) {
    diagnostics.warn(`${tag}: ${error.message}`);
  }
}

/** Throws `PARTIAL` where a tag could not be read. */
export function assertAllRead(unread: readonly UnreadTag[], total: number): void {
  if (unread.length === 0) return;
  const names = unread.slice(0, MAX_NAMED).map(({ tag }) => tag).join(", ");
  const more = unread.length > MAX_NAMED ? ", …" : "";
  throw new RegctlError(
    "PARTIAL",
    `Cannot read ${unread.length} of ${countTags(total)}: ${names}${more}`,
  );
}

/** `1 tag`, `3 tags` */
export function countTags(count: number): string {
  return `${count} tag${count === 1 ? "" : "s"}`;
}
