/** A part of a body, both ends included, counted from 0. */
export interface ByteRange {
  /** The first byte. */
  readonly first: number;
  /** Default: the last byte there is. */
  readonly last?: number;
}

/** The value of a `Range` header (RFC 9110 section 14.2). */
export function formatRange({ first, last }: ByteRange): string {
  return `bytes=${first}-${last ?? ""}`;
}

/** What a `Content-Range` header says (RFC 9110 section 14.4). */
export interface ContentRange {
  readonly first: number;
  readonly last: number;
  /** Of the whole body; undefined where the server does not tell. */
  readonly total: number | undefined;
}

/** Reads `bytes 0-99/200` or `bytes 0-99/*`; undefined for anything else. */
export function parseContentRange(value: string | null): ContentRange | undefined {
  const [, first, last, total] =
    /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(value ?? "") ??
      [];
  if (total === undefined) return undefined;
  return {
    first: Number(first),
    last: Number(last),
    total: total === "*" ? undefined : Number(total),
  };
}
