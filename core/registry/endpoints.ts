import { RegctlError } from "../errors.ts";
import { tryParseDigest } from "../oci/digest.ts";
import { isTag } from "../reference/tag.ts";
import { shorten } from "../shorten.ts";

/** More of what is no name helps nobody. */
const MAX_SHOWN = 80;

/** `GET /v2/` (distribution-spec end-1). */
export function apiUrl(base: URL): URL {
  return new URL("/v2/", base);
}

/** How many entries a page should have; the registry's own number when left out. */
export interface PageOptions {
  /** Entries, from 1. */
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

/**
 * `…/v2/<name>/manifests/<reference>` (distribution-spec end-3, end-7, end-9): a tag or a digest.
 * Anything else, as registries have been seen to list, could lead to another repository: `USAGE`.
 */
export function manifestUrl(base: URL, path: string, reference: string): URL {
  if (!isTag(reference) && !tryParseDigest(reference)) {
    const shown = JSON.stringify(shorten(reference, MAX_SHOWN));
    throw new RegctlError("USAGE", `${shown} is neither a tag nor a digest that can be verified`);
  }
  return new URL(`/v2/${path}/manifests/${reference}`, base);
}

/** `…/v2/<name>/blobs/<digest>` (distribution-spec end-2, end-10). */
export function blobUrl(base: URL, path: string, digest: string): URL {
  return new URL(`/v2/${path}/blobs/${digest}`, base);
}

/** `GET /v2/<name>/referrers/<digest>` (distribution-spec end-12a). */
export function referrersUrl(base: URL, path: string, digest: string): URL {
  return new URL(`/v2/${path}/referrers/${digest}`, base);
}

/**
 * `POST /v2/<name>/blobs/uploads/` (distribution-spec end-4a), with `?digest-algorithm=` (end-4c)
 * for another algorithm than sha256.
 */
export function uploadsUrl(base: URL, path: string, algorithm: "sha256" | "sha512"): URL {
  const url = new URL(`/v2/${path}/blobs/uploads/`, base);
  if (algorithm !== "sha256") url.searchParams.set("digest-algorithm", algorithm);
  return url;
}

function withPageSize(url: URL, { pageSize }: PageOptions): URL {
  if (pageSize !== undefined) url.searchParams.set("n", String(pageSize));
  return url;
}
