import type { HttpResponse } from "../http/exchange.ts";
import { parseErrorBody } from "../oci/error_body.ts";
import { createRandomDigest } from "../oci/random_digest.ts";
import type { RegistryClient } from "./client.ts";
import { sendDelete } from "./delete_manifest.ts";

/** Whether manifests can be deleted, as far as the registry tells. */
export type DeletionState = "enabled" | "disabled" | "notAllowed" | "unknown";

/** What a registry said of deleting. */
export interface DeletionProbe {
  readonly state: DeletionState;
  readonly response: HttpResponse;
  /** The codes of its errors (distribution-spec, "Error Codes"). */
  readonly codes: readonly string[];
}

/**
 * Finds out whether manifests can be deleted, by deleting one that does not exist: the digest is
 * random, so that there is nothing to lose, however often the request is repeated. Distribution
 * answers 405 where deleting is switched off, and only then looks for the digest; the specification
 * allows 400, too.
 */
export async function probeDeletion(
  client: RegistryClient,
  path: string,
): Promise<DeletionProbe> {
  const response = await sendDelete(client, path, createRandomDigest());
  const codes = parseErrorBody(response.body).map(({ code }) => code);
  return { state: judge(response.status), response, codes };
}

function judge(status: number): DeletionState {
  if (status === 404) return "enabled";
  if (status === 400 || status === 405) return "disabled";
  return status === 401 || status === 403 ? "notAllowed" : "unknown";
}
