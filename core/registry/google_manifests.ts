import { tryParseDigest } from "../oci/digest.ts";
import { isObject } from "../oci/json_object.ts";

/** What Google's registries tell of a manifest in a list of tags. */
export interface ListedManifest {
  readonly digest: string;
  /** The tags that point to it; none of an untagged one. */
  readonly tags: readonly string[];
  /** When it was pushed, in milliseconds since the epoch; undefined where it does not say. */
  readonly uploadedAt: number | undefined;
}

/**
 * The manifests that an answer to `tags/list` describes, as Google's Container Registry and Artifact
 * Registry do, untagged ones too (`manifest`, by digest); undefined where there is no such thing.
 */
export function tryReadListedManifests(document: unknown): readonly ListedManifest[] | undefined {
  const manifests = isObject(document) ? document["manifest"] : undefined;
  if (!isObject(manifests)) return undefined;
  return Object.entries(manifests).flatMap(([digest, facts]) => {
    if (!tryParseDigest(digest) || !isObject(facts)) return [];
    const { tag, timeUploadedMs } = facts;
    const tags = Array.isArray(tag) ? tag.filter((one) => typeof one === "string") : [];
    return [{ digest, tags, uploadedAt: toMilliseconds(timeUploadedMs) }];
  });
}

/** Google writes numbers of 64 bits as text. */
function toMilliseconds(value: unknown): number | undefined {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text !== "string") return undefined;
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
