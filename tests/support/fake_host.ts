import { RegctlError } from "../../core/errors.ts";
import type { Clock, Host, Output, ProcessResult, RunOptions } from "../../core/host.ts";

/** A clock that stands still until a test, or a wait, moves it. */
export interface FakeClock extends Clock {
  /** Moves it on by `ms` milliseconds. */
  advance(ms: number): void;
  /** The waits asked for so far, in milliseconds. None of them took any time. */
  readonly waits: readonly number[];
}

/** A clock that starts at `now`, whose waits end at once, and whose chance is always `chance`. */
export function createFakeClock(now = 1_000_000, chance = 0.5): FakeClock {
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    random: () => chance,
    advance: (ms) => now += ms,
    sleep: (ms, signal) => {
      if (signal?.aborted) return Promise.reject(signal.reason);
      waits.push(ms);
      now += ms;
      return Promise.resolve();
    },
  };
}

/** An output that keeps what is written. */
export interface FakeOutput extends Output {
  readonly text: string;
}

/** An output that keeps what is written. Default: no terminal. */
export function createFakeOutput(isTerminal = false, columns = 80): FakeOutput {
  let text = "";
  return {
    isTerminal,
    columns,
    get text() {
      return text;
    },
    write: (part) => {
      text += part;
      return Promise.resolve();
    },
  };
}

/** What a {@linkcode FakeHost} has to offer. */
export interface FakeHostOptions {
  /** Environment variables. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
  /** Texts of files by their path. Default: none. */
  readonly files?: Readonly<Record<string, string>>;
  /** What programs do. Default: there is none. */
  readonly run?: (program: string, options: RunOptions) => ProcessResult;
  /** The system it runs. Default: `linux`. */
  readonly os?: string;
}

/** A machine that exists in a test alone. */
export interface FakeHost extends Host {
  /** The programs that were run: name, words and standard input in a line. */
  readonly runs: readonly string[];
  /** The files that were asked for. */
  readonly reads: readonly string[];
  /** The texts of the files as they are now. */
  readonly files: ReadonlyMap<string, string>;
}

/** A host with a home of `/home/ann` and nothing else but what is given. */
export function createFakeHost(options: FakeHostOptions = {}): FakeHost {
  const { env = {}, run } = options;
  const files = new Map(Object.entries(options.files ?? {}));
  const runs: string[] = [];
  const reads: string[] = [];
  return {
    runs,
    reads,
    files,
    args: [],
    homeDirectory: "/home/ann",
    platforms: [{ os: options.os ?? "linux", architecture: "amd64" }],
    userId: 1000,
    clock: createFakeClock(),
    stdout: createFakeOutput(),
    stderr: createFakeOutput(),
    stdinIsTerminal: false,
    env: (name) => Object.hasOwn(env, name) ? env[name] || undefined : undefined,
    readStdin: () => Promise.resolve(""),
    spoolStdin: () => Promise.resolve({ blob: new Blob([]), remove: () => {} }),
    ask: () => Promise.reject(new Error("Nobody is here to be asked")),
    askPassword: () => Promise.reject(new Error("Nobody is here to be asked")),
    readFile: (path) => {
      reads.push(path);
      const text = files.get(path);
      return Promise.resolve(text === undefined ? undefined : new TextEncoder().encode(text));
    },
    createFile: () => Promise.reject(new Error("There is no disk to write to")),
    openLog: () => Promise.reject(new Error("There is no disk to append to")),
    openBlob: (path) => Promise.reject(new Error(`No file ${path} can be opened`)),
    updateFile: (path, change) => {
      const old = files.get(path);
      const bytes = change(old === undefined ? undefined : new TextEncoder().encode(old));
      if (bytes) files.set(path, new TextDecoder().decode(bytes));
      return Promise.resolve();
    },
    openCache: () => Promise.resolve(undefined),
    listDirectory: () => Promise.resolve([]),
    run: async (program, args, options) => {
      runs.push([program, ...args, options.stdin].join(" "));
      if (!run) throw new RegctlError("NOT_FOUND", `There is no program ${program}`);
      return run(program, options);
    },
    onStop: () => {},
  };
}
