/** What readers know of an object. */
export interface JsonShape {
  /** The names of its members that mean something. */
  readonly names: readonly string[];
  /** Shapes of members that are an object, or a list of objects. Default: none is known. */
  readonly members?: Readonly<Record<string, JsonShape>>;
}

/** Where the scanner is: in a list, or in an object with these keys so far. */
interface Level {
  readonly keys: Set<string> | undefined;
  /** Of the object, or of the objects in the list; undefined where keys are data. */
  readonly shape: JsonShape | undefined;
  /** True where the next text is a key. */
  isAtKey: boolean;
  lastKey: string;
}

/** A key that readers of the same document would understand differently. */
export interface AmbiguousKey {
  readonly key: string;
  /** What some would take it for; undefined where it is there twice. */
  readonly like?: string;
}

/** What {@linkcode findAmbiguousKey} takes beside the document. */
export interface AmbiguousKeyOptions {
  /** Of the document. Default: keys are data. */
  readonly shape?: JsonShape;
  /** How many levels of objects are looked at. Default: all. */
  readonly levels?: number;
}

/**
 * The first key of a JSON text that an object has twice: readers differ in which of the two they
 * take (RFC 8259 section 4). Where the shape of an object is known, also one that differs from
 * another, or from a known name, in case alone: readers in Go ignore case. Undefined when there is
 * none. The text must be valid JSON. Takes linear time.
 */
export function findAmbiguousKey(
  json: string,
  { shape, levels: depth = Infinity }: AmbiguousKeyOptions = {},
): AmbiguousKey | undefined {
  const levels: Level[] = [];
  const enter = (keys: Set<string> | undefined) => {
    const parent = levels.at(-1);
    const member = parent?.keys
      ? Object.hasOwn(parent.shape?.members ?? {}, parent.lastKey)
        ? parent.shape?.members?.[parent.lastKey]
        : undefined
      : parent
      ? parent.shape
      : shape;
    levels.push({ keys, shape: member, isAtKey: keys !== undefined, lastKey: "" });
  };
  for (let i = 0; i < json.length; i++) {
    const level = levels.at(-1);
    switch (json[i]) {
      case "{":
        enter(new Set());
        break;
      case "[":
        enter(undefined);
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
          level.isAtKey = false;
          level.lastKey = JSON.parse(json.slice(i, end + 1));
          const found = levels.length <= depth ? judgeKey(level) : undefined;
          if (found) return found;
        }
        i = end;
      }
    }
  }
  return undefined;
}

function judgeKey({ keys, shape, lastKey: key }: Level): AmbiguousKey | undefined {
  const folded = shape ? fold(key) : key;
  const like = shape && foldNames(shape).get(folded);
  if (like !== undefined && like !== key) return { key, like };
  if (keys?.has(folded)) return { key };
  keys?.add(folded);
  return undefined;
}

/** Folding all names for each key would take most of the time. */
const FOLDED_NAMES = new WeakMap<JsonShape, ReadonlyMap<string, string>>();

function foldNames(shape: JsonShape): ReadonlyMap<string, string> {
  const known = FOLDED_NAMES.get(shape);
  if (known) return known;
  const names = new Map(shape.names.map((name) => [fold(name), name]));
  FOLDED_NAMES.set(shape, names);
  return names;
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
