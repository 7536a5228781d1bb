import { Scanner } from "./scanner.ts";

/** One link of a `Link` header (RFC 8288 section 3). */
export interface Link {
  /** The target as written, not yet resolved. */
  readonly target: string;
  /** The relation types in lower case. */
  readonly relations: readonly string[];
}

const SEPARATORS = /[ \t,]*/y;
// A URL holds no "<"; stopping there keeps a row of them from costing quadratic time.
const BRACKETED = /<([^<>]*)>/y;
// Quay has sent targets without the angle brackets.
const BARE = /[^;, \t]+/y;
const PARAMETER =
  // A quote that is never closed ends with the header: a next page must not get lost by it.
  /[ \t]*;[ \t]*([^=;, \t]*)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\[^])*)(?:"|$)|([^;, \t"]*)))?/y;
const REST = /[^,]*/y;

/** Reads all links of a header value. What does not fit the grammar is passed over. */
export function parseLinks(header: string): Link[] {
  const scanner = new Scanner(header);
  const links: Link[] = [];
  scanner.take(SEPARATORS);
  while (scanner.next !== undefined) {
    const target = scanner.take(BRACKETED)?.[1] ?? scanner.take(BARE)?.[0];
    let relations: string | undefined;
    for (let match = scanner.take(PARAMETER); match; match = scanner.take(PARAMETER)) {
      // Only the first rel counts (RFC 8288 section 3.3).
      if (match[1]?.toLowerCase() === "rel") relations ??= match[2] ?? match[3];
    }
    if (target !== undefined) {
      links.push({ target, relations: relations?.toLowerCase().split(/[ \t]+/) ?? [] });
    }
    scanner.take(REST);
    scanner.take(SEPARATORS);
  }
  return links;
}

/** The target of the first link to the next page, or undefined on the last page. */
export function findNextLink(headers: Headers): string | undefined {
  const links = parseLinks(headers.get("link") ?? "");
  return links.find((link) => link.relations.includes("next"))?.target;
}
