import { RegctlError } from "../errors.ts";
import { assertVerifiableDigest } from "../oci/digest.ts";
import { parseReference } from "../reference/reference.ts";
import { parseRepository, type Repository } from "../reference/repository.ts";

/** What somebody wants deleted. */
export interface Target {
  /** As it was written. */
  readonly text: string;
  readonly repository: Repository;
  /** One tag; with {@linkcode digest}, only if it points there. */
  readonly tag?: string;
  /** Without a tag: a manifest, with all tags that point to it. */
  readonly digest?: string;
  /** All tags that fit this glob. */
  readonly glob?: string;
}

/**
 * Reads `repository:tag`, `repository:glob`, `repository@digest` or `repository:tag@digest`. A name
 * without all of these is refused: `latest` is too much to delete by saying nothing. Throws `USAGE`.
 */
export function parseTarget(text: string): Target {
  const colon = text.indexOf(":", text.lastIndexOf("/") + 1);
  const rest = colon < 0 ? "" : text.slice(colon + 1);
  if (!text.includes("@") && /[*?[\]{}]/.test(rest)) {
    return { text, repository: parseRepository(text.slice(0, colon)), glob: rest };
  }
  const { repository, tag, digest } = parseReference(text);
  if (colon < 0 && digest === undefined) {
    throw new RegctlError("USAGE", `${JSON.stringify(text)} names neither a tag nor a digest`, {
      hint: `Write ${text}:TAG, or ${text}@DIGEST for a manifest with all its tags`,
    });
  }
  if (digest !== undefined) assertVerifiableDigest(digest);
  return {
    text,
    repository,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest }),
  };
}
