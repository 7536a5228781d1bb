/** A part of a file: offsets of its first and its last byte. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Reads a `Range` header (RFC 9110, section 14) for content of `size` bytes. Undefined where it is to
 * be ignored: another unit, several ranges, no range at all. "unsatisfiable" where no byte is in it.
 */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | "unsatisfiable" | undefined {
  const [, from, to] = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(header ?? "") ?? [];
  if (from === undefined || to === undefined || (from === "" && to === "")) return undefined;
  if (from === "") {
    // The end of nothing is nothing, and that cannot be sent as a part.
    if (size === 0 && Number(to) > 0) return undefined;
    const first = Math.max(0, size - Number(to));
    return first < size ? { first, last: size - 1 } : "unsatisfiable";
  }
  const first = Number(from);
  const last = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  return first <= last ? { first, last } : "unsatisfiable";
}
