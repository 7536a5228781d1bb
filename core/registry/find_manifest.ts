import { RegctlError } from "../errors.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { Reference } from "../reference/reference.ts";
import type { RegistryClient } from "./client.ts";
import { headManifest, type HeadManifestOptions } from "./manifests.ts";

/** What {@linkcode headManifest} gives, or undefined where there is no such manifest. */
export async function findManifest(
  client: RegistryClient,
  reference: Reference,
  options: HeadManifestOptions = {},
): Promise<Descriptor | undefined> {
  try {
    return await headManifest(client, reference, options);
  } catch (error) {
    if (error instanceof RegctlError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}
