/** One `import`, `export … from` or `import(…)`. */
export interface SourceImport {
  /** As it is written: `../errors.ts`, `node:fs`, `commander`. */
  readonly specifier: string;
  /** True for `import type` and `export type`. */
  readonly isTypeOnly: boolean;
}

/**
 * The text of a TypeScript file with comments and the inside of strings, template strings and
 * regular expressions turned into spaces; every other character keeps its place. Code inside
 * `${…}` stays.
 */
export function blankText(source: string): string {
  const out = source.split("");
  /** How many braces are open inside each `${` that is not closed yet. */
  const templates: number[] = [];
  let at = 0;
  /** The last character of code, to tell a division from a regular expression. */
  let last = "";

  const blankTo = (end: number) => {
    for (; at < end && at < out.length; at++) if (out[at] !== "\n") out[at] = " ";
  };
  const blankTemplate = () => {
    while (at < source.length && source[at] !== "`") {
      if (source.startsWith("${", at)) {
        templates.push(0);
        at += 2;
        last = "{";
        return;
      }
      blankTo(at + (source[at] === "\\" ? 2 : 1));
    }
    at++;
    last = "`";
  };

  while (at < source.length) {
    const char = source[at] ?? "";
    const open = templates.length - 1;
    if (source.startsWith("//", at)) {
      const end = source.indexOf("\n", at);
      blankTo(end < 0 ? source.length : end);
    } else if (source.startsWith("/*", at)) {
      const end = source.indexOf("*/", at + 2);
      blankTo(end < 0 ? source.length : end + 2);
    } else if (char === '"' || char === "'" || (char === "/" && beginsRegExp(out, at, last))) {
      const end = findEnd(source, at, char);
      at++;
      blankTo(end);
      at++;
      last = char;
    } else if (char === "`") {
      at++;
      blankTemplate();
    } else if (char === "}" && templates[open] === 0) {
      templates.pop();
      at++;
      blankTemplate();
    } else {
      if (char === "{" && open >= 0) templates[open] = (templates[open] ?? 0) + 1;
      if (char === "}" && open >= 0) templates[open] = (templates[open] ?? 0) - 1;
      if (char.trim() !== "") last = char;
      at++;
    }
  }
  return out.join("");
}

/** Where the string or regular expression that begins at `start` ends. */
function findEnd(source: string, start: number, quote: string): number {
  let isInClass = false;
  let at = start + 1;
  for (; at < source.length; at++) {
    const char = source[at];
    if (char === "\\") at++;
    else if (char === "\n") break;
    else if (quote === "/" && char === "[") isInClass = true;
    else if (quote === "/" && char === "]") isInClass = false;
    else if (char === quote && !isInClass) break;
  }
  return at;
}

/** A slash divides after a value: a name, a number, or a closing bracket or quote. */
function beginsRegExp(code: readonly string[], at: number, last: string): boolean {
  if (/[)\]}"'`]/.test(last)) return false;
  if (!/[\w$]/.test(last)) return true;
  const before = code.slice(Math.max(0, at - 12), at).join("");
  return /\b(?:return|case|typeof|in|of|void|yield|await)\s*$/.test(before);
}

/** Every import and re-export of a file, dynamic ones too. */
export function parseImports(source: string): SourceImport[] {
  const code = blankText(source);
  const found: SourceImport[] = [];
  const statement =
    /(?<![\w$.])(?:(?:import|export)\s+(type\s)?[\w$*{}\s,]*?\bfrom\s*|import\s*(?:\(\s*)?)(["'`])/g;
  for (const match of code.matchAll(statement)) {
    const start = match.index + match[0].length;
    const end = source.indexOf(match[2] ?? '"', start);
    found.push({ specifier: source.slice(start, end), isTypeOnly: match[1] !== undefined });
  }
  return found;
}
