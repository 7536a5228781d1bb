import { RegctlError } from "../errors.ts";

/** One challenge of a `WWW-Authenticate` header (RFC 9110 section 11.6.1). */
export interface Challenge {
  /** The scheme in lower case: `bearer`. */
  readonly scheme: string;
  /** The parameters by their names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const SEPARATORS = /[ \t,]*/y;
const BLANKS = /[ \t]*/y;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
// A lone value such as Negotiate's: it ends where the challenge does.
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\[^])*)"/y;

/**
 * Reads all challenges of a header value. Several headers arrive joined by a comma, which the
 * grammar cannot tell from a comma between parameters except by what follows.
 *
 * Throws `INVALID_RESPONSE` when the value does not fit the grammar.
 */
export function parseChallenges(header: string): Challenge[] {
  let position = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = position;
    const match = pattern.exec(header);
    if (match) position = pattern.lastIndex;
    return match;
  };
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  take(SEPARATORS);
  while (position < header.length) {
    const name = take(TOKEN)?.[0].toLowerCase();
    if (name === undefined) throw malformed(header);
    const current = challenges.at(-1);
    if (current && take(EQUALS)) {
      const value = take(QUOTED)?.[1]?.replace(/\\([^])/g, "$1") ?? take(TOKEN)?.[0];
      if (value === undefined) throw malformed(header);
      current.parameters.set(name, value);
      take(BLANKS);
      if (position < header.length && header[position] !== ",") throw malformed(header);
    } else {
      challenges.push({ scheme: name, parameters: new Map() });
      if (take(BLANKS)?.[0]) take(TOKEN68);
    }
    take(SEPARATORS);
  }
  return challenges;
}

function malformed(header: string): RegctlError {
  return new RegctlError(
    "INVALID_RESPONSE",
    `The registry sent a malformed WWW-Authenticate header: ${header.slice(0, 200)}`,
  );
}
