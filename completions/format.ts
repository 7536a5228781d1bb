import type { Completion } from "./complete.ts";

/** Control, format (bidirectional marks among them) and line separator characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * Writes a completion as the scripts read it: one `value<TAB>description` a line, and a last line of
 * `:` with the words `nospace` and `files`, comma separated, where they hold.
 */
export function formatCompletion(completion: Completion): string {
  const lines: string[] = [];
  for (const { value, description = "" } of completion.candidates) {
    const word = value.replace(UNPRINTABLE, "");
    const text = description.replace(/\s+/g, " ").replace(UNPRINTABLE, "").trim();
    if (word !== "") lines.push(text === "" ? word : `${word}\t${text}`);
  }
  const directives: string[] = [];
  if (!completion.space) directives.push("nospace");
  if (completion.files) directives.push("files");
  lines.push(`:${directives.join(",")}`);
  return lines.join("\n") + "\n";
}
