import { RegctlError } from "../errors.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { Reference } from "../reference/reference.ts";
import type { RegistryClient } from "../registry/client.ts";
import { findManifest } from "../registry/find_manifest.ts";

/** What a tag points to; undefined for nothing, and for Docker's schema 1, which lists nothing. */
export async function findKnown(
  client: RegistryClient,
  reference: Reference,
): Promise<Descriptor | undefined> {
  try {
    return await findManifest(client, reference);
  } catch (error) {
    if (error instanceof RegctlError && error.code === "UNSUPPORTED") return undefined;
    throw error;
  }
}
