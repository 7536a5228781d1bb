/** A tag read as a version. */
export interface Version {
  /** The numbers between dots, without leading zeros, as digits: they may exceed any number type. */
  readonly numbers: readonly string[];
  /** What stands behind the first `-` or `_`, in parts; empty for a release. */
  readonly suffix: readonly string[];
}

const VERSION = /^[vV]?(\d+(?:\.\d+)*)(?:[-_]([0-9A-Za-z._-]+))?$/;

/** Reads `1.10`, `v2.0.0-rc.1`, `3.18_p1`, `2024.01.02`; undefined for what is no version. */
export function tryParseVersion(tag: string): Version | undefined {
  const match = VERSION.exec(tag);
  if (!match) return undefined;
  return {
    numbers: (match[1] ?? "").split(".").map(trimZeros),
    suffix: match[2]?.split(/[._-]/) ?? [],
  };
}

/**
 * Compares two tags for `--sort version`: versions by their numbers (1.9 before 1.10), one with a
 * suffix before the one without (1.0-rc1 before 1.0), suffixes as Semantic Versioning compares
 * pre-releases; other tags last; equals by name, in ASCII order. A total order.
 */
export function compareVersions(a: string, b: string): number {
  return byVersion(tryParseVersion(a), tryParseVersion(b)) || compareText(a, b);
}

/** ASCII order, the same in every locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function byVersion(a: Version | undefined, b: Version | undefined): number {
  if (!a || !b) return (a ? 0 : 1) - (b ? 0 : 1);
  for (let i = 0; i < Math.max(a.numbers.length, b.numbers.length); i++) {
    const order = compareDigits(a.numbers[i] ?? "0", b.numbers[i] ?? "0");
    if (order !== 0) return order;
  }
  if (a.suffix.length === 0 || b.suffix.length === 0) {
    return (a.suffix.length === 0 ? 1 : 0) - (b.suffix.length === 0 ? 1 : 0);
  }
  for (let i = 0; i < Math.min(a.suffix.length, b.suffix.length); i++) {
    const order = comparePart(a.suffix[i] ?? "", b.suffix[i] ?? "");
    if (order !== 0) return order;
  }
  return a.suffix.length - b.suffix.length;
}

/** Numbers before words, numbers by value; a word with digits behind it (rc2, rc10) by both. */
function comparePart(a: string, b: string): number {
  const startA = findLastDigits(a);
  const startB = findLastDigits(b);
  return compareText(a.slice(0, startA), b.slice(0, startB)) ||
    compareDigits(trimZeros(a.slice(startA)), trimZeros(b.slice(startB)));
}

/** Where the digits at the end begin. A regular expression would take quadratic time. */
function findLastDigits(part: string): number {
  let start = part.length;
  while (start > 0 && /\d/.test(part.charAt(start - 1))) start--;
  return start;
}

function trimZeros(digits: string): string {
  return digits.replace(/^0+(?=\d)/, "");
}

function compareDigits(a: string, b: string): number {
  return a.length - b.length || compareText(a, b);
}
