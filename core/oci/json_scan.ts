/** Where the scanner is: in a list, or in an object with these keys so far. */
interface Level {
  readonly keys: Set<string> | undefined;
  /** True where keys are data, and those that differ in case alone are two. */
  readonly isMap: boolean;
  /** True where the next text is a key. */
  isAtKey: boolean;
}

/** A key that readers of the same document would understand differently. */
export interface AmbiguousKey {
  readonly key: string;
  /** What some would take it for; undefined where it is there twice. */
  readonly like?: string;
}

/** What {@linkcode findAmbiguousKey} takes beside the document. */
export interface AmbiguousKeyOptions {
  /** Names that are known; no key may look like one and be another. Default: none. */
  readonly names?: readonly string[];
  /** Names of members whose keys are data, such as `annotations`. Default: none. */
  readonly maps?: readonly string[];
}

/**
 * The first key of a JSON text, at whatever depth, that an object has twice, or that differs from
 * another one, or from a known name, in case alone: readers differ in which of the two they take
 * (RFC 8259 section 4), and those in Go ignore case. Undefined when there is none. The text must be
 * valid JSON. Takes linear time.
 */
export function findAmbiguousKey(
  json: string,
  { names = [], maps = [] }: AmbiguousKeyOptions = {},
): AmbiguousKey | undefined {
  const known = new Map(names.map((name) => [fold(name), name]));
  const levels: Level[] = [];
  let lastKey = "";
  for (let i = 0; i < json.length; i++) {
    const level = levels.at(-1);
    switch (json[i]) {
      case "{":
        levels.push({ keys: new Set(), isMap: maps.includes(lastKey), isAtKey: true });
        break;
      case "[":
        levels.push({ keys: undefined, isMap: false, isAtKey: false });
        lastKey = "";
        break;
      case "}":
      case "]":
        levels.pop();
        break;
      case ",":
        if (level?.keys) level.isAtKey = true;
        break;
      case '"': {
        const end = findQuote(json, i + 1);
        if (level?.isAtKey) {
          const key: string = JSON.parse(json.slice(i, end + 1));
          const folded = level.isMap || names.length === 0 ? key : fold(key);
          const like = level.isMap ? undefined : known.get(folded);
          if (like !== undefined && like !== key) return { key, like };
          if (level.keys?.has(folded)) return { key };
          level.keys?.add(folded);
          level.isAtKey = false;
          lastKey = key;
        }
        i = end;
      }
    }
  }
  return undefined;
}

/** Where a value stands in a text. */
export interface Span {
  readonly start: number;
  /** Behind its last character. */
  readonly end: number;
}

/** The value of a member of the object that a valid JSON text is; undefined when there is none. */
export function findMember(json: string, name: string): Span | undefined {
  let depth = 0;
  let isAtKey = false;
  let start: number | undefined;
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '"') {
      const end = findQuote(json, i + 1);
      if (depth === 1 && isAtKey && JSON.parse(json.slice(i, end + 1)) === name) {
        start = json.indexOf(":", end) + 1;
      }
      isAtKey = false;
      i = end;
    } else if (character === "{" || character === "[") {
      isAtKey = ++depth === 1;
    } else if (depth === 1 && (character === "," || character === "}")) {
      if (start !== undefined) return trim(json, start, i);
      isAtKey = true;
    }
    if (character === "}" || character === "]") depth--;
  }
  return undefined;
}

function trim(json: string, start: number, end: number): Span {
  const value = json.slice(start, end);
  return { start: end - value.trimStart().length, end: start + value.trimEnd().length };
}

/** True when lists and objects of a text are nested deeper than `depth`. It need not be JSON. */
export function isDeeperThan(json: string, depth: number): boolean {
  let level = 0;
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '"') i = findQuote(json, i + 1);
    else if (character === "{" || character === "[") level++;
    else if (character === "}" || character === "]") level--;
    if (level > depth) return true;
  }
  return false;
}

/** As Go's readers of JSON fold: the long s and the Kelvin sign count as the letters they look like. */
function fold(key: string): string {
  return key.toUpperCase().toLowerCase();
}

/** The end of a text that begins at `start`: a quote behind an even number of backslashes. */
function findQuote(json: string, start: number): number {
  for (let end = json.indexOf('"', start); end >= 0; end = json.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (json[end - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return json.length;
}
