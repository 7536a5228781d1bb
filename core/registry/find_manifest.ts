import type { Descriptor } from "../oci/manifest.ts";
import type { Reference } from "../reference/reference.ts";
import type { RegistryClient } from "./client.ts";
import { ifThere } from "./if_there.ts";
import { headManifest, type HeadManifestOptions } from "./manifests.ts";

/** What {@linkcode headManifest} gives, or undefined where there is no such manifest. */
export async function findManifest(
  client: RegistryClient,
  reference: Reference,
  options: HeadManifestOptions = {},
): Promise<Descriptor | undefined> {
  return await ifThere(headManifest(client, reference, options));
}
