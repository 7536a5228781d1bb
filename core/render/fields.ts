import { escapeText } from "./escape.ts";

/** A name and what it says; without the latter the line is left out. */
export type Field = readonly [name: string, value: string | undefined];

/** Lines of `name: value`, the values under each other and escaped. */
export function formatFields(fields: readonly Field[]): string {
  const shown = fields.filter(([, value]) => value !== undefined);
  const width = Math.max(...shown.map(([name]) => name.length)) + ": ".length;
  return shown
    .map(([name, value = ""]) => `${`${name}:`.padEnd(width)}${escapeText(value)}`.trimEnd() + "\n")
    .join("");
}
