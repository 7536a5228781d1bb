import type { RegctlError } from "../errors.ts";

/** What is known of a tag. What nobody told, or nobody asked for, is left out. */
export interface TagFacts {
  readonly tag: string;
  /** Of the manifest that the tag points to. */
  readonly digest: string;
  readonly mediaType?: string | undefined;
  /**
   * When it was made, in RFC 3339, as its configuration has it, or an annotation where it has none.
   * An index is as old as the newest of its images. It may be any date that somebody wrote there.
   */
  readonly created?: string | undefined;
  /** When it was pushed, in RFC 3339; few registries tell. */
  readonly pushed?: string | undefined;
  /** Of all layers together as they are transferred, in bytes; of an index, those of all its images. */
  readonly size?: number | undefined;
  /** `linux/arm64/v8`; of an index, those of its images. */
  readonly platforms?: readonly string[] | undefined;
  /** What it is where it is no image to be run. */
  readonly artifactType?: string | undefined;
  /** The image for the platform that was asked for: {@linkcode created} and {@linkcode size} are its. */
  readonly image?: { readonly platform: string; readonly digest: string } | undefined;
}

/** A tag that cannot be read, and why. */
export interface UnreadTag {
  readonly tag: string;
  readonly error: RegctlError;
}

/** What became of reading a tag. */
export type TagRow = TagFacts | UnreadTag;

/** True where it could not be read. */
export function isUnread(row: TagRow): row is UnreadTag {
  return "error" in row;
}

/** The facts that somebody wants of each tag. */
export type Fact = "created" | "pushed" | "size" | "platforms";

/** The orders of tags by what is known of them. */
export const FACT_ORDERS = ["created", "pushed", "size"] as const;
/** `created` and `pushed`: the newest first; `size`: the largest first. */
export type FactOrder = (typeof FACT_ORDERS)[number];
