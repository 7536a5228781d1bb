import { RegctlError } from "../errors.ts";
import type { HttpResponse } from "../http/exchange.ts";
import { findNextLink } from "../http/link.ts";
import { isObject } from "../oci/json_object.ts";
import { shorten } from "../shorten.ts";
import type { RegistryClient } from "./client.ts";
import { assertStatus, parseJson } from "./response_gate.ts";

/** One page of a listing. */
export interface ListingPage {
  /** Entries that no earlier page had, in the order they came. */
  readonly entries: readonly string[];
  /** How many entries of the page were no text, such as null. */
  readonly dropped: number;
  /** The whole answer: some registries tell more than the specification asks for. */
  readonly document: unknown;
}

/** What {@linkcode listingPages} lists. */
export interface Listing {
  readonly firstUrl: URL;
  /** The member of the answer that holds the entries: `tags`. */
  readonly member: string;
  readonly scopes: readonly string[];
  /** What is being done, as in `list the tags of "busybox"`. */
  readonly task: string;
}

/** Most bytes of one page: at 20 bytes a tag, over a million of them. */
const MAX_PAGE_BYTES = 32 * 1024 * 1024;

// Bounds for a registry that never ends. The largest repositories known hold some 100,000 tags.
const MAX_PAGES = 10_000;
const MAX_TOTAL_CHARACTERS = 256 * 1024 * 1024;
// Pages that only repeat what was there. An empty one may be honest: what we may not see is left out.
const MAX_BARREN_PAGES = 2;
const MAX_EMPTY_PAGES = 100;

/**
 * Follows a paged listing to its end (distribution-spec, "Listing Tags"). The `Link` header alone
 * says whether there is more: a short page may have a successor. Entries are given once.
 *
 * Throws `PARTIAL` when the end cannot be reached honestly: a link to another origin, a page that
 * was there before, pages that bring nothing new, or too much of it all.
 */
export async function* listingPages(
  client: RegistryClient,
  { firstUrl, member, scopes, task }: Listing,
): AsyncGenerator<ListingPage> {
  const seenUrls = new Set<string>();
  const seen = new Set<string>();
  let characters = 0;
  let barrenPages = 0;
  let emptyPages = 0;
  for (let url: URL | undefined = firstUrl; url;) {
    if (seenUrls.size >= MAX_PAGES) throw incomplete(task, `it has more than ${MAX_PAGES} pages`);
    seenUrls.add(url.href);
    const response: HttpResponse = await client.send({
      method: "GET",
      url,
      headers: new Headers({ accept: "application/json" }),
      maxBytes: MAX_PAGE_BYTES,
      scopes,
      ...(client.signal && { signal: client.signal }),
    });
    if (seenUrls.size > 1 && response.status === 404) {
      throw incomplete(task, `page ${seenUrls.size} is not there (404)`);
    }
    assertStatus(response, [200], seenUrls.size > 1 ? `${task}, page ${seenUrls.size}` : task);
    const document = parseJson(response, task);
    const values = readMember(document, member);
    if (!values) throw notAListing(response, member, task);
    const texts = values.filter((value) => typeof value === "string");
    const entries: string[] = [];
    for (const text of texts) {
      if (seen.has(text)) continue;
      seen.add(text);
      entries.push(text);
      characters += text.length;
    }
    yield { entries, dropped: values.length - texts.length, document };
    url = nextUrl(response, task);
    if (!url) return;
    if (seenUrls.has(url.href)) throw incomplete(task, "its pages lead in a circle");
    if (entries.length > 0) barrenPages = emptyPages = 0;
    else if (texts.length > 0) barrenPages++;
    else emptyPages++;
    if (barrenPages >= MAX_BARREN_PAGES || emptyPages >= MAX_EMPTY_PAGES) {
      throw incomplete(task, "its pages bring nothing new");
    }
    if (characters > MAX_TOTAL_CHARACTERS) throw incomplete(task, "it is too large");
  }
}

/** The entries of an answer: none where the member is null or missing, undefined if unfit. */
export function readMember(value: unknown, member: string): readonly unknown[] | undefined {
  const entries = isObject(value) ? value[member] ?? [] : undefined;
  return Array.isArray(entries) ? entries : undefined;
}

/**
 * The URL of the next page, resolved against that of this one. It must be of the same origin:
 * a registry has no say in which other hosts we talk to, least of all with its credentials. Throws
 * `PARTIAL` for any other; undefined on the last page.
 */
export function nextUrl(response: HttpResponse, task: string): URL | undefined {
  const target = findNextLink(response.headers);
  if (target === undefined) return undefined;
  const url = URL.canParse(target, response.url.href) ? new URL(target, response.url) : undefined;
  if (url?.origin !== response.url.origin) {
    // The origin of a URL that is not of the web is "null".
    const place = !url ? shorten(target, 200) : url.origin === "null" ? url.protocol : url.origin;
    throw incomplete(task, `the next page is said to be elsewhere, at ${place}`);
  }
  // A runtime would send it as our own credentials.
  if (url.username !== "" || url.password !== "") {
    throw incomplete(task, "the address of the next page carries user information");
  }
  // It is not sent, so it must not make an old page look new.
  url.hash = "";
  return url;
}

function incomplete(task: string, reason: string): RegctlError {
  return new RegctlError("PARTIAL", `Cannot ${task} completely: ${reason}`, {
    hint: "Tell who runs the registry; --sort none prints the names as they arrive",
  });
}

function notAListing(response: HttpResponse, member: string, task: string): RegctlError {
  return new RegctlError(
    "INVALID_RESPONSE",
    `Cannot ${task}: the answer of ${response.url.host} has no list of ${member}`,
  );
}
