/**
 * The library: ask any registry that speaks the OCI distribution specification, or Docker's older
 * one. Parse a name, make a client of its registry, hand it to an operation:
 *
 * ```ts
 * import { createClient, parseRepository, tags } from "./core/mod.ts";
 *
 * const repository = parseRepository("localhost:5000/team/app");
 * const client = createClient(repository.registry);
 * for await (const tag of tags(client, repository)) console.log(tag);
 * ```
 *
 * All that goes wrong, and is foreseen, is a {@linkcode RegctlError} with a code. It runs wherever
 * there are `fetch` and Node's built-in modules: Node, Deno, Bun.
 *
 * @module
 */

export { type ErrorCode, EXIT_CODES, RegctlError } from "./errors.ts";

export {
  type Credential,
  type IdentityTokenCredential,
  type PasswordCredential,
  passwordCredential,
  type RegistryTokenCredential,
} from "./auth/credential.ts";
export type { TokenFacts } from "./auth/token_grant.ts";

export type { Clock } from "./host.ts";
export type { HttpRequest, HttpResponse, Send, Stage } from "./http/exchange.ts";
export type { ByteRange } from "./http/range.ts";
export { Secrets } from "./http/redact.ts";
export type { RawFetch, RawInit } from "./runtime/raw_fetch.ts";
export type { TransportObservers } from "./transport/transport.ts";

export { formatReference, parseReference, type Reference } from "./reference/reference.ts";
export { DOCKER_HUB, parseRegistry, type Registry } from "./reference/registry.ts";
export {
  formatRepository,
  parseRepository,
  type ParseRepositoryOptions,
  type Repository,
} from "./reference/repository.ts";
export type { Refuse } from "./reference/refusal.ts";
export { isTag } from "./reference/tag.ts";

export { assertVerifiableDigest, isDigest, type VerifiableDigest } from "./oci/digest.ts";
export { computeDigest, type DigestAlgorithm } from "./oci/hash.ts";
export {
  type Descriptor,
  type Manifest,
  MAX_MANIFEST_BYTES,
  parseManifest,
} from "./oci/manifest.ts";
export {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  isImageType,
  isIndexType,
  OCI_INDEX,
  OCI_MANIFEST,
} from "./oci/media_types.ts";
export { formatPlatform, parsePlatform, type Platform } from "./oci/platform.ts";

export type { BaseUrlOptions, RegistryClient } from "./registry/client.ts";
export type { PageOptions } from "./registry/endpoints.ts";
export { type ClientOptions, createClient } from "./registry/create_client.ts";
export { type Ping, ping, supportsVersion2 } from "./registry/ping.ts";
export { repositories } from "./registry/catalog.ts";
export { tags } from "./registry/tags.ts";
export {
  getManifest,
  type GetManifestOptions,
  headManifest,
  type HeadManifestOptions,
  type ManifestContent,
} from "./registry/manifests.ts";
export { findPlatform, type PlatformImage } from "./registry/platforms.ts";
export { referrers, type ReferrersOptions } from "./registry/referrers.ts";
export { deleteManifest } from "./registry/delete_manifest.ts";
export { type TagRemovalWay, TagRemover, type TagRemoverOptions } from "./registry/tag_remover.ts";
export {
  type BlobContent,
  type BlobFacts,
  getBlob,
  headBlob,
  readBlob,
  type ReadBlobOptions,
} from "./registry/blobs.ts";
export { checkCredential } from "./registry/login.ts";
export type { UploadOptions } from "./registry/blob_upload.ts";
export { pushBlob, type PushBlobOptions, type PushedBlob } from "./registry/push_blob.ts";
export {
  type PushedManifest,
  pushManifest,
  type PushManifestOptions,
} from "./registry/push_manifest.ts";
