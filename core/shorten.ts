/** Stands where text was cut; what removes secrets looks for the beginning of one before it. */
export const CUT_MARK = "…";

/** The text, or its first `length` characters and {@linkcode CUT_MARK}. */
export function shorten(text: string, length: number): string {
  return text.length > length ? text.slice(0, length) + CUT_MARK : text;
}

/** The texts joined by commas; of more than `count` the first ones, and {@linkcode CUT_MARK}. */
export function joinSome(texts: readonly string[], count: number): string {
  return [...texts.slice(0, count), ...(texts.length > count ? [CUT_MARK] : [])].join(", ");
}
