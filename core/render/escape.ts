// Controls (C0, DEL, C1); marks that reorder or hide text; line separators; lone surrogates; tags.
const UNSAFE =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}|[\u{e0000}-\u{e007f}]/gu;

// Most text is, and needs no further look.
const PLAIN = /^[ -~]*$/;

/**
 * Makes text from elsewhere safe to print on one line of a terminal: what could move the cursor,
 * change colours, reorder or hide text is shown as `\x1b` or `\u{202e}`. Other text stays as it is.
 */
export function escapeText(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    return code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u{${hex}}`;
  });
}

/**
 * Does the same for a JSON document, in JSON's own way, so that it means what it meant. The line
 * feeds between its tokens stay.
 */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE, (character) => {
    if (character === "\n") return character;
    return Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
    ).join("");
  });
}
