import { formatDigest, tryParseDigest } from "../oci/digest.ts";

/**
 * The digest that a tag such as `sha256-….sig` (cosign's signatures, attestations and SBOMs) or
 * `sha256-…` (distribution-spec, "Referrers Tag Schema") is about; undefined for any other tag.
 */
export function tryParseDigestTag(tag: string): string | undefined {
  const [, algorithm = "", encoded = ""] =
    /^(sha256|sha512)-([0-9a-f]{64,128})(?:\..+)?$/.exec(tag) ?? [];
  const digest = tryParseDigest(`${algorithm}:${encoded}`);
  return digest && formatDigest(digest);
}
