import { tryParseDigest } from "../oci/digest.ts";
import { isObject } from "../oci/json_object.ts";

/** What Google's registries tell of a manifest in a list of tags. */
export interface ListedManifest {
  readonly digest: string;
  /** The tags that point to it; none of an untagged one. */
  readonly tags: readonly string[];
  /** Undefined where it does not say, as in all fields below. */
  readonly mediaType: string | undefined;
  /** When it was pushed, in milliseconds since the epoch. */
  readonly uploadedAt: number | undefined;
  /** When it was made, in milliseconds since the epoch; 0 also where that is not known. */
  readonly createdAt: number | undefined;
  /** Of its layers, in bytes; 0 also where that is not known, as of an index. */
  readonly size: number | undefined;
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
    const { tag, mediaType, timeUploadedMs, timeCreatedMs, imageSizeBytes } = facts;
    const tags = Array.isArray(tag) ? tag.filter((one) => typeof one === "string") : [];
    return [{
      digest,
      tags,
      mediaType: typeof mediaType === "string" ? mediaType : undefined,
      uploadedAt: toMoment(timeUploadedMs),
      createdAt: toMoment(timeCreatedMs),
      size: toNumber(imageSizeBytes),
    }];
  });
}

/** The repositories below this one, as Google's registries name them beside the tags (`child`). */
export function readChildren(document: unknown): readonly string[] {
  const children = isObject(document) ? document["child"] : undefined;
  return Array.isArray(children) ? children.filter((one) => typeof one === "string") : [];
}

/** Dates of RFC 3339 end with the year 9999. */
const LAST_MOMENT_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

function toMoment(value: unknown): number | undefined {
  const at = toNumber(value);
  return at !== undefined && at <= LAST_MOMENT_MS ? at : undefined;
}

/** Google writes numbers of 64 bits as text. */
function toNumber(value: unknown): number | undefined {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text !== "string") return undefined;
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
