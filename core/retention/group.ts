import { RegctlError } from "../errors.ts";
import { compileExpression, type FailPattern, MAX_PATTERN_LENGTH } from "../selection/pattern.ts";
import { tryParseVersion } from "../selection/version.ts";
import { shorten } from "../shorten.ts";

/** The group of a name, or undefined where it belongs to none. */
export type Grouping = (name: string) => string | undefined;

// No tag holds one, so that captures which differ never make the same group.
const SEPARATOR = "/";

/**
 * Builds the grouping that `group` names. Without one, all names are in the group "". "version" is
 * the version line: `1.14.3` is of `1.14`, `1.14.3-alpine3.18` of `1.14-alpine`. A regular
 * expression (RE2) between slashes groups by what it captures. Throws `USAGE`.
 */
export async function createGrouping(group: string | undefined): Promise<Grouping> {
  if (group === undefined) return () => "";
  if (group === "version") return findVersionLine;
  const fail: FailPattern = (reason, hint) =>
    new RegctlError("USAGE", `Cannot group by ${JSON.stringify(shorten(group, 80))}: ${reason}`, {
      hint,
    });
  if (group.length > MAX_PATTERN_LENGTH) {
    throw fail(`it is longer than ${MAX_PATTERN_LENGTH} characters`);
  }
  if (group.length < 3 || !group.startsWith("/") || !group.endsWith("/")) {
    throw fail(
      'it is neither "version" nor a regular expression between slashes',
      "Write 'version', or what names the group in brackets: '/^(.+)-[0-9]+$/'",
    );
  }
  const expression = await compileExpression(group.slice(1, -1), fail);
  const count = expression.groupCount();
  if (count === 0) {
    throw fail("it captures nothing", "Put what names the group in brackets: '/^(.+)-[0-9]+$/'");
  }
  return (name) => {
    const matcher = expression.matcher(name);
    if (!matcher.find()) return undefined;
    return Array.from({ length: count }, (_, i) => matcher.group(i + 1) ?? "").join(SEPARATOR);
  };
}

/** The group as people read it: what was captured, joined by hyphens. */
export function formatGroup(group: string): string {
  return group.replaceAll(SEPARATOR, "-");
}

function findVersionLine(name: string): string | undefined {
  const version = tryParseVersion(name);
  if (version === undefined) return undefined;
  const numbers = version.numbers.slice(0, Math.max(1, version.numbers.length - 1)).join(".");
  const words = version.suffix.map(trimLastDigits).filter((word) => word !== "");
  return [numbers, ...words].join("-");
}

/** A regular expression that is bound to the end alone would take quadratic time. */
function trimLastDigits(part: string): string {
  let end = part.length;
  while (end > 0 && /\d/.test(part.charAt(end - 1))) end--;
  return part.slice(0, end);
}
