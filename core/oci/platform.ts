import { RegctlError } from "../errors.ts";
import { isObject } from "./json_object.ts";

/** What an image runs on (image-spec, image-index.md, "platform"), in Go's words: `linux`, `amd64`. */
export interface Platform {
  /** The operating system: `linux`. */
  readonly os: string;
  /** The processor: `amd64`. */
  readonly architecture: string;
  /** Of the processor: `v8`. Default: the usual one. */
  readonly variant?: string;
}

const WORD = /^[a-z0-9_.-]{1,64}$/i;

// What a name without a variant stands for, as containerd's platforms package has it.
const USUAL_VARIANTS: Readonly<Record<string, string>> = { amd64: "v1", arm: "v7", arm64: "v8" };

/** Reads `os/architecture[/variant]`; throws `USAGE`. */
export function parsePlatform(text: string): Platform {
  const [os = "", architecture = "", variant, ...more] = text.split("/");
  const words = [os, architecture, variant ?? "v"];
  if (more.length === 0 && words.every((word) => WORD.test(word))) {
    return { os, architecture, ...(variant !== undefined && { variant }) };
  }
  throw new RegctlError("USAGE", "A platform has the form os/architecture[/variant]", {
    hint: "Write linux/amd64 or linux/arm64/v8",
  });
}

/** A platform out of any value, such as an image's configuration; undefined for what is none. */
export function tryParsePlatform(value: unknown): Platform | undefined {
  if (!isObject(value)) return undefined;
  const { os, architecture, variant } = value;
  const isWord = (part: unknown): part is string => typeof part === "string" && WORD.test(part);
  if (!isWord(os) || !isWord(architecture)) return undefined;
  return { os, architecture, ...(isWord(variant) && { variant }) };
}

/** Build tools list what belongs to an image beside it, for a platform of this name. */
export function isPlaceholder({ os }: Platform): boolean {
  return os === "unknown";
}

/** `linux/arm64/v8` */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
}

/**
 * How well an image for `offered` serves who wants `wanted`: 0 is as wanted, more is worse, and
 * undefined is not at all. An ARM processor also runs what was made for an older one.
 */
export function ratePlatform(offered: Platform, wanted: Platform): number | undefined {
  if (offered.os !== wanted.os || offered.architecture !== wanted.architecture) return undefined;
  const have = variantOf(offered);
  const want = variantOf(wanted);
  if (have === want) return 0;
  if (wanted.architecture !== "arm") return undefined;
  const age = Number(want.slice(1)) - Number(have.slice(1));
  return age > 0 ? age : undefined;
}

/**
 * How well an image for `offered` serves several wishes, the best first: less is better, and
 * undefined is not at all.
 */
export function rankPlatform(offered: Platform, wishes: readonly Platform[]): number | undefined {
  for (const [i, wish] of wishes.entries()) {
    const rating = ratePlatform(offered, wish);
    // No processor has a hundred variants.
    if (rating !== undefined) return i * 100 + rating;
  }
  return undefined;
}

function variantOf({ architecture, variant }: Platform): string {
  return variant ?? USUAL_VARIANTS[architecture] ?? "";
}
