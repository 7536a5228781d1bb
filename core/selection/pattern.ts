import type { RE2JS } from "re2js";

import { RegctlError } from "../errors.ts";

/** Tells whether a name fits. */
export type Matcher = (name: string) => boolean;

/** Makes the error for a pattern that cannot be used. */
export type FailPattern = (reason: string, hint?: string) => RegctlError;

/** The longest pattern that is compiled, in characters. */
export const MAX_PATTERN_LENGTH = 1000;
// Time is linear in this, too, and a count such as {900} multiplies it.
const MAX_PROGRAM_SIZE = 2000;

/**
 * Compiles a pattern of `--match` and `--exclude`. A glob (`*`, `?`, `[a-z]`, `{a,b}`) is about the
 * whole name; `/…/` is a regular expression (RE2) found anywhere in it. Both are matched in time
 * linear in the name, whatever the pattern. Throws `USAGE`.
 */
export async function compilePattern(pattern: string): Promise<Matcher> {
  const fail: FailPattern = (reason, hint) =>
    new RegctlError("USAGE", `Cannot use the pattern ${quote(pattern)}: ${reason}`, { hint });
  if (pattern === "" || pattern === "//") throw fail("it is empty");
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw fail(`it is longer than ${MAX_PATTERN_LENGTH} characters`);
  }
  const isExpression = pattern.length > 1 && pattern.startsWith("/") && pattern.endsWith("/");
  const source = isExpression ? pattern.slice(1, -1) : translateGlob(pattern);
  if (source === undefined) throw fail("a bracket or brace is not closed");
  const expression = await compileExpression(source, fail);
  return (name) => expression.matcher(name).find();
}

/**
 * Compiles a regular expression (RE2) that is matched in linear time. What it throws, where it is
 * none or is too complex, `fail` makes.
 */
export async function compileExpression(source: string, fail: FailPattern): Promise<RE2JS> {
  const { RE2JS } = await import("re2js");
  try {
    const expression = RE2JS.compile(source);
    if (expression.programSize() > MAX_PROGRAM_SIZE) throw fail("it is too complex");
    return expression;
  } catch (error) {
    if (error instanceof RegctlError) throw error;
    throw fail(
      "it is not a regular expression that can be matched in linear time",
      "Leave out look-arounds and back-references, and check the brackets",
    );
  }
}

/** The regular expression for a glob, or undefined where it is not closed. */
function translateGlob(glob: string): string | undefined {
  let source = "";
  let braces = 0;
  for (let i = 0; i < glob.length; i++) {
    const character = glob[i] ?? "";
    if (character === "*") source += ".*";
    else if (character === "?") source += ".";
    else if (character === "{") braces = braces + 1, source += "(?:";
    else if (character === "}" && braces > 0) braces = braces - 1, source += ")";
    else if (character === "," && braces > 0) source += "|";
    else if (character === "[") {
      // A bracket that comes first, or behind the negation, stands for itself.
      const end = glob.indexOf("]", i + (/^\[[!^]/.test(glob.slice(i)) ? 3 : 2));
      if (end < 0) return undefined;
      source += glob.slice(i, end + 1).replace(/^\[!/, "[^").replace(/(?!^)[[\\\]](?!$)/g, "\\$&");
      i = end;
    } else if (character === "\\" && i + 1 < glob.length) source += escape(glob[++i] ?? "");
    else source += escape(character);
  }
  return braces === 0 ? `(?s)^(?:${source})$` : undefined;
}

function escape(character: string): string {
  return /[\\^$.*+?()[\]{}|]/.test(character) ? `\\${character}` : character;
}

function quote(pattern: string): string {
  return JSON.stringify(pattern.length > 80 ? `${pattern.slice(0, 80)}…` : pattern);
}
