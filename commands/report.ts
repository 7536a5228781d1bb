import { RegctlError } from "../core/errors.ts";
import { ClosedPipe } from "../core/host.ts";
import { shortenDigest } from "../core/oci/digest.ts";
import { formatReference } from "../core/reference/reference.ts";
import type { Repository } from "../core/reference/repository.ts";
import { escapeText } from "../core/render/escape.ts";
import { formatJson, formatJsonLine } from "../core/render/json.ts";
import type { Context } from "./context.ts";

/** How results can be printed. */
export const RESULT_FORMATS = ["text", "json", "ndjson"] as const;
/** One of {@linkcode RESULT_FORMATS}. */
export type ResultFormat = typeof RESULT_FORMATS[number];

/** What became of one thing, as it is reported. */
export interface Reported {
  /** What it is about. */
  readonly reference: string;
  readonly tag?: string | undefined;
  readonly digest?: string | undefined;
  /** One word: `deleted`, `missing` and so on. */
  readonly outcome: string;
  readonly way?: string | undefined;
  readonly error?: RegctlError | undefined;
  /** Not what was asked for. */
  readonly isFailure: boolean;
}

/** What became of a tag or of a manifest. */
export interface Result extends Omit<Reported, "reference" | "isFailure"> {
  readonly digest: string;
}

/** Those that were asked for. */
const GOOD_OUTCOMES = ["planned", "deleted", "gone", "restored", "present"];

const WORD_COLUMNS = 9;

/** How {@linkcode Report} prints. */
export interface ReportOptions {
  /** Leaves out a line for each manifest that went with its tags. Default: false. */
  readonly isBrief?: boolean;
}

/** Prints what becomes of many things as it becomes known, and counts. */
export class Report {
  readonly #context: Context;
  readonly #format: ResultFormat;
  readonly #isBrief: boolean;
  /** The manifests whose tags have a line, by digest. */
  readonly #told = new Set<string>();
  readonly #results: Reported[] = [];
  #written: Promise<void> = Promise.resolve();

  constructor(context: Context, format: ResultFormat, { isBrief = false }: ReportOptions = {}) {
    this.#context = context;
    this.#format = format;
    this.#isBrief = isBrief;
  }

  /** All that was added, in order. */
  get results(): readonly Reported[] {
    return this.#results;
  }

  /** Adds what became of a tag, or of a manifest where none is named. */
  addResult(repository: Repository, result: Result): void {
    const { tag, digest } = result;
    const where = tag === undefined ? { digest } : { tag };
    const reference = formatReference({ repository, ...where });
    this.add({ ...result, reference, isFailure: !GOOD_OUTCOMES.includes(result.outcome) });
  }

  /** Shows how far it is, unless the results are seen to come in. */
  progress(text: string): void {
    const { host: { stdout }, diagnostics } = this.#context;
    if (this.#format === "json" || !stdout.isTerminal) diagnostics.progress(text);
  }

  add(result: Reported): void {
    this.#results.push(result);
    if (this.#format === "json") return;
    // Of what was never tried the end tells the number.
    if (this.#format === "text" && result.outcome === "skipped") return;
    if (this.#format === "text" && this.#isBrief && this.#isTold(result)) return;
    const text = this.#format === "ndjson"
      ? formatJsonLine(this.#toDocument(result))
      : toLine(result, this.#context.host.stdout.isTerminal);
    this.#context.diagnostics.clearProgress();
    this.#written = this.#written.then(() => this.#context.host.stdout.write(text));
    // Thrown where it is waited for.
    this.#written.catch(() => {});
  }

  /** True for a manifest that went with tags which have a line already. */
  #isTold({ tag, digest = "", isFailure }: Reported): boolean {
    if (tag !== undefined) this.#told.add(digest);
    return tag === undefined && !isFailure && this.#told.has(digest);
  }

  /** Prints what is left to print; with these fields around it where it is one document. */
  async finish(fields: object = {}): Promise<void> {
    try {
      await this.#print(fields);
    } catch (error) {
      // Whoever reads has enough; what the call ends with is another matter.
      if (!(error instanceof ClosedPipe)) throw error;
    }
    if (this.#format !== "json") this.#explain();
  }

  async #print(fields: object): Promise<void> {
    await this.#written;
    if (this.#format !== "json") return;
    const results = this.#results.map((result) => this.#toDocument(result));
    await this.#context.host.stdout.write(formatJson({ ...fields, results }));
  }

  #toDocument({ reference, tag, digest, outcome, way, error }: Reported): object {
    // What a registry says may hold what it was told.
    const clean = (text: string) => this.#context.secrets.redact(text);
    return {
      reference,
      ...(tag !== undefined && { tag }),
      ...(digest !== undefined && { digest }),
      outcome,
      ...(way !== undefined && { way }),
      ...(error && { error: { code: error.code, message: clean(error.message) } }),
    };
  }

  /** Says why, unless the error at the end does. */
  #explain(): void {
    const { reason: end } = this.#context.abort.signal;
    const errors = this.#results.flatMap(({ error }) => error && error !== end ? [error] : []);
    const reasons = new Set(errors.map(({ message }) => message));
    if (this.#format === "ndjson") return;
    if (!end && (this.#results.length < 2 || this.#isUniform())) return;
    for (const reason of reasons) this.#context.diagnostics.log(reason);
  }

  /** All failed for the same kind of reason. */
  #isUniform(): boolean {
    const codes = new Set(this.#results.map(({ error, isFailure }) => isFailure && error?.code));
    return codes.size === 1;
  }

  /**
   * The error that the call ends with, if any: that of the one thing that failed, or of all where it
   * is the same, else a `PARTIAL` that counts.
   *
   * @param verb what was tried: `delete`
   * @param hint how to get on with what is left
   */
  failure(
    verb: string,
    hint = "Run it again: what is done is left alone",
  ): RegctlError | undefined {
    const failures = this.#results.filter(({ isFailure }) => isFailure);
    const [first] = failures;
    const all = this.#results.length;
    const { aborted, reason } = this.#context.abort.signal;
    const count = `${failures.length} of ${all}`;
    const next = findHint(failures) ?? hint;
    if (aborted && reason instanceof RegctlError) {
      if (first) return this.#cutShort(reason, `${count} not ${verb}d`, next);
      // In time after all; who pressed Ctrl-C wants more than this call to end.
      return reason.code === "TIMEOUT" ? undefined : this.#cutShort(reason, `all ${verb}d by then`);
    }
    if (!first) return undefined;
    if (failures.length === 1 && all === 1 && first.error) return first.error;
    if (!this.#isUniform() || !first.error) {
      return new RegctlError("PARTIAL", `Cannot ${verb} ${count}`, { hint: next });
    }
    const { code, message } = first.error;
    return new RegctlError(code, `${message} (and so for all ${all})`, {
      hint: first.error.hint,
      cause: first.error,
    });
  }

  #cutShort({ code, message, cause }: RegctlError, count: string, hint?: string): RegctlError {
    return new RegctlError(code, `${message}: ${count}`, { hint, cause });
  }
}

/** What to do first: about what was left half-done, else what all of them ask for. */
function findHint(failures: readonly Reported[]): string | undefined {
  const halfDone = failures.find(({ error }) => error?.code === "PARTIAL" && error.hint);
  const hints = new Set(failures.map(({ error }) => error?.hint));
  return halfDone?.error?.hint ?? (hints.size === 1 ? [...hints][0] : undefined);
}

function toLine({ reference, digest, tag, outcome, error }: Reported, isTerminal: boolean): string {
  const shown = isTerminal && digest ? shortenDigest(digest) : digest;
  const detail = !error && tag !== undefined && shown ? `  ${shown}` : "";
  return `${escapeText(`${outcome.padEnd(WORD_COLUMNS)}${reference}${detail}`)}\n`;
}
