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
  let position = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = position;
    const match = pattern.exec(header);
    if (match) position = pattern.lastIndex;
    return match;
  };
  const links: Link[] = [];
  take(SEPARATORS);
  while (position < header.length) {
    const target = take(BRACKETED)?.[1] ?? take(BARE)?.[0];
    let relations: string | undefined;
    for (let match = take(PARAMETER); match; match = take(PARAMETER)) {
      // Only the first rel counts (RFC 8288 section 3.3).
      if (match[1]?.toLowerCase() === "rel") relations ??= match[2] ?? match[3];
    }
    if (target !== undefined) {
      links.push({ target, relations: relations?.toLowerCase().split(/[ \t]+/) ?? [] });
    }
    take(REST);
    take(SEPARATORS);
  }
  return links;
}

/** The target of the first link to the next page, or undefined on the last page. */
export function findNextLink(headers: Headers): string | undefined {
  const links = parseLinks(headers.get("link") ?? "");
  return links.find((link) => link.relations.includes("next"))?.target;
}
