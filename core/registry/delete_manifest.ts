import { MAX_ERROR_BYTES } from "../http/exchange.ts";
import { formatReference, type Reference } from "../reference/reference.ts";
import type { RegistryClient } from "./client.ts";
import { manifestUrl } from "./endpoints.ts";
import { manifestName } from "./manifests.ts";
import { assertStatus } from "./response_gate.ts";

/**
 * Deletes a manifest, with all tags that point to it, by its digest; or of a reference that has a
 * tag alone, that tag, where the registry can do so (distribution-spec end-9).
 *
 * Only 202 is a success, and 404 where an earlier try of this call may have brought it about. Throws
 * `UNSUPPORTED` where deleting is switched off, `NOT_FOUND` where there is none.
 */
export async function deleteManifest(client: RegistryClient, reference: Reference): Promise<void> {
  const { path } = reference.repository;
  const response = await client.send({
    method: "DELETE",
    url: manifestUrl(client.baseUrl, path, manifestName(reference)),
    headers: new Headers({ accept: "application/json" }),
    maxBytes: MAX_ERROR_BYTES,
    scopes: [`repository:${path}:pull,delete`],
    ...(client.signal && { signal: client.signal }),
  });
  const isGone = response.status === 404 && response.mayHaveArrived === true;
  if (!isGone) assertStatus(response, [202], `delete "${formatReference(reference)}"`);
}
