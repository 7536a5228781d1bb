/** Where the scanner is: in a list, or in an object with these keys so far. */
interface Level {
  readonly keys: Set<string> | undefined;
  /** True where the next text is a key. */
  isAtKey: boolean;
}

/**
 * The first key that an object of a JSON text has twice, at whatever depth; undefined when none
 * has. Readers differ in which of the two they take (RFC 8259 section 4). The text must be valid
 * JSON. Takes linear time.
 */
export function findDuplicateKey(json: string): string | undefined {
  const levels: Level[] = [];
  for (let i = 0; i < json.length; i++) {
    const level = levels.at(-1);
    switch (json[i]) {
      case "{":
        levels.push({ keys: new Set(), isAtKey: true });
        break;
      case "[":
        levels.push({ keys: undefined, isAtKey: false });
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
          if (level.keys?.has(key)) return key;
          level.keys?.add(key);
          level.isAtKey = false;
        }
        i = end;
      }
    }
  }
  return undefined;
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
