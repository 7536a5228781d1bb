import type { FactOrder, TagRow } from "../core/inventory/tag_facts.ts";
import type { Repository } from "../core/reference/repository.ts";
import { nameRepository } from "../core/registry/repository_name.ts";
import { formatJson, formatJsonLine } from "../core/render/json.ts";
import type { Context } from "./context.ts";
import { type ListingOptions, type Presentation, printNames } from "./listing.ts";
import { formatTagTable, type RowStyle, toTagDocument } from "./tag_rows.ts";

/** How rows are printed. */
export interface RowPrinterOptions extends Pick<ListingOptions, "output"> {
  /** Rows with their facts, not names alone. */
  readonly long?: true | undefined;
  readonly trunc: boolean;
  readonly fullTime?: true | undefined;
}

/** What is known of the rows before they come. */
export interface RowsToCome {
  /** What they are sorted by, when all are known. Default: they come in their order. */
  readonly order: FactOrder | undefined;
  /** In milliseconds since the epoch. */
  readonly now: number;
}

/** Prints rows as they become known where their order is known before, else all at the end. */
export class RowPrinter {
  readonly #context: Context;
  readonly #repository: string;
  readonly #options: RowPrinterOptions;
  readonly #presentation: Presentation;
  readonly #style: RowStyle;
  readonly #streams: boolean;
  #printed = 0;

  constructor(
    context: Context,
    repository: Repository,
    options: RowPrinterOptions,
    presentation: Presentation,
    { now, order }: RowsToCome,
  ) {
    const { long, output, fullTime, trunc } = options;
    const { host: { stdout }, secrets } = context;
    this.#context = context;
    this.#repository = nameRepository(repository);
    this.#options = options;
    this.#presentation = presentation;
    this.#style = {
      redact: (text) => secrets.redact(text),
      ...{ trunc, now, withPushed: order === "pushed" },
      isRelative: stdout.isTerminal && !fullTime,
      columns: stdout.isTerminal ? stdout.columns : undefined,
    };
    this.#streams = order === undefined && (output === "ndjson" || (output === "text" && !long));
  }

  /** Takes rows that can be shown. */
  async add(rows: readonly TagRow[]): Promise<void> {
    if (!this.#streams || rows.length === 0) return;
    this.#printed += rows.length;
    await this.#print(rows);
  }

  /** Takes all of them, when there are no more: those that were printed come first. */
  async finish(rows: readonly TagRow[]): Promise<void> {
    const left = rows.slice(this.#printed);
    if (!this.#streams || left.length > 0) await this.#print(left);
  }

  async #print(rows: readonly TagRow[]): Promise<void> {
    const { diagnostics, host: { stdout } } = this.#context;
    const { long, output } = this.#options;
    diagnostics.clearProgress();
    if (!long) {
      const names = rows.map(({ tag }) => tag);
      return await printNames(this.#context, names, this.#options, this.#presentation);
    }
    const documents = () => rows.map((row) => toTagDocument(row, this.#repository, this.#style));
    await stdout.write(
      output === "json"
        ? formatJson(documents())
        : output === "ndjson"
        ? documents().map(formatJsonLine).join("")
        : await formatTagTable(rows, this.#style),
    );
  }
}
