import { type HttpResponse, MAX_ERROR_BYTES } from "../http/exchange.ts";
import { formatReference, type Reference } from "../reference/reference.ts";
import type { RegistryClient } from "./client.ts";
import { manifestUrl } from "./endpoints.ts";
import { manifestName } from "./manifests.ts";
import { assertNoWebPage, assertStatus } from "./response_gate.ts";

/**
 * What a registry answers when it has deleted something: 202 by the specification (end-9), 200 or
 * 204 by some. A redirect is not followed, so that none of them comes from elsewhere.
 */
export const DELETED_STATUSES = [202, 200, 204] as const;

/**
 * Deletes a manifest, with all tags that point to it, by its digest; or of a reference that has a
 * tag alone, that tag, where the registry can do so (distribution-spec end-9).
 *
 * A 404 is a success where an earlier try of this call may have brought it about. Throws
 * `UNSUPPORTED` where deleting is switched off, `NOT_FOUND` where there is none.
 */
export async function deleteManifest(client: RegistryClient, reference: Reference): Promise<void> {
  const task = `delete "${formatReference(reference)}"`;
  const response = await sendDelete(client, reference.repository.path, manifestName(reference));
  if (response.status === 404 && response.mayHaveArrived === true) return;
  assertDeleted(response, task);
}

/** Throws unless the registry says that it deleted what it was asked to. */
export function assertDeleted(response: HttpResponse, task: string): void {
  assertStatus(response, DELETED_STATUSES, task, deletionHint);
  assertNoWebPage(response, task);
}

/** What {@linkcode sendDelete} takes beside the name. */
export interface SendDeleteOptions {
  /** Asked before the request is repeated. Default: it may be. */
  readonly mayRepeat?: (() => Promise<boolean>) | undefined;
}

/**
 * Asks for a deletion, and leaves it to the caller what the answer means.
 *
 * @param path of the repository
 * @param name a tag, or a digest that can be verified
 */
export async function sendDelete(
  client: RegistryClient,
  path: string,
  name: string,
  { mayRepeat }: SendDeleteOptions = {},
): Promise<HttpResponse> {
  return await client.send({
    method: "DELETE",
    url: manifestUrl(client.baseUrl, path, name),
    headers: new Headers({ accept: "application/json" }),
    maxBytes: MAX_ERROR_BYTES,
    scopes: [`repository:${path}:pull,delete`],
    ...(mayRepeat && { mayRepeat }),
    ...(client.signal && { signal: client.signal }),
  });
}

/** What to do where a registry does not delete. */
export function deletionHint(
  codes: readonly string[],
  { status, url: { host } }: HttpResponse,
): string | undefined {
  if (status !== 405 && status !== 501 && !codes.includes("UNSUPPORTED")) return undefined;
  if (host === "ghcr.io") {
    return "Delete the version in the package's settings on GitHub, or with GitHub's API";
  }
  if (host === "registry-1.docker.io") return "Delete the tag on hub.docker.com";
  return "Enable deleting in the registry; distribution has REGISTRY_STORAGE_DELETE_ENABLED for it";
}
