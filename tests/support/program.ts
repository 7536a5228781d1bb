import { type ChildProcessByStdio, spawn } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { createTempFolder, type TempFolder } from "./temp_folder.ts";

/** Options of {@linkcode startProgram}. */
export interface StartOptions {
  /** Variables over the minimal environment (PATH, HOME, TMPDIR, XDG_RUNTIME_DIR); undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Working directory. Default: the fresh home folder, so that no file of the project is picked up. */
  readonly cwd?: string;
}

/** Options of {@linkcode runProgram}. */
export interface RunOptions extends StartOptions {
  /** Fed to stdin. Default: stdin is empty. */
  readonly stdin?: string | Uint8Array;
  /**
   * A shell command that reads stdout through a real pipe, for example `head -n 1`; `stdout` of the result
   * is what it prints, the exit code stays the program's. Default: none.
   */
  readonly pipeTo?: string;
  /** When to kill the program and throw. Default: 30 000. */
  readonly timeoutMs?: number;
}

/** How a program ended; one of the two is null. */
export interface ProgramExit {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** How a program ended and what it wrote. */
export interface ProgramResult extends ProgramExit {
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs; disposing kills it with everything it started, and removes its home folder. */
export interface RunningProgram extends AsyncDisposable {
  readonly pid: number;
  readonly stdin: Writable;
  /**
   * Nobody reads it but the test, so a full one stops the program. It may be a socket (Bun): once it is destroyed the
   * writer sees EPIPE or ECONNRESET. For the true behaviour of a pipe take `pipeTo` of {@linkcode RunOptions}.
   */
  readonly stdout: Readable;
  /** What it wrote to stderr; complete after {@linkcode RunningProgram.wait}. */
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
  wait(): Promise<ProgramExit>;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/**
 * The command line of the program under test: REGCTL_TEST_TARGET `binary` is the compiled `dist/regctl`,
 * `deno` (the default) runs `cli.ts`. Throws on another value.
 */
export function programCommand(): readonly [string, ...string[]] {
  const target = process.env["REGCTL_TEST_TARGET"] ?? "deno";
  if (target === "binary") return [join(ROOT, "dist", "regctl")];
  if (target !== "deno") throw new Error(`REGCTL_TEST_TARGET is "${target}", not binary or deno`);
  const deno = join(ROOT, "node_modules", ".bin", "deno");
  return [
    deno,
    "run",
    "-A",
    "--quiet",
    `--config=${join(ROOT, "deno.json")}`,
    join(ROOT, "cli.ts"),
  ];
}

/** Runs the program to its end. Throws when it takes longer than `timeoutMs`. */
export function runProgram(
  args: readonly string[],
  options: RunOptions = {},
): Promise<ProgramResult> {
  return runCommand([...programCommand(), ...args], options);
}

/** Starts the program, for tests of signals and pipes. */
export function startProgram(
  args: readonly string[],
  options: StartOptions = {},
): Promise<RunningProgram> {
  return startCommand([...programCommand(), ...args], options);
}

/** {@linkcode runProgram} for any command line. */
export async function runCommand(
  command: readonly string[],
  options: RunOptions = {},
): Promise<ProgramResult> {
  const { timeoutMs = 30_000 } = options;
  const { pipeTo } = options;
  const line = pipeTo === undefined
    ? command
    : ["/bin/sh", "-c", formatPipe(pipeTo), "sh", ...command];
  await using program = await startCommand(line, options);
  program.stdin.end(options.stdin);
  const stdout = text(program.stdout);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const message = `${command.join(" ")} took longer than ${timeoutMs} ms; stderr:\n`;
      reject(new Error(message + program.stderr()));
    }, timeoutMs);
  });
  try {
    // A child that outlives the program and holds its stdout counts as not ended.
    const ended = Promise.all([program.wait(), stdout]);
    const [exit, output] = await Promise.race([ended, late]);
    return { ...exit, stdout: output, stderr: program.stderr() };
  } finally {
    clearTimeout(timer);
    // After a time-out the stream breaks off; that says nothing new.
    stdout.catch(() => {});
  }
}

/** {@linkcode startProgram} for any command line. */
export async function startCommand(
  command: readonly string[],
  options: StartOptions = {},
): Promise<RunningProgram> {
  const [file = "", ...args] = command;
  const home = await createTempFolder();
  const child = spawn(file, args, {
    cwd: options.cwd ?? home.path,
    env: buildEnvironment(home, options.env),
    stdio: ["pipe", "pipe", "pipe"],
    // A process group of its own, so that what the program starts can be ended with it.
    detached: true,
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => stderr += part);
  // A program that ends without reading its input is no failure of the test.
  child.stdin.on("error", () => {});
  const ended = new Promise<ProgramExit>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (exitCode, signal) => {
      const finish = () => resolve({ exitCode, signal });
      if (child.stderr.readableEnded || child.stderr.destroyed) finish();
      else child.stderr.once("close", finish);
    });
  });
  ended.catch(() => {});
  return {
    pid: child.pid ?? 0,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: () => stderr,
    // Not child.kill: with it Deno tells a signal even where the program ended by itself.
    kill: (signal) => void (child.pid && process.kill(child.pid, signal)),
    wait: () => ended,
    async [Symbol.asyncDispose]() {
      await endGroup(child);
      await home[Symbol.asyncDispose]();
    },
  };
}

/** A pipeline's exit code is that of its last part: file descriptor 3 carries the first one's around it. */
function formatPipe(reader: string): string {
  const writer = '{ "$@" 3>&- 4>&-; echo "$?" >&3; }';
  return `exec 4>&1; code=$({ ${writer} | ${reader} >&4 3>&- 4>&-; } 3>&1); exit "$code"`;
}

async function endGroup(child: ChildProcessByStdio<Writable, Readable, Readable>): Promise<void> {
  if (child.pid === undefined) return;
  const isOver = child.exitCode !== null || child.signalCode !== null;
  const exited = isOver || new Promise((resolve) => child.once("exit", resolve));
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // ESRCH: the whole group is gone already.
  }
  await exited;
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
}

function buildEnvironment(
  home: TempFolder,
  given: StartOptions["env"] = {},
): Record<string, string> {
  const { PATH, DENO_DIR, XDG_CACHE_HOME } = process.env;
  const environment: Record<string, string> = {};
  const all = {
    PATH,
    HOME: home.path,
    // Where other tools keep the log-ins of a session: not those of this machine's user.
    XDG_RUNTIME_DIR: home.path,
    // What a killed program leaves behind goes with it.
    TMPDIR: home.path,
    // The home folder is new, Deno's cache need not be.
    DENO_DIR: DENO_DIR ?? join(XDG_CACHE_HOME ?? join(homedir(), ".cache"), "deno"),
    ...given,
  };
  for (const [name, value] of Object.entries(all)) {
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
