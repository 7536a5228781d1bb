import type {
  ChildDescription,
  ImageDescription,
  ManifestDescription,
} from "../oci/description.ts";
import { isObject } from "../oci/json_object.ts";
import { artifactTypeOf, type Descriptor } from "../oci/manifest.ts";
import { isImageConfigType, isIndexType } from "../oci/media_types.ts";
import { formatPlatform, tryParsePlatform } from "../oci/platform.ts";
import { tryParseJson } from "../oci/try_parse_json.ts";
import { formatReference, type Reference } from "../reference/reference.ts";
import { getBlob, MAX_CONFIG_BYTES } from "./blobs.ts";
import type { RegistryClient } from "./client.ts";
import type { ManifestContent } from "./manifests.ts";

/** Tells about a manifest; reads the configuration of an image to be run. */
export async function describeManifest(
  client: RegistryClient,
  reference: Reference,
  { descriptor, manifest }: ManifestContent,
): Promise<ManifestDescription> {
  const { config, layers, manifests, subject, annotations = {} } = manifest;
  const isIndex = isIndexType(descriptor.mediaType);
  return {
    reference: formatReference(reference),
    descriptor,
    // That an image is one needs no word.
    artifactType: config && isImageConfigType(config.mediaType)
      ? manifest.artifactType
      : artifactTypeOf(manifest),
    annotations,
    subject: subject?.digest,
    ...(isIndex
      ? { children: manifests.map(describeChild) }
      : { image: await describeImage(client, reference, config, layers) }),
  };
}

async function describeImage(
  client: RegistryClient,
  { repository }: Reference,
  config: Descriptor | undefined,
  layers: readonly Descriptor[],
): Promise<ImageDescription> {
  const isRunnable = config !== undefined && isImageConfigType(config.mediaType);
  const document = isRunnable
    ? tryParseJson(await getBlob(client, repository, config, MAX_CONFIG_BYTES))
    : undefined;
  const platform = tryParsePlatform(document);
  const created = isObject(document) ? document["created"] : undefined;
  return {
    platform: platform && formatPlatform(platform),
    created: typeof created === "string" ? created : undefined,
    config,
    layers,
    totalBytes: [...(config ? [config] : []), ...layers].reduce((sum, { size }) => sum + size, 0),
  };
}

function describeChild(child: Descriptor): ChildDescription {
  const platform = tryParsePlatform(child.platform);
  return { ...child, platformName: platform && formatPlatform(platform) };
}
