/** `GET /v2/` (distribution-spec end-1). */
export function apiUrl(base: URL): URL {
  return new URL("/v2/", base);
}

/** How many entries a page should have; the registry's own number when left out. */
export interface PageOptions {
  readonly pageSize?: number | undefined;
}

/** `GET /v2/<name>/tags/list[?n=<pageSize>]` (distribution-spec end-8). */
export function tagsUrl(base: URL, path: string, options: PageOptions = {}): URL {
  return withPageSize(new URL(`/v2/${path}/tags/list`, base), options);
}

/** `GET /v2/_catalog[?n=<pageSize>]` (distribution, docs/spec/api.md; not in the OCI spec). */
export function catalogUrl(base: URL, options: PageOptions = {}): URL {
  return withPageSize(new URL("/v2/_catalog", base), options);
}

function withPageSize(url: URL, { pageSize }: PageOptions): URL {
  if (pageSize !== undefined) url.searchParams.set("n", String(pageSize));
  return url;
}
