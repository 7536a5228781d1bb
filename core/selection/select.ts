import { RegctlError } from "../errors.ts";
import { compilePattern, type Matcher } from "./pattern.ts";
import { compareVersions, tryParseVersion } from "./version.ts";

/** How names are ordered. */
export const SORT_ORDERS = ["name", "version", "none"] as const;
/** `none` keeps the registry's own order, and lets pages stream. */
export type SortOrder = (typeof SORT_ORDERS)[number];

/** Which names are wanted. */
export interface FilterOptions {
  /** Names that fit at least one of these. Default: all. */
  readonly match?: readonly string[] | undefined;
  /** Names that fit none of these. Default: all. */
  readonly exclude?: readonly string[] | undefined;
  /** A range of Semantic Versioning, as npm writes it. Default: all. */
  readonly semver?: string | undefined;
}

/** Builds the filter that {@linkcode FilterOptions} describe, if any; throws `USAGE`. */
export async function createFilter(options: FilterOptions): Promise<Matcher | undefined> {
  const { match = [], exclude = [], semver } = options;
  if (match.length === 0 && exclude.length === 0 && semver === undefined) return undefined;
  const matched = await Promise.all(match.map(compilePattern));
  const excluded = await Promise.all(exclude.map(compilePattern));
  const inRange = semver === undefined ? undefined : await createRange(semver);
  return (name) =>
    (matched.length === 0 || matched.some((matches) => matches(name))) &&
    !excluded.some((matches) => matches(name)) &&
    (inRange === undefined || inRange(name));
}

/**
 * Versions may be short and carry a `v` (`v1.2`). As Semantic Versioning has it, a pre-release is
 * in a range only where the range names one of the same version.
 */
async function createRange(text: string): Promise<Matcher> {
  const { parse, Range } = await import("semver");
  let range: InstanceType<typeof Range>;
  try {
    // npm reads an empty range as "any"; here it is a variable that was not set.
    if (text.trim() === "") throw new TypeError("empty");
    range = new Range(text);
  } catch {
    throw new RegctlError("USAGE", `Not a version range: ${JSON.stringify(text.slice(0, 80))}`, {
      hint: "Write it as in '^1.4', '>=1.2 <2' or '1.x'",
    });
  }
  return (name) => {
    const [, numbers, rest = ""] = /^[vV]?(\d+(?:\.\d+){0,2})([-+].*)?$/.exec(name) ?? [];
    if (numbers === undefined) return false;
    const missing = ".0".repeat(3 - numbers.split(".").length);
    const version = parse(numbers + missing + rest, { loose: true });
    return version !== null && range.test(version);
  };
}

/** How {@linkcode sortNames} orders. */
export interface SortOptions {
  readonly sort: SortOrder;
  /** Turns the order round; what is no version stays last. Default: false. */
  readonly reverse?: boolean | undefined;
}

/** A sorted copy. Names are compared in ASCII order, versions as {@linkcode compareVersions} does. */
export function sortNames(names: readonly string[], options: SortOptions): string[] {
  const sorted = [...names];
  // Without a comparison of its own, sort goes by code units: ASCII order, and much faster.
  if (options.sort === "name") sorted.sort();
  if (options.sort === "version") sorted.sort(compareVersions);
  if (!options.reverse) return sorted;
  if (options.sort !== "version") return sorted.reverse();
  // Who wants the newest version first does not want "latest" and "nightly" before it.
  const firstOther = sorted.findIndex((name) => tryParseVersion(name) === undefined);
  const end = firstOther < 0 ? sorted.length : firstOther;
  return [...sorted.slice(0, end).reverse(), ...sorted.slice(end).reverse()];
}
