import { RegctlError } from "../errors.ts";
import { isObject } from "../oci/json_object.ts";
import { computeDigest } from "../oci/hash.ts";
import type { ManifestContent } from "./manifests.ts";

/** Makes the copy another manifest than any other; nothing reads it. */
const COPY_ANNOTATION = "regctl.copy";

/** A manifest to be pushed. */
export interface ManifestCopy {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly mediaType: string;
  readonly digest: string;
}

/**
 * A manifest of the same content and a digest that no other manifest has. It refers to nothing as
 * its subject, so that it is nobody's signature.
 */
export function copyManifest({ bytes, descriptor }: ManifestContent): ManifestCopy {
  const document: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (!isObject(document)) throw new RegctlError("INVALID_RESPONSE", "it is not a JSON object");
  const { subject: _, annotations, ...fields } = document;
  const copy = {
    ...fields,
    annotations: {
      ...(isObject(annotations) && annotations),
      [COPY_ANNOTATION]: crypto.randomUUID(),
    },
  };
  const copied = new TextEncoder().encode(JSON.stringify(copy));
  return { bytes: copied, mediaType: descriptor.mediaType, digest: computeDigest(copied) };
}
