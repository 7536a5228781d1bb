import { OWN_WORDS } from "./facts.ts";

/**
 * A copy of the facts with `redact` applied to all text from elsewhere. What is this program's own
 * word stays: to hide it would tell that it is a password.
 */
export function redactFacts<T>(facts: T, redact: (text: string) => string): T {
  return redactValue(facts, redact) as T;
}

function redactValue(value: unknown, redact: (text: string) => string): unknown {
  if (typeof value === "string") return redact(value);
  if (Array.isArray(value)) return value.map((part) => redactValue(part, redact));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) =>
      OWN_WORDS.has(key) && typeof part === "string"
        ? [key, part]
        : [key, redactValue(part, redact)]
    ),
  );
}
