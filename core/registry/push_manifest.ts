import { RegctlError } from "../errors.ts";
import { MAX_ERROR_BYTES } from "../http/exchange.ts";
import { assertVerifiableDigest, tryParseDigest } from "../oci/digest.ts";
import { computeDigest } from "../oci/hash.ts";
import { artifactTypeOf, type Descriptor, type Manifest, parseManifest } from "../oci/manifest.ts";
import { isIndexType } from "../oci/media_types.ts";
import { DEFAULT_TAG, type Reference } from "../reference/reference.ts";
import { formatRepository } from "../reference/repository.ts";
import type { RegistryClient } from "./client.ts";
import { manifestUrl } from "./endpoints.ts";
import { assertPushedDigest } from "./pushed_digest.ts";
import { addReferrer } from "./referrers_tag.ts";
import { assertStatus } from "./response_gate.ts";

/** How {@linkcode pushManifest} pushes. */
export interface PushManifestOptions {
  /**
   * The media type of a manifest that does not name its own. Default: an OCI image manifest or an
   * OCI index, by what it holds.
   */
  readonly mediaType?: string | undefined;
  /**
   * Whether one with a subject is listed among its referrers where the registry does not do so
   * itself. Not wanted where it only comes back, and the list is as it was. Default: true.
   */
  readonly listsReferrer?: boolean | undefined;
}

/** A manifest that is in the registry now. */
export interface PushedManifest {
  /** Of the reference's algorithm; sha256 where it has no digest. */
  readonly digest: string;
  /** As it was sent. */
  readonly mediaType: string;
  /** In bytes. */
  readonly size: number;
  /** The tag under which the client listed it as a referrer, since the registry does not. */
  readonly referrersTag?: string;
}

/**
 * Pushes a manifest byte for byte: to the reference's tag, or to its digest where it has none. A
 * digest in the reference must be that of the bytes. One with a subject is listed among its
 * referrers, by the registry or by {@linkcode addReferrer}.
 *
 * Throws `USAGE` for bytes that are no manifest, `INTEGRITY` for another digest than the given one.
 */
export async function pushManifest(
  client: RegistryClient,
  reference: Reference,
  bytes: Uint8Array<ArrayBuffer>,
  options: PushManifestOptions = {},
): Promise<PushedManifest> {
  const { repository, tag } = reference;
  const name = formatRepository(repository);
  const isByDigest = tag === undefined && reference.digest !== undefined;
  const where = tag ?? reference.digest ?? DEFAULT_TAG;
  const task = `push the manifest "${name}${isByDigest ? "@" : ":"}${where}"`;
  const manifest = readManifest(bytes, options.mediaType, task);
  const digest = digestOf(bytes, reference.digest, task);
  const response = await client.send({
    method: "PUT",
    url: manifestUrl(client.baseUrl, repository.path, where),
    headers: new Headers({ "content-type": manifest.mediaType }),
    body: bytes,
    maxBytes: MAX_ERROR_BYTES,
    scopes: [`repository:${repository.path}:pull,push`],
    ...(client.signal && { signal: client.signal }),
  });
  assertStatus(
    response,
    [201],
    task,
    (codes) => hintOf(codes, isIndexType(manifest.mediaType), name),
  );
  await assertPushedDigest(response, { content: new Blob([bytes]), digest, task });
  const pushed = { digest, mediaType: manifest.mediaType, size: bytes.byteLength };
  const { subject } = manifest;
  const isListed = response.headers.has("oci-subject") || options.listsReferrer === false;
  if (!subject || isListed) return pushed;
  const referrersTag = await addReferrer(client, repository, {
    subject: subject.digest,
    referrer: describe(manifest, pushed),
  });
  return { ...pushed, referrersTag };
}

function readManifest(bytes: Uint8Array, given: string | undefined, task: string): Manifest {
  try {
    return parseManifest(bytes, given ?? "");
  } catch (error) {
    if (!(error instanceof RegctlError)) throw error;
    const hint = given === undefined
      ? error.hint
      : "Leave out --media-type where it says so itself";
    throw new RegctlError("USAGE", `Cannot ${task}: ${error.message}`, { hint, cause: error });
  }
}

/** The digest of the bytes, by the algorithm of the `expected` one, which it must equal. */
function digestOf(bytes: Uint8Array, expected: string | undefined, task: string): string {
  if (expected !== undefined) assertVerifiableDigest(expected);
  const digest = computeDigest(bytes, tryParseDigest(expected ?? "")?.algorithm);
  if (expected === undefined || digest === expected) return digest;
  throw new RegctlError("INTEGRITY", `Cannot ${task}: the digest of the content is ${digest}`, {
    hint: "Give the content that the digest was made of, byte for byte",
  });
}

function describe(
  manifest: Manifest,
  { digest, mediaType, size }: PushedManifest,
): Descriptor {
  const artifactType = artifactTypeOf(manifest);
  const { annotations } = manifest;
  return {
    mediaType,
    digest,
    size,
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations && { annotations }),
  };
}

function hintOf(codes: readonly string[], isIndex: boolean, name: string): string | undefined {
  const unknown = ["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"];
  if (!codes.some((code) => unknown.includes(code))) return undefined;
  return isIndex || codes.includes("MANIFEST_UNKNOWN")
    ? `Push the manifests that it lists first: regctl put-manifest ${name}@DIGEST FILE`
    : `Push its blobs first: regctl put-blob ${name} FILE`;
}
