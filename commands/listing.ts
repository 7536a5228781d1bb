import { type Command, Option } from "commander";
import { Pauses } from "../core/pauses.ts";
import type { ListingPage } from "../core/registry/listing.ts";
import { escapeText } from "../core/render/escape.ts";
import { formatJson, formatJsonLine } from "../core/render/json.ts";
import { formatTable } from "../core/render/table.ts";
import { createFilter, SORT_ORDERS, sortNames, type SortOrder } from "../core/selection/select.ts";
import type { Context } from "./context.ts";
import { collect, parsePositiveCount } from "./options.ts";

/** How a listing can be printed. */
const FORMATS = ["text", "json", "ndjson", "table"] as const;

/** What {@linkcode withListingOptions} takes beside the command. */
export interface ListingOptionsTexts {
  /** What `--sort` takes beside the orders of names. Default: nothing. */
  readonly orders?: readonly string[];
  /** What the help says of it. */
  readonly sort?: string;
}

/** Adds the flags of a command that lists names. */
export function withListingOptions(
  command: Command,
  { orders = [], sort = "name and version read it all; none streams" }: ListingOptionsTexts = {},
): Command {
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
      new Option("--sort <order>", sort).choices([...SORT_ORDERS, ...orders]).default("name"),
    )
    .addOption(new Option("-r, --reverse", "reverse the order"))
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

/** Which names are wanted, and in which order. */
export interface NameSelection {
  readonly match?: string[] | undefined;
  readonly exclude?: string[] | undefined;
  readonly semver?: string | undefined;
  readonly sort: SortOrder;
  readonly reverse?: true | undefined;
  readonly limit?: number | undefined;
}

/** What {@linkcode withListingOptions} adds. */
export interface ListingOptions extends NameSelection {
  readonly pageSize?: number | undefined;
  readonly output: typeof FORMATS[number];
}

/** What the names of a listing are. */
export interface NameKind {
  /** In the plural: `tags`. */
  readonly noun: string;
  /** Whether a name is one that the specification allows. Default: all are. */
  readonly isValid?: (name: string) => boolean;
}

/** How the names of a listing are shown. */
export interface Presentation extends NameKind {
  /** The whole listing as one JSON document. */
  readonly toDocument: (names: readonly string[]) => unknown;
  /** One name as a line of JSON. */
  readonly toLine: (name: string) => unknown;
  /** One name as text. Default: as it is. */
  readonly toText?: (name: string) => string;
  readonly columns: readonly string[];
  readonly toRow: (name: string) => readonly string[];
}

/** Filters, sorts and prints a listing: page by page where the order allows, else at its end. */
export async function printListing(
  context: Context,
  pages: AsyncIterable<ListingPage>,
  options: ListingOptions,
  presentation: Presentation,
): Promise<void> {
  if (!canStream(options)) {
    const names = await collectNames(context, pages, options, presentation);
    return await printNames(context, names, options, presentation);
  }
  await readPages(context, pages, options, presentation, async (wanted) => {
    let left = options.limit ?? Infinity;
    for await (const names of wanted) {
      const text = formatNames(names.slice(0, left), options, presentation);
      if (text !== "") await context.host.stdout.write(text);
      left -= names.length;
      if (left <= 0) return;
    }
  });
}

/** The names of a listing that are wanted, in order: all of it is read, unless its own order stays. */
export async function collectNames(
  context: Context,
  pages: AsyncIterable<ListingPage>,
  options: NameSelection,
  kind: NameKind,
): Promise<readonly string[]> {
  const { limit = Infinity } = options;
  const collected: string[] = [];
  await readPages(context, pages, options, kind, async (wanted, tally) => {
    for await (const names of wanted) {
      for (const name of names) collected.push(name);
      // In the registry's own order the first ones are known before the end.
      if (keepsOrder(options) && collected.length >= limit) break;
      if (tally.pages > 1) context.diagnostics.progress(tally.describeProgress());
    }
  });
  return sortNames(collected, options).slice(0, limit);
}

/** Prints names as they are. */
export async function printNames(
  { host }: Context,
  names: readonly string[],
  options: Pick<ListingOptions, "output">,
  presentation: Presentation,
): Promise<void> {
  const { columns, toRow, toDocument } = presentation;
  const { output } = options;
  const text = output === "json"
    ? formatJson(toDocument(names))
    : output === "table"
    ? await formatTable(columns, names.map(toRow))
    : formatNames(names, options, presentation);
  if (text !== "") await host.stdout.write(text);
}

/** Has the names of each page that pass the filter read, and says at the end what was wrong. */
async function readPages(
  context: Context,
  pages: AsyncIterable<ListingPage>,
  options: NameSelection,
  kind: NameKind,
  read: (wanted: AsyncIterable<readonly string[]>, tally: Tally) => Promise<void>,
): Promise<void> {
  const { diagnostics } = context;
  const tally = new Tally(kind);
  const isWanted = await createFilter(options);
  const wanted = wantedNames(
    pages,
    async (names) => isWanted ? await filterNames(names, isWanted, context) : names,
    tally,
  );
  try {
    await read(wanted, tally);
  } finally {
    diagnostics.clearProgress();
    tally.warnings().forEach((warning) => diagnostics.warn(warning));
  }
}

/** The names of each page that pass the filter. */
async function* wantedNames(
  pages: AsyncIterable<ListingPage>,
  filter: (names: readonly string[]) => Promise<readonly string[]>,
  tally: Tally,
): AsyncGenerator<readonly string[]> {
  for await (const page of pages) {
    tally.add(page);
    yield await filter(page.entries);
  }
}

/** Filters a page, but lets time-outs and signals have their say when the patterns are slow. */
async function filterNames(
  names: readonly string[],
  isWanted: (name: string) => boolean,
  { abort: { signal } }: Context,
): Promise<readonly string[]> {
  const wanted: string[] = [];
  const pauses = new Pauses();
  for (const name of names) {
    if (isWanted(name)) wanted.push(name);
    await pauses.take(signal);
  }
  return wanted;
}

function keepsOrder({ sort, reverse }: NameSelection): boolean {
  return sort === "none" && !reverse;
}

function canStream(options: ListingOptions): boolean {
  return keepsOrder(options) && (options.output === "text" || options.output === "ndjson");
}

function formatNames(
  names: readonly string[],
  { output }: Pick<ListingOptions, "output">,
  { toLine, toText = (name) => name }: Presentation,
): string {
  const format = output === "ndjson"
    ? (name: string) => formatJsonLine(toLine(name))
    : (name: string) => `${escapeText(toText(name))}\n`;
  return names.map(format).join("");
}

/** Counts what goes by. */
class Tally {
  pages = 0;
  #names = 0;
  #dropped = 0;
  #invalid = 0;
  readonly #kind: NameKind;

  constructor(kind: NameKind) {
    this.#kind = kind;
  }

  add(page: ListingPage): void {
    const { isValid = () => true } = this.#kind;
    this.pages += 1;
    this.#names += page.entries.length;
    this.#dropped += page.dropped;
    this.#invalid += page.entries.filter((name) => !isValid(name)).length;
  }

  describeProgress(): string {
    return `${this.#names} ${this.#kind.noun} on ${this.pages} pages`;
  }

  warnings(): string[] {
    const { noun } = this.#kind;
    const warnings: string[] = [];
    if (this.#dropped > 0) {
      warnings.push(`left out ${this.#dropped} of the ${noun}: not text`);
    }
    if (this.#invalid > 0) {
      warnings.push(`${this.#invalid} of the ${noun} ${verb(this.#invalid)} not valid as a name`);
    }
    return warnings;
  }
}

function verb(count: number): string {
  return count === 1 ? "is" : "are";
}
