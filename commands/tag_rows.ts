import {
  isUnread,
  type TagFacts,
  type TagRow,
  type UnreadTag,
} from "../core/inventory/tag_facts.ts";
import { shortenDigest } from "../core/oci/digest.ts";
import { readImageDate } from "../core/oci/image_date.ts";
import { isImageType, isIndexType } from "../core/oci/media_types.ts";
import { formatAge } from "../core/render/age.ts";
import { formatSize } from "../core/render/size.ts";
import { formatTable } from "../core/render/table.ts";

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
    redact(explain(row)),
  ];
  return formatTable(
    ["TAG", "DIGEST", "CREATED", ...pushed("PUSHED"), "SIZE", "PLATFORMS"],
    rows.map((row) => isUnread(row) ? toUnreadCells(row) : toCells(row)),
  );
}

/** A row as JSON: dates are texts of RFC 3339, sizes bytes; what is not known is left out. */
export function toTagDocument(row: TagRow, repository: string, style: RowStyle): object {
  const { tag, ...facts } = row;
  const reference = `${repository}:${tag}`;
  if (!isUnread(row)) return { tag, reference, ...facts };
  return { tag, reference, error: { code: row.error.code, message: style.redact(explain(row)) } };
}

/** Why a tag could not be read, in a few words where they say enough. */
function explain({ error: { code, message } }: UnreadTag): string {
  if (code === "NOT_FOUND") return "It is listed, but has no manifest";
  return code === "UNSUPPORTED" ? "Its manifest is of Docker's schema 1" : message;
}

function formatDate(text: string | undefined, { isShort, now }: RowStyle): string {
  if (text === undefined) return NOTHING;
  if (!isShort) return text;
  const date = readImageDate(text, now);
  // As it was written: it says nothing of how old the image is.
  return "at" in date ? formatAge(now - date.at) : text.slice(0, "2026-01-31".length);
}

/** What it runs on, or what it is. */
function describeKind(row: TagFacts, { isShort }: RowStyle): string {
  const { platforms = [], artifactType, mediaType = "", image } = row;
  if (image) return image.platform;
  if (platforms.length > 0) {
    const isLong = isShort && platforms.length > MAX_PLATFORMS;
    const shown = isLong ? platforms.slice(0, MAX_PLATFORMS - 1) : platforms;
    return [...shown, ...(isLong ? [`+${platforms.length - shown.length}`] : [])].join(", ");
  }
  if (artifactType !== undefined) return artifactType;
  if (isIndexType(mediaType)) return "index";
  return isImageType(mediaType) ? "image" : mediaType || NOTHING;
}
