import { RegctlError } from "../core/errors.ts";
import { escapeText } from "../core/render/escape.ts";
import { untilCallEnds } from "./call.ts";
import type { Context } from "./context.ts";

/** What {@linkcode confirm} asks. */
export interface Confirmation {
  /** What is about to happen, a line each. */
  readonly lines: readonly string[];
  /** Ends in a question mark. */
  readonly question: string;
  /** The answer was given with the call. Default: false. */
  readonly yes?: boolean | undefined;
  /** Standard input is taken, so that nobody can be asked. Default: false. */
  readonly isInputTaken?: boolean;
}

/**
 * Asks whether to go on; true where somebody took the time to answer. Throws `USAGE` where nobody can be asked, and `INTERRUPTED` for any answer
 * but yes.
 */
export async function confirm(
  context: Context,
  { lines, question, yes, isInputTaken }: Confirmation,
): Promise<boolean> {
  if (yes) return false;
  const { host, diagnostics } = context;
  if (!host.stdinIsTerminal || !host.stderr.isTerminal || isInputTaken) {
    throw new RegctlError("USAGE", "Nobody is here to be asked: nothing was changed", {
      hint: "Look at it with --dry-run, then add --yes",
    });
  }
  diagnostics.clearProgress();
  for (const line of lines) diagnostics.log(line);
  const answer = await untilCallEnds(context, host.ask(`${escapeText(question)} [y/N]`));
  if (/^y(es)?$/i.test(answer.trim())) return true;
  throw new RegctlError("INTERRUPTED", "Not confirmed: nothing was changed");
}
