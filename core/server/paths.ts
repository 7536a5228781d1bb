import { join } from "node:path";
import type { VerifiableDigest } from "../oci/digest.ts";
import { isRepositoryPath } from "../reference/repository.ts";

/** What a layout's own folder holds (image-spec, image-layout.md). */
const LAYOUT_NAMES: ReadonlySet<string> = new Set(["blobs", "index.json", "oci-layout"]);
/** No part of a repository's name can start with it. */
const ESCAPE = "_";

/** The names of this program's own files in the served folder; no repository can have one. */
export const OWN_FOLDER = ".regctl";

/**
 * The folder of a repository's layout: its name, with an underscore before each part that would
 * meet a layout's own files, so that `app/blobs` can stand beside `app`.
 */
export function repositoryFolder(root: string, name: string): string {
  return join(
    root,
    ...name.split("/").map((part) => LAYOUT_NAMES.has(part) ? ESCAPE + part : part),
  );
}

/** The part of a repository's name that a folder stands for; undefined when it stands for none. */
export function repositoryPart(folder: string): string | undefined {
  const plain = folder.startsWith(ESCAPE) ? folder.slice(ESCAPE.length) : folder;
  const isEscaped = plain !== folder;
  return LAYOUT_NAMES.has(plain) === isEscaped && isRepositoryPath(plain) ? plain : undefined;
}

/** Where a layout keeps the content of a digest. */
export function blobPath(layout: string, { algorithm, encoded }: VerifiableDigest): string {
  return join(layout, "blobs", algorithm, encoded);
}
