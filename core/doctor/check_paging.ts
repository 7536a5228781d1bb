import { RegctlError } from "../errors.ts";
import type { HttpResponse } from "../http/exchange.ts";
import { findNextLink } from "../http/link.ts";
import { tagsUrl } from "../registry/endpoints.ts";
import { readMember } from "../registry/listing.ts";
import { assertStatus, parseJson } from "../registry/response_gate.ts";
import type { PagingFacts } from "./facts.ts";
import { ask, type Subject } from "./subject.ts";

// Room for 10,000 tags of the longest kind, and for the whole list of a registry without pages.
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

const SMALL_PAGE = 2;
/** What is tried, the largest first: what distribution, zot and ECR are known to draw lines at. */
const LARGE_PAGES = [10_000, 1000, 100];

/** A page of tags, as far as it matters here. */
export interface TagPage {
  readonly status: number;
  readonly count: number;
  /** A tag of it. */
  readonly first: string | undefined;
  readonly hasNext: boolean;
}

/** Asks for a page of two tags: proof that we may read. Throws as the response gate does. */
export async function readSmallPage(subject: Subject): Promise<TagPage> {
  return readPage(subject, await askForPage(subject, SMALL_PAGE));
}

/**
 * Finds the largest page that the registry lets us ask for, and how many tags it then sends.
 *
 * @param small what {@linkcode readSmallPage} gave
 */
export async function checkPaging(subject: Subject, small: TagPage): Promise<PagingFacts> {
  const refused: number[] = [];
  for (const size of LARGE_PAGES) {
    const response = await askForPage(subject, size);
    if (isRefusedSize(response)) {
      refused.push(size);
      continue;
    }
    const large = readPage(subject, response);
    return {
      state: judge(small, large),
      largestAccepted: size,
      refused,
      largestPage: Math.max(small.count, large.count),
      isCapped: large.hasNext && large.count < size,
    };
  }
  const state = judge(small, undefined);
  return { state, largestAccepted: null, refused, largestPage: small.count, isCapped: false };
}

function judge(small: TagPage, large: TagPage | undefined): PagingFacts["state"] {
  if (small.count > SMALL_PAGE) return "whole";
  if (small.hasNext) return "pages";
  return large && large.count > small.count ? "unlinked" : "unseen";
}

/** Distribution answers 400 PAGINATION_NUMBER_INVALID, ECR 405 UNSUPPORTED. */
function isRefusedSize({ status }: HttpResponse): boolean {
  return status >= 400 && status < 500 && ![401, 403, 404, 408, 429].includes(status);
}

async function askForPage({ client, path }: Subject, pageSize: number): Promise<HttpResponse> {
  return await ask(client, {
    method: "GET",
    url: tagsUrl(client.baseUrl, path, { pageSize }),
    maxBytes: MAX_PAGE_BYTES,
    scopes: [`repository:${path}:pull`],
  });
}

function readPage({ client, path }: Subject, response: HttpResponse): TagPage {
  const task = `list the tags of "${client.baseUrl.host}/${path}"`;
  assertStatus(response, [200], task);
  const tags = readMember(parseJson(response, task), "tags");
  if (!tags) {
    throw new RegctlError("INVALID_RESPONSE", `Cannot ${task}: the answer has no list of tags`);
  }
  return {
    status: response.status,
    count: tags.length,
    first: tags.find((tag) => typeof tag === "string"),
    hasNext: findNextLink(response.headers) !== undefined,
  };
}
