import {
  isUnread,
  type TagFacts,
  type TagRow,
  type UnreadTag,
} from "../core/inventory/tag_facts.ts";
import { readAge } from "../core/inventory/select_facts.ts";
import { shortenDigest } from "../core/oci/digest.ts";
import { formatAge } from "../core/render/age.ts";
import { formatSize } from "../core/render/size.ts";
import { formatTable } from "../core/render/table.ts";
import { shorten } from "../core/shorten.ts";

/** How rows are shown. */
export interface RowStyle {
  /** Hides what must not be shown in what a registry said. */
  readonly redact: (text: string) => string;
  /** Digests are cut. */
  readonly trunc: boolean;
  /** Dates are ages, and long lists of platforms are cut, for people. */
  readonly isShort: boolean;
  /** There is a column for the date of the push. */
  readonly withPushed: boolean;
  /** In milliseconds since the epoch. */
  readonly now: number;
}

/** More of them make a line that wraps, on the terminals that most people have. */
const MAX_PLATFORMS = 3;
/** A signature's tag is of 76 characters; it sticks out, and moves no others. */
const MAX_COLUMN_WIDTH = 40;
/** Types of media are rarely longer. */
const MAX_TYPE_LENGTH = 120;
const NOTHING = "-";

/** The rows as a table. */
export function formatTagTable(rows: readonly TagRow[], style: RowStyle): Promise<string> {
  const { trunc, withPushed, redact } = style;
  const pushed = <T>(cell: T) => withPushed ? [cell] : [];
  const toCells = (row: TagFacts) => [
    row.tag,
    trunc ? shortenDigest(row.digest) : row.digest,
    formatDate(row.created, style),
    ...pushed(formatDate(row.pushed, style)),
    row.size === undefined ? NOTHING : formatSize(row.size),
    describeKind(row, style),
  ];
  const toUnreadCells = (row: UnreadTag) => [
    ...[row.tag, NOTHING, NOTHING, ...pushed(NOTHING), NOTHING],
    redact(row.error.message),
  ];
  return formatTable(
    ["TAG", "DIGEST", "CREATED", ...pushed("PUSHED"), "SIZE", "PLATFORMS"],
    rows.map((row) => isUnread(row) ? toUnreadCells(row) : toCells(row)),
    { maxWidth: MAX_COLUMN_WIDTH },
  );
}

/** A row as JSON: dates are texts of RFC 3339, sizes bytes; what is not known is left out. */
export function toTagDocument(row: TagRow, repository: string, style: RowStyle): object {
  const { tag, ...facts } = row;
  const reference = `${repository}:${tag}`;
  if (!isUnread(row)) return { tag, reference, ...facts };
  return {
    tag,
    reference,
    error: { code: row.error.code, message: style.redact(row.error.message) },
  };
}

function formatDate(text: string | undefined, { isShort, now }: RowStyle): string {
  if (text === undefined) return NOTHING;
  if (!isShort) return text;
  const at = readAge(text, now);
  // As it was written: it says nothing of how old the image is.
  return at === undefined ? text.slice(0, "2026-01-31".length) : formatAge(now - at);
}

/** What it runs on, or what it is. */
function describeKind(row: TagFacts, { isShort }: RowStyle): string {
  const { platforms = [], artifactType, image } = row;
  if (image) return image.platform;
  if (platforms.length > 0) {
    const isLong = isShort && platforms.length > MAX_PLATFORMS;
    const shown = isLong ? platforms.slice(0, MAX_PLATFORMS - 1) : platforms;
    return [...shown, ...(isLong ? [`+${platforms.length - shown.length}`] : [])].join(", ");
  }
  return artifactType === undefined ? NOTHING : shorten(artifactType, MAX_TYPE_LENGTH);
}
