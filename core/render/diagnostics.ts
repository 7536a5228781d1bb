import { EXIT_CODES, type RegctlError } from "../errors.ts";
import type { Output } from "../host.ts";
import { escapeText } from "./escape.ts";
import { formatJsonLine } from "./json.ts";

// To the start of the line, and clear it.
const CLEAR_LINE = "\r\x1b[K";

/** What {@linkcode Diagnostics} shows, and how. */
export interface DiagnosticsOptions {
  /** Removes secrets from all that is written. */
  readonly redact: (text: string) => string;
  /** Whether colours may be used on a terminal. */
  readonly colors: boolean;
}

/**
 * Everything on standard error: remarks, the request log, progress, the error at the end. It is
 * the one place where text from elsewhere is escaped and secrets are removed.
 */
export class Diagnostics {
  /** Leaves out warnings, notes and progress. */
  quiet = false;
  /** Writes each remark, and the error, as one JSON object on a line of its own. */
  json = false;
  readonly #output: Output;
  readonly #options: DiagnosticsOptions;
  #progressShown = false;
  #written: Promise<void> = Promise.resolve();

  constructor(output: Output, options: DiagnosticsOptions) {
    this.#output = output;
    this.#options = options;
  }

  /** The width of what is written to. */
  get columns(): number {
    return this.#output.columns;
  }

  /** Something the user should know of. */
  warn(text: string): void {
    this.#remark("warning", 33, text);
  }

  /** Something that explains what is going on. */
  note(text: string): void {
    this.#remark("note", 36, text);
  }

  /** A line of the request log. */
  log(text: string): void {
    this.#writeLine("", text);
  }

  /** Shows how far a long task is, in place of what was shown before. Terminals only. */
  progress(text: string): void {
    if (this.quiet || !this.#output.isTerminal) return;
    this.#progressShown = true;
    const line = escapeText(this.#options.redact(text)).slice(
      0,
      Math.max(0, this.#output.columns - 1),
    );
    this.#write(`${CLEAR_LINE}${line}`);
  }

  /** Removes the progress line. */
  clearProgress(): void {
    if (this.#progressShown) this.#write(CLEAR_LINE);
    this.#progressShown = false;
  }

  /** The error that ends the program, in one line, and the hint in another; or both as JSON. */
  fail({ code, message, hint }: RegctlError): void {
    if (!this.json) {
      this.#writeLine(this.#label("error", 31), message);
      if (hint !== undefined) this.#writeLine(this.#label("hint", 36), hint);
      return;
    }
    this.clearProgress();
    // Before they become JSON: a secret such as "error" would spoil the keys, and a character that
    // is written as an escape would hide a secret.
    const clean = (text?: string) => text === undefined ? undefined : this.#options.redact(text);
    const exitCode = EXIT_CODES[code];
    const error = { code, message: clean(message), hint: clean(hint), exitCode };
    this.#write(formatJsonLine({ error }));
  }

  /** The stack and the causes of an error, for `--debug`. */
  trace(error: unknown): void {
    const stacks: string[] = [];
    for (let e = error; e instanceof Error && stacks.length < 5; e = e.cause) {
      stacks.push(e.stack ?? e.message);
    }
    for (const line of stacks.join("\ncaused by ").split("\n")) this.#writeLine("", line);
  }

  #remark(kind: "warning" | "note", color: number, text: string): void {
    if (this.quiet) return;
    if (this.json) this.#write(formatJsonLine({ [kind]: this.#options.redact(text) }));
    else this.#writeLine(this.#label(kind, color), text);
  }

  #label(word: string, color: number): string {
    return this.#options.colors && this.#output.isTerminal
      ? `\x1b[1;${color}m${word}:\x1b[0m `
      : `${word}: `;
  }

  #writeLine(label: string, text: string): void {
    this.clearProgress();
    this.#write(`${label}${escapeText(this.#options.redact(text))}\n`);
  }

  /** Resolves when all is handed over, or after `maxMs` milliseconds. */
  async finish(maxMs: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, maxMs));
    await Promise.race([this.#written, late]);
    clearTimeout(timer);
  }

  #write(text: string): void {
    // Nobody is left to be told that standard error is gone.
    this.#written = this.#output.write(text).catch(() => {});
  }
}
