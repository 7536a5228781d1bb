import { readAge } from "../core/inventory/select_facts.ts";
import { isUnread, type TagFacts, type TagRow } from "../core/inventory/tag_facts.ts";
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
  /** Dates are ages. */
  readonly isRelative: boolean;
  /** What it has to fit into, as far as that can be. Default: nothing. */
  readonly columns: number | undefined;
  /** There is a column for the date of the push. */
  readonly withPushed: boolean;
  /** In milliseconds since the epoch. */
  readonly now: number;
}

/** What stands between columns. */
const GAP_WIDTH = 2;
/** A signature's tag is of 76 characters; it sticks out, and moves no others. */
const MAX_TAG_WIDTH = 40;
/** Types of media are rarely longer; less of one says nothing. */
const MAX_TYPE_LENGTH = 120;
const MIN_TYPE_LENGTH = 20;
const NOTHING = "-";

/** A column of the table. */
interface Column {
  readonly title: string;
  readonly toCell: (row: TagFacts) => string;
}

/**
 * The rows as a table. Where it is to fit into a terminal, long lists of platforms are cut, and on a
 * narrow one digests and platforms are left out.
 */
export function formatTagTable(rows: readonly TagRow[], style: RowStyle): Promise<string> {
  const { trunc, withPushed, columns } = style;
  const digest: Column = {
    title: "DIGEST",
    toCell: (row) => trunc ? shortenDigest(row.digest) : row.digest,
  };
  const others: readonly Column[] = [
    { title: "CREATED", toCell: (row) => formatDate(row.created, style) },
    ...(withPushed
      ? [{ title: "PUSHED", toCell: (row: TagFacts) => formatDate(row.pushed, style) }]
      : []),
    { title: "SIZE", toCell: ({ size }) => size === undefined ? NOTHING : formatSize(size) },
  ];
  const tagWidth = measure("TAG", rows.map(({ tag }) => tag), MAX_TAG_WIDTH);
  const facts = rows.filter((row): row is TagFacts => !isUnread(row));
  const spaceBeside = (some: readonly Column[]) =>
    some.reduce(
      (space, { title, toCell }) => space - measure(title, facts.map(toCell)) - GAP_WIDTH,
      (columns ?? Infinity) - tagWidth - GAP_WIDTH,
    );
  const needed = measure("PLATFORMS", facts.map((row) => describeKind(row, 0)));
  const isWide = !trunc || spaceBeside([digest, ...others]) >= needed;
  const shown = isWide ? [digest, ...others] : others;
  const space = spaceBeside(shown);
  // A reason has to stand somewhere, and a line may wrap for it.
  const hasLast = space >= needed || facts.length < rows.length;
  const last = (cell: string) => hasLast ? [cell] : [];
  return formatTable(
    ["TAG", ...shown.map(({ title }) => title), ...last("PLATFORMS")],
    rows.map((row) =>
      isUnread(row)
        ? [row.tag, ...shown.map(() => NOTHING), ...last(style.redact(row.error.message))]
        : [row.tag, ...shown.map(({ toCell }) => toCell(row)), ...last(describeKind(row, space))]
    ),
    { maxFirstWidth: MAX_TAG_WIDTH },
  );
}

/** The width that a column needs, without cells that stick out. */
function measure(title: string, cells: readonly string[], max = Infinity): number {
  return cells.reduce(
    (width, { length }) => length > max ? width : Math.max(width, length),
    title.length,
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

function formatDate(text: string | undefined, { isRelative, now }: RowStyle): string {
  if (text === undefined) return NOTHING;
  if (!isRelative) return text;
  const at = readAge(text, now);
  // As it was written: it says nothing of how old the image is.
  return at === undefined ? text.slice(0, "2026-01-31".length) : formatAge(now - at);
}

/** What it runs on, or what it is; as much of that as fits. */
function describeKind({ platforms = [], artifactType, image }: TagFacts, space: number): string {
  if (image) return image.platform;
  if (platforms.length > 0) return fit(platforms, space);
  if (artifactType === undefined) return NOTHING;
  const length = Math.max(MIN_TYPE_LENGTH, Math.min(MAX_TYPE_LENGTH, space));
  return artifactType.length > length ? shorten(artifactType, length - 1) : artifactType;
}

/** `linux/amd64, linux/arm64, +2` */
function fit(names: readonly string[], space: number): string {
  const all = names.join(", ");
  if (all.length <= space) return all;
  for (let count = names.length - 1; count > 1; count--) {
    const some = `${names.slice(0, count).join(", ")}, +${names.length - count}`;
    if (some.length <= space) return some;
  }
  return names.length > 1 ? `${names[0]}, +${names.length - 1}` : all;
}
