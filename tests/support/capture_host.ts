import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import { main } from "../../cli.ts";
import { type Clock, ClosedPipe, type Host } from "../../core/host.ts";
import { spool } from "../../core/runtime/input.ts";
import { createNativeHost } from "../../core/runtime/native_host.ts";
import { updateFile } from "../../core/runtime/update_file.ts";

// One for all runs: each adds its listeners to the standard streams.
const native = createNativeHost();

/** What {@linkcode runCaptured} lets a test decide. */
export interface CapturedRunOptions {
  /** The whole environment. Default: a HOME that does not exist. */
  readonly env?: Readonly<Record<string, string>>;
  /** What standard input brings. Default: nothing. */
  readonly stdin?: string | Uint8Array;
  /** What the user types when asked for anything else. Default: an empty line. */
  readonly typed?: string;
  /** What the user types when asked for a password. Default: nobody can be asked. */
  readonly typedPassword?: string;
  /** Whether standard output and standard error are a terminal. Default: false. */
  readonly isTerminal?: boolean;
  /** Whether standard output is one. Default: as `isTerminal` says. */
  readonly isStdoutTerminal?: boolean;
  /** The columns of the terminal. Default: 80. */
  readonly columns?: number;
  /** Whether nobody reads standard output any more. Default: false. */
  readonly isStdoutClosed?: boolean;
  /** Sent to the program at its first request for a wait. Default: none. */
  readonly stopWhileWaiting?: "SIGINT" | "SIGTERM";
}

/** What a run in this process left behind. */
export interface CapturedRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The waits it asked for, in milliseconds. None of them took any time. */
  readonly waits: readonly number[];
}

/**
 * Runs the program in this process, on a host whose output is captured and whose clock moves only
 * when the program waits: a wait ends at once and moves it on. Chance always gives 0.5. Files and
 * helper programs are the machine's own, found by `env`.
 */
export async function runCaptured(
  args: readonly string[],
  options: CapturedRunOptions = {},
): Promise<CapturedRun> {
  const { bytes: _, ...run } = await runCapturedBytes(args, options);
  return run;
}

/** Does the same, and keeps what is on standard output byte by byte. */
export async function runCapturedBytes(
  args: readonly string[],
  options: CapturedRunOptions = {},
): Promise<CapturedRun & { readonly bytes: Buffer }> {
  const { env = {}, isTerminal = false, columns = 80, typedPassword } = options;
  const captured: Record<"stdout" | "stderr", Uint8Array[]> = { stdout: [], stderr: [] };
  const waits: number[] = [];
  const homeDirectory = env["HOME"] ?? "/nonexistent";
  const stdin = Buffer.from(options.stdin ?? "");
  let skipped = 0;
  let stop: ((signal: "SIGINT" | "SIGTERM") => void) | undefined;
  const capture = (name: "stdout" | "stderr") => ({
    isTerminal: name === "stdout" ? options.isStdoutTerminal ?? isTerminal : isTerminal,
    columns,
    write: (data: string | Uint8Array) => {
      if (name === "stdout" && options.isStdoutClosed) return Promise.reject(new ClosedPipe());
      // A copy: what was handed over may be used again.
      captured[name].push(Buffer.from(data));
      return Promise.resolve();
    },
  });
  const clock: Clock = {
    now: () => native.clock.now() + skipped,
    random: () => 0.5,
    sleep: (ms, signal) => {
      waits.push(ms);
      skipped += ms;
      if (options.stopWhileWaiting) stop?.(options.stopWhileWaiting);
      signal?.throwIfAborted();
      return Promise.resolve();
    },
  };
  const host: Host = {
    ...native,
    args,
    homeDirectory,
    platforms: native.platforms.filter(({ os }) => os === "linux"),
    // Nobody's, so that nothing of this machine's user is found.
    userId: 4_000_000_000,
    stdout: capture("stdout"),
    stderr: capture("stderr"),
    stdinIsTerminal: typedPassword !== undefined,
    clock,
    env: (name) => env[name] || undefined,
    // Nothing is kept where no test looks.
    openCache: (...words) =>
      env["HOME"] ?? env["XDG_CACHE_HOME"]
        ? native.openCache(...words)
        : Promise.resolve(undefined),
    readStdin: () => Promise.resolve(stdin.toString("utf8")),
    spoolStdin: (options) => spool(Readable.from([stdin]), options, env["TMPDIR"]),
    ask: () => Promise.resolve(options.typed ?? ""),
    askPassword: () => Promise.resolve(typedPassword ?? ""),
    updateFile: (...words) => updateFile(clock, ...words),
    onStop: (listener) => stop = listener,
  };
  const exitCode = await main(host);
  const bytes = Buffer.concat(captured.stdout);
  const stderr = Buffer.concat(captured.stderr).toString("utf8");
  return { exitCode, stdout: bytes.toString("utf8"), bytes, stderr, waits };
}
