import { RegctlError } from "../errors.ts";

/** More of a wrong input than this helps nobody and may flood a log. */
const MAX_SHOWN_LENGTH = 80;

/** Makes the error for one broken rule of a name. */
export type Refuse = (rule: string, hint?: string) => RegctlError;

/**
 * The errors for `text`, a `kind` of name: code `USAGE`, the start of the text in printable ASCII
 * and the broken rule. A text with an "@" may hold a password and is not shown at all.
 */
export function createRefusal(kind: string, text: string): Refuse {
  const shown = text.includes("@") ? "" : ` ${quoteInput(text)}`;
  return (rule, hint) => new RegctlError("USAGE", `Invalid ${kind}${shown}: ${rule}`, { hint });
}

function quoteInput(text: string): string {
  const start = JSON.stringify(text.slice(0, MAX_SHOWN_LENGTH));
  const more = text.length > MAX_SHOWN_LENGTH ? "..." : "";
  return start.replace(/[^ -~]/g, escapeCodeUnit) + more;
}

function escapeCodeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
