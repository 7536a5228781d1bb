import { shorten } from "../shorten.ts";
import { OWN_WORDS } from "./facts.ts";

// Longer than any text that helps, short enough that a report stays one.
const MAX_TEXT = 500;

/**
 * A copy of the facts with `redact` applied to all text from elsewhere, which is then cut: a secret
 * that is cut first would be told by half. What is this program's own word stays: to hide it would
 * tell that it is a password.
 */
export function cleanFacts<T>(facts: T, redact: (text: string) => string): T {
  return cleanValue(facts, redact) as T;
}

function cleanValue(value: unknown, redact: (text: string) => string): unknown {
  if (typeof value === "string") return shorten(redact(value), MAX_TEXT);
  if (Array.isArray(value)) return value.map((part) => cleanValue(part, redact));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) =>
      OWN_WORDS.has(key) && typeof part === "string" ? [key, part] : [key, cleanValue(part, redact)]
    ),
  );
}
