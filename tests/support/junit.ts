import { readFileSync } from "node:fs";

/** What the tests of one run came to; names are `file > test`. */
export interface Report {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  apos: "'",
  gt: ">",
  lt: "<",
  quot: '"',
};

/** Reads a JUnit file as `deno test` and `bun test` write it; undefined when there is none. */
export function readReport(path: string): Report | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  return parseReport(text);
}

/** Counts the `testcase` elements of a JUnit file; undefined when the file is cut short. */
export function parseReport(text: string): Report | undefined {
  // What a test printed must not be read as an element.
  const xml = text.replace(/<!\[CDATA\[[\s\S]*?\]\]>/g, "").trimEnd();
  if (!/<\/testsuites>$|<testsuites[^>]*\/>$/.test(xml)) return undefined;
  let passed = 0;
  const failed: string[] = [];
  const skipped: string[] = [];
  const testCase = /<testcase((?:\s+[\w:-]+="[^"]*")*)\s*(?:\/>|>([\s\S]*?)<\/testcase>)/g;
  for (const [, attributes = "", body = ""] of xml.matchAll(testCase)) {
    const name = `${readFile(attributes)} > ${readAttribute(attributes, "name")}`;
    if (/<(?:failure|error)\b/.test(body)) failed.push(name);
    else if (/<skipped\b/.test(body)) skipped.push(name);
    else passed++;
  }
  return { passed, failed, skipped };
}

/** Bun names the file in `file`, Deno in `classname`. */
function readFile(attributes: string): string {
  const file = readAttribute(attributes, "file") || readAttribute(attributes, "classname");
  return file.replace(/^\.\//, "");
}

function readAttribute(attributes: string, name: string): string {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return value.replace(
    /&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi,
    (whole, decimal?: string, hex?: string, word?: string) => {
      if (word !== undefined) return ENTITIES[word] ?? whole;
      return String.fromCodePoint(decimal ? Number(decimal) : Number.parseInt(hex ?? "", 16));
    },
  );
}
