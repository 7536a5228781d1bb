import type { Context } from "./commands/context.ts";
import { EXIT_CODES, RegctlError } from "./core/errors.ts";
import { ClosedPipe, type Host } from "./core/host.ts";
import { Secrets } from "./core/http/redact.ts";
import { Diagnostics } from "./core/render/diagnostics.ts";
import { bypassProxyForLoopback } from "./core/runtime/loopback.ts";
import { createNativeHost, exitProcess } from "./core/runtime/native_host.ts";
import { VERSION } from "./core/version.ts";

// An upload that is cancelled may take five seconds to say so.
const MAX_TIDYING_MS = 6_000;
// Nobody may be there to read what is left to say.
const MAX_LAST_WORDS_MS = 1_000;

/** Runs one call of the program on a host and gives its exit code. Never throws. */
export async function main(host: Host): Promise<number> {
  const context = createContext(host);
  try {
    await runToEnd(context);
    return 0;
  } catch (error) {
    // The reader has what it wanted.
    if (error instanceof ClosedPipe) return 0;
    return report(context, error);
  } finally {
    context.cleanups.forEach((cleanUp) => cleanUp());
    await context.diagnostics.finish(MAX_LAST_WORDS_MS);
  }
}

/**
 * Runs the call. One that is to end has a moment to tidy up; what hangs then, such as a pipe that
 * nobody reads, is left behind.
 */
async function runToEnd(context: Context): Promise<void> {
  const { signal } = context.abort;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const overdue = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => {
      timer = setTimeout(() => reject(signal.reason), MAX_TIDYING_MS);
    }, { once: true });
  });
  try {
    await Promise.race([run(context), overdue]);
  } finally {
    clearTimeout(timer);
  }
}

async function run(context: Context): Promise<void> {
  const { args, stdout } = context.host;
  // Scripts ask for it often, and it needs nothing of what follows.
  if (args.length === 1 && args[0] === "--version") return await stdout.write(`${VERSION}\n`);
  const { runProgram } = await import("./commands/program.ts");
  await runProgram(context);
}

function createContext(host: Host): Context {
  const secrets = new Secrets();
  const colors = host.env("NO_COLOR") === undefined && host.env("TERM") !== "dumb";
  const diagnostics = new Diagnostics(host.stderr, {
    redact: (text) => secrets.redact(text),
    colors,
  });
  diagnostics.json = wantsJson(host.args);
  return {
    host,
    secrets,
    diagnostics,
    abort: new AbortController(),
    cleanups: [],
    flags: { verbose: 0, debug: false },
    call: { isBegun: false, deadline: undefined },
  };
}

function report({ diagnostics, flags }: Context, error: unknown): number {
  const known = error instanceof RegctlError ? error : new RegctlError(
    "INTERNAL",
    `This is a bug in regctl: ${error instanceof Error ? error.message : String(error)}`,
    { hint: "Run it again with --debug and report what it shows", cause: error },
  );
  const exitCode = EXIT_CODES[known.code];
  diagnostics.clearProgress();
  diagnostics.fail(known);
  if (flags.debug) diagnostics.trace(known);
  return exitCode;
}

/** Looks at the words themselves, since they may be what is wrong. */
function wantsJson(args: readonly string[]): boolean {
  // There it is the name of a file.
  if (args[0] === "blob") return false;
  return args.some((word, i) =>
    /^(-[a-z]*o=?|--output=)(nd)?json$/.test(word) ||
    (/^(-[a-z]*o|--output)$/.test(word) && /^(nd)?json$/.test(args[i + 1] ?? ""))
  );
}

/** Runs the program on this machine and ends the process. */
async function start(): Promise<void> {
  bypassProxyForLoopback();
  const host = createNativeHost();
  const exitCode = await main(host);
  // All output has been handed over; idle connections must not hold the program back.
  exitProcess(exitCode);
}

if (import.meta.main) await start();
