import { type Command, Option } from "commander";
import type { ListingPage } from "../core/registry/listing.ts";
import { escapeText } from "../core/render/escape.ts";
import { formatJson, formatJsonLine } from "../core/render/json.ts";
import { formatTable } from "../core/render/table.ts";
import { createFilter, SORT_ORDERS, sortNames, type SortOrder } from "../core/selection/select.ts";
import type { Context } from "./context.ts";
import { collect, parsePositiveCount } from "./options.ts";

/** How a listing can be printed. */
const FORMATS = ["text", "json", "ndjson", "table"] as const;

/** Adds the flags of a command that lists names. */
export function withListingOptions(command: Command): Command {
  return command
    .addOption(
      new Option("-m, --match <pattern>", "only names that fit a glob or /regexp/ (repeatable)")
        .argParser(collect),
    )
    .addOption(
      new Option("-x, --exclude <pattern>", "no names that fit a glob or /regexp/ (repeatable)")
        .argParser(collect),
    )
    .addOption(
      new Option("--sort <order>", "name and version read it all; none streams")
        .choices(SORT_ORDERS).default("name"),
    )
    .addOption(new Option("-r, --reverse", "turn the order round"))
    .addOption(
      new Option("--limit <count>", "print at most this many").argParser(parsePositiveCount),
    )
    .addOption(
      new Option("--page-size <count>", "ask for pages of this size (default: the registry's own)")
        .argParser(parsePositiveCount),
    )
    .addOption(
      new Option("-o, --output <format>", "how to print").choices(FORMATS)
        .default("text"),
    );
}

/** What {@linkcode withListingOptions} adds. */
export interface ListingOptions {
  readonly match?: string[] | undefined;
  readonly exclude?: string[] | undefined;
  readonly semver?: string | undefined;
  readonly sort: SortOrder;
  readonly reverse?: true | undefined;
  readonly limit?: number | undefined;
  readonly pageSize?: number | undefined;
  readonly output: typeof FORMATS[number];
}

/** How the names of a listing are shown. */
export interface Presentation {
  /** What the names are, in the plural: `tags`. */
  readonly noun: string;
  /** The whole listing as one JSON document. */
  readonly toDocument: (names: readonly string[]) => unknown;
  /** One name as a line of JSON. */
  readonly toLine: (name: string) => unknown;
  readonly columns: readonly string[];
  readonly toRow: (name: string) => readonly string[];
  /** Whether a name is one that the specification allows. Default: all are. */
  readonly isValid?: (name: string) => boolean;
}

/** Filters, sorts and prints a listing: page by page where the order allows, else at its end. */
export async function printListing(
  context: Context,
  pages: AsyncIterable<ListingPage>,
  options: ListingOptions,
  presentation: Presentation,
): Promise<void> {
  const { host, diagnostics } = context;
  const { output, limit = Infinity } = options;
  const isWanted = await createFilter(options);
  const streams = options.sort === "none" && !options.reverse &&
    (output === "text" || output === "ndjson");
  const formatLine = output === "ndjson"
    ? (name: string) => formatJsonLine(presentation.toLine(name))
    : (name: string) => `${escapeText(name)}\n`;
  const tally = new Tally(presentation);
  const names: string[] = [];
  let printed = 0;
  for await (const page of pages) {
    tally.add(page);
    const wanted = page.entries.filter(isWanted);
    if (streams) {
      const chunk = wanted.slice(0, limit - printed);
      printed += chunk.length;
      if (chunk.length > 0) await host.stdout.write(chunk.map(formatLine).join(""));
    } else {
      for (const name of wanted) names.push(name);
    }
    // In the registry's own order the first ones are known before the end.
    if (options.sort === "none" && !options.reverse && printed + names.length >= limit) break;
    if (tally.pages > 1) diagnostics.progress(tally.describeProgress());
  }
  diagnostics.clearProgress();
  tally.warnings().forEach((warning) => diagnostics.warn(warning));
  if (streams) return;
  const chosen = sortNames(names, options).slice(0, limit);
  if (output === "json") await host.stdout.write(formatJson(presentation.toDocument(chosen)));
  else if (output === "table") {
    const rows = chosen.map(presentation.toRow);
    await host.stdout.write(await formatTable(presentation.columns, rows));
  } else if (chosen.length > 0) await host.stdout.write(chosen.map(formatLine).join(""));
}

/** Counts what goes by. */
class Tally {
  pages = 0;
  #names = 0;
  #dropped = 0;
  #invalid = 0;
  readonly #presentation: Presentation;

  constructor(presentation: Presentation) {
    this.#presentation = presentation;
  }

  add(page: ListingPage): void {
    const { isValid = () => true } = this.#presentation;
    this.pages += 1;
    this.#names += page.entries.length;
    this.#dropped += page.dropped;
    this.#invalid += page.entries.filter((name) => !isValid(name)).length;
  }

  describeProgress(): string {
    return `${this.#names} ${this.#presentation.noun} on ${this.pages} pages`;
  }

  warnings(): string[] {
    const { noun } = this.#presentation;
    const warnings: string[] = [];
    if (this.#dropped > 0) {
      warnings.push(`left out ${this.#dropped} of the registry's ${noun} that are not text`);
    }
    if (this.#invalid > 0) {
      warnings.push(`${this.#invalid} of the ${noun} are not valid names`);
    }
    return warnings;
  }
}
