import { RegctlError } from "../errors.ts";
import type { HttpResponse } from "../http/exchange.ts";
import { assertVerifiableDigest } from "../oci/digest.ts";
import { computeDigest } from "../oci/hash.ts";
import {
  type Descriptor,
  type Manifest,
  MAX_MANIFEST_BYTES,
  parseManifest,
} from "../oci/manifest.ts";
import { MANIFEST_TYPES } from "../oci/media_types.ts";
import { formatReference, type Reference } from "../reference/reference.ts";
import { formatRepository } from "../reference/repository.ts";
import type { RegistryClient } from "./client.ts";
import { manifestUrl } from "./endpoints.ts";
import { assertContent, assertSameDigest, readDigestHeader } from "./integrity.ts";
import { assertStatus, parseJson } from "./response_gate.ts";
import { withTask } from "./with_task.ts";

/** A manifest as it was served, verified. */
export interface ManifestContent {
  /** Exactly what was served: it hashes to the digest. */
  readonly bytes: Uint8Array;
  /** Its media type, digest and size. */
  readonly descriptor: Descriptor;
  /** What it says. */
  readonly manifest: Manifest;
}

/** What {@linkcode getManifest} takes beside the reference. */
export interface GetManifestOptions {
  /** What pointed here; the manifest must be as it says. Default: nothing did. */
  readonly descriptor?: Descriptor | undefined;
}

/**
 * Gets an image manifest or an index, at most {@linkcode MAX_MANIFEST_BYTES} of it
 * (distribution-spec end-3). A digest in the reference wins over a tag.
 *
 * Throws `INTEGRITY` when the bytes have not the digest that the reference or the
 * `Docker-Content-Digest` header names, `INVALID_RESPONSE` when it is not a manifest of a type that
 * is known here, `UNSUPPORTED` for Docker's schema 1, `USAGE` for a digest that cannot be verified.
 */
export async function getManifest(
  client: RegistryClient,
  reference: Reference,
  { descriptor: expected }: GetManifestOptions = {},
): Promise<ManifestContent> {
  const task = `get the manifest "${formatReference(reference)}"`;
  const response = await request(client, reference, "GET");
  const { repository, digest: asked } = reference;
  const hint = asked &&
    `If it is a blob, write regctl blob ${formatRepository(repository)}@${asked}`;
  assertStatus(response, [200], task, (_, { status }) => status === 404 ? hint : undefined);
  const { body: bytes } = response;
  const named = readDigestHeader(response, task);
  const digest = reference.digest ?? named ?? computeDigest(bytes);
  for (const one of new Set([digest, named ?? digest])) assertContent(bytes, { digest: one }, task);
  const manifest = parse(response, task);
  const { mediaType } = manifest;
  if (expected) {
    assertContent(bytes, expected, task);
    if (expected.mediaType !== mediaType) {
      throw new RegctlError(
        "INTEGRITY",
        `Cannot ${task}: it is of the type ${mediaType}, but was said to be ${expected.mediaType}`,
      );
    }
  }
  return { bytes, descriptor: { mediaType, digest, size: bytes.byteLength }, manifest };
}

/** What {@linkcode headManifest} takes beside the reference. */
export interface HeadManifestOptions {
  /**
   * A HEAD that finds nothing settles it: where the registry is known to answer them. Default: a GET
   * is asked, too, since some registries know no HEAD.
   */
  readonly trustsHead?: boolean | undefined;
}

/**
 * Digest, media type and size of a manifest, by a HEAD request where the registry answers that
 * fully, else by {@linkcode getManifest}. What a HEAD request says cannot be verified.
 */
export async function headManifest(
  client: RegistryClient,
  reference: Reference,
  options: HeadManifestOptions = {},
): Promise<Descriptor> {
  return (await lookUpManifest(client, reference, options)).descriptor;
}

/** What points to a manifest, and the manifest where it had to be got to know that. */
export type FoundManifest = Pick<ManifestContent, "descriptor"> & Partial<ManifestContent>;

/** What {@linkcode headManifest} gives, with the manifest where a GET was needed for it. */
export async function lookUpManifest(
  client: RegistryClient,
  reference: Reference,
  { trustsHead = false }: HeadManifestOptions = {},
): Promise<FoundManifest> {
  const task = `look up the manifest "${formatReference(reference)}"`;
  const response = await request(client, reference, "HEAD");
  // Some registries refuse HEAD (regclient calls them "nohead"), and no answer to it says why.
  const isRefused = response.status >= 400 && response.status < 500 && response.status !== 429;
  if (isRefused && !(trustsHead && response.status === 404)) {
    return await getManifest(client, reference);
  }
  assertStatus(response, [200], task);
  const digest = readDigestHeader(response, task);
  if (reference.digest !== undefined) assertSameDigest(digest, reference.digest, task);
  const mediaType = mediaTypeOf(response);
  const length = response.headers.get("content-length") ?? "";
  const isNamed = digest !== undefined && digest === (reference.digest ?? digest);
  if (!isNamed || !MANIFEST_TYPES.includes(mediaType) || !/^\d{1,15}$/.test(length)) {
    return await getManifest(client, reference);
  }
  return { descriptor: { mediaType, digest, size: Number(length) } };
}

/**
 * What a reference's manifest is called in a URL: its digest, or else its tag. Throws `USAGE` for a
 * digest that cannot be verified, and where there is neither.
 */
export function manifestName({ repository, tag, digest }: Reference): string {
  if (digest !== undefined) assertVerifiableDigest(digest);
  const name = digest ?? tag;
  if (name !== undefined) return name;
  throw new RegctlError("USAGE", `"${formatRepository(repository)}" names no manifest`);
}

async function request(
  client: RegistryClient,
  reference: Reference,
  method: "GET" | "HEAD",
): Promise<HttpResponse> {
  const { path } = reference.repository;
  return await client.send({
    method,
    url: manifestUrl(client.baseUrl, path, manifestName(reference)),
    headers: new Headers({ accept: MANIFEST_TYPES.join(", ") }),
    maxBytes: MAX_MANIFEST_BYTES,
    scopes: [`repository:${path}:pull`],
    ...(client.signal && { signal: client.signal }),
  });
}

/** The media type alone: its parameters mean nothing here (distribution-spec, "Pulling manifests"). */
function mediaTypeOf({ headers }: HttpResponse): string {
  return (headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

function parse(response: HttpResponse, task: string): Manifest {
  try {
    return parseManifest(response.body, mediaTypeOf(response));
  } catch (error) {
    // Says so in its own way where no registry answered.
    parseJson(response, task);
    throw withTask(error, task);
  }
}
