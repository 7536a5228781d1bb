import type { RegctlError } from "../errors.ts";
import type { TagRemovalWay } from "../registry/tag_remover.ts";

/** A tag that goes alone; its manifest stays. */
export interface TagRemoval {
  readonly kind: "tag";
  readonly tag: string;
  /** What it pointed to when it was chosen: it goes only if it still does. */
  readonly digest: string;
  /** The manifest that it is named after, where that goes too: it goes only when that has gone. */
  readonly after?: string;
}

/** A manifest that goes, with all tags that point to it. */
export interface ManifestRemoval {
  readonly kind: "manifest";
  readonly digest: string;
  /** The tags that pointed to it when it was chosen. */
  readonly tags: readonly string[];
  /** Manifests that need this one, by their digests: it goes only when they have gone. */
  readonly after: readonly string[];
}

/** What goes from a repository. */
export type Removal = TagRemoval | ManifestRemoval;

/** The tags that a removal takes. */
export function tagsOf(removal: Removal): readonly string[] {
  return removal.kind === "tag" ? [removal.tag] : removal.tags;
}

/**
 * `gone`: it was not there any more; `moved`: the tag points elsewhere now, and was left alone;
 * `skipped`: it was not tried.
 */
export type RemovalOutcome = "deleted" | "gone" | "moved" | "failed" | "skipped";

/** What became of a tag, or of a manifest. */
export interface RemovalResult {
  /** Of a tag; left out for a manifest. */
  readonly tag?: string;
  readonly digest: string;
  readonly outcome: RemovalOutcome;
  /** How it was deleted: `digest` with its manifest, or as {@linkcode TagRemovalWay} says. */
  readonly way?: TagRemovalWay | "digest";
  /** Why it was not. */
  readonly error?: RegctlError;
}
