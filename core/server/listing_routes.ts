import type { Hono } from "hono";
import {
  readName,
  refuseOtherMethods,
  type RegistryContext,
  type RegistryEnv,
} from "./http_context.ts";
import { Problem } from "./problem.ts";
import type { Store } from "./store.ts";

/** Larger pages are cut to this, and a link leads on. */
const MAX_PAGE = 10_000;
/** What does not fit is no number of entries that anybody has (CVE-2023-2253). */
const MAX_COUNT = 2 ** 31 - 1;

/** Tags and repositories, page by page (distribution-spec end-8; `_catalog` is distribution's own). */
export function addListingRoutes(app: Hono<RegistryEnv>, store: Store): void {
  const catalog = "/v2/_catalog";
  app.get(catalog, async (context) => {
    const page = readPage(context, await store.repositories());
    return context.json({ repositories: page.entries }, 200, page.headers);
  });
  refuseOtherMethods(app, catalog, "GET, HEAD");

  const tags = "/v2/:name{.+}/tags/list";
  app.get(tags, (context) => {
    const name = readName(context);
    const index = store.repository(name).list();
    if (index === undefined) throw new Problem("NAME_UNKNOWN", "there is no such repository");
    const page = readPage(context, index.tags);
    return context.json({ name, tags: page.entries }, 200, page.headers);
  });
  refuseOtherMethods(app, tags, "GET, HEAD");
}

/** The entries behind `last`, at most `n` of them; `all` is in ASCII order. */
function readPage({ req }: RegistryContext, all: readonly string[]) {
  const { n, last } = req.query();
  if (n !== undefined && !(/^\d{1,10}$/.test(n) && Number(n) <= MAX_COUNT)) {
    throw new Problem("PAGINATION_NUMBER_INVALID", `n must be a number from 0 to ${MAX_COUNT}`);
  }
  const count = Math.min(Number(n ?? MAX_PAGE), MAX_PAGE);
  const found = last === undefined ? 0 : all.findIndex((entry) => entry > last);
  const start = found < 0 ? all.length : found;
  const entries = all.slice(start, start + count);
  const end = entries.at(-1);
  if (end === undefined || start + count >= all.length) return { entries, headers: {} };
  const query = new URLSearchParams({ n: String(count), last: end });
  return { entries, headers: { link: `<${req.path}?${query}>; rel="next"` } };
}
