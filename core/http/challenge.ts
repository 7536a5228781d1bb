import { RegctlError } from "../errors.ts";
import { shorten } from "../shorten.ts";
import { Scanner } from "./scanner.ts";

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
// Not of the grammar, but sent: a URL without quotes.
const UNQUOTED = /[^\s,"]+/y;
const QUOTED = /"((?:[^"\\]|\\[^])*)"/y;

/**
 * Reads all challenges of a header value. Several headers arrive joined by a comma, which the
 * grammar cannot tell from a comma between parameters except by what follows.
 *
 * Throws `INVALID_RESPONSE` when the value does not fit the grammar.
 */
export function parseChallenges(header: string): Challenge[] {
  const scanner = new Scanner(header);
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  scanner.take(SEPARATORS);
  while (scanner.next !== undefined) {
    const name = scanner.take(TOKEN)?.[0].toLowerCase();
    if (name === undefined) throw malformed(header);
    const current = challenges.at(-1);
    if (current && scanner.take(EQUALS)) {
      const value = scanner.take(QUOTED)?.[1]?.replace(/\\([^])/g, "$1") ??
        scanner.take(UNQUOTED)?.[0];
      if (value === undefined) throw malformed(header);
      current.parameters.set(name, value);
      scanner.take(BLANKS);
      if (scanner.next !== undefined && scanner.next !== ",") throw malformed(header);
    } else {
      challenges.push({ scheme: name, parameters: new Map() });
      if (scanner.take(BLANKS)?.[0]) scanner.take(TOKEN68);
    }
    scanner.take(SEPARATORS);
  }
  return challenges;
}

function malformed(header: string): RegctlError {
  return new RegctlError(
    "INVALID_RESPONSE",
    `The registry sent a malformed WWW-Authenticate header: ${shorten(header, 200)}`,
  );
}
