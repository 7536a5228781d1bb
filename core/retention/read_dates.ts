import { RegctlError } from "../errors.ts";
import { isObject } from "../oci/json_object.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { tryParseJson } from "../oci/try_parse_json.ts";
import { getBlob, MAX_CONFIG_BYTES } from "../registry/blobs.ts";
import type { RegistryClient } from "../registry/client.ts";
import { forEach } from "../for_each.ts";
import { type ImageDate, readImageDate } from "../oci/image_date.ts";
import type { ManifestNode, Snapshot } from "./snapshot.ts";

/** Of indexes in indexes. */
const MAX_DEPTH = 3;

/** How {@linkcode readDates} reads. */
export interface ReadDatesOptions {
  /** In milliseconds since the epoch. */
  readonly now: number;
  /** Requests at a time. */
  readonly concurrency: number;
  /** Told how far it is. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Finds out how old manifests are: one request for each configuration. An image says so in its
 * configuration, anything else in an annotation; an index is as old as the newest of its
 * images. Where the registry tells when it was pushed, the later of the two counts. What cannot be
 * read leaves the date unknown, with the reason.
 */
export async function readDates(
  client: RegistryClient,
  snapshot: Snapshot,
  digests: Iterable<string>,
  { now, concurrency, onProgress }: ReadDatesOptions,
): Promise<ReadonlyMap<string, ImageDate>> {
  const configs = new Map<string, Promise<ImageDate>>();
  const readConfig = (config: Descriptor): Promise<ImageDate> => {
    const known = configs.get(config.digest);
    if (known) return known;
    const date = readConfigDate(client, snapshot, config, now);
    configs.set(config.digest, date);
    return date;
  };
  const dateOf = async (node: ManifestNode | undefined, depth: number): Promise<ImageDate> => {
    if (!node) return { unknown: "its manifest is not there" };
    const { config, createdAnnotation, images } = node;
    if (config) return await readConfig(config);
    let newest: { readonly at: number } | undefined;
    for (const image of depth > 0 ? images : []) {
      const child = snapshot.manifests.get(image);
      // An index need not have all that it lists.
      if (!child) continue;
      const date = await dateOf(child, depth - 1);
      if ("unknown" in date) return date;
      if (!newest || date.at > newest.at) newest = date;
    }
    if (newest) return newest;
    if (createdAnnotation !== undefined) return readImageDate(createdAnnotation, now);
    return { unknown: "it names no date" };
  };
  const dates = new Map<string, ImageDate>();
  const wanted = [...new Set(digests)];
  await forEach(wanted, concurrency, async (digest) => {
    const date = await dateOf(snapshot.manifests.get(digest), MAX_DEPTH);
    dates.set(digest, laterOf(date, snapshot.uploadedAt.get(digest), now));
    onProgress?.(dates.size, wanted.length);
  });
  return dates;
}

async function readConfigDate(
  client: RegistryClient,
  { repository }: Snapshot,
  config: Descriptor,
  now: number,
): Promise<ImageDate> {
  try {
    const bytes = await getBlob(client, repository, config, MAX_CONFIG_BYTES);
    const document = tryParseJson(bytes);
    if (!isObject(document)) return { unknown: "its configuration is not a JSON object" };
    return readImageDate(document["created"], now);
  } catch (error) {
    client.signal?.throwIfAborted();
    if (!(error instanceof RegctlError)) throw error;
    return { unknown: `its configuration cannot be read: ${error.message}` };
  }
}

function laterOf(date: ImageDate, uploadedAt: number | undefined, now: number): ImageDate {
  if (uploadedAt === undefined) return date;
  const uploaded = readImageDate(new Date(uploadedAt).toISOString(), now);
  if ("unknown" in date || "unknown" in uploaded) return "unknown" in date ? uploaded : date;
  return uploaded.at > date.at ? uploaded : date;
}
