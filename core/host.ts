/** The longest time a timer of a runtime can take, in milliseconds: longer ones fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Time and chance, so that a test needs neither. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** A number from 0 to 1, 1 excluded. */
  random(): number;
}

/** A stream to write to. */
export interface Output {
  /** True when a person looks at it. */
  readonly isTerminal: boolean;
  /** Width in columns; 80 when it is not known. */
  readonly columns: number;
  /** Resolves when the data is handed over to the reader, rejects with {@linkcode ClosedPipe}. */
  write(data: string | Uint8Array): Promise<void>;
}

/** A file that appears under its name when it is whole, and not at all otherwise. */
export interface NewFile {
  /** Throws `OUTPUT`, as all of these do, and nothing is left then. */
  write(bytes: Uint8Array): Promise<void>;
  /** Gives it its name, in place of what had it. */
  commit(): Promise<void>;
  /** Removes it; does nothing after {@linkcode commit}. */
  discard(): void;
}

/** A file that only ever grows. */
export interface AppendLog {
  /** Resolves when the text is on the disk, past any crash; throws `OUTPUT`. */
  append(text: string): Promise<void>;
  /** To be called once all was appended. */
  close(): Promise<void>;
}

/**
 * A folder of small files that can be had again: they may go at any time, and may be other than they
 * were. Nothing here fails: what cannot be read is not there, what cannot be written is not kept.
 *
 * A name is a path of two plain words, a folder and a file: `ab/sha256-ab…`.
 */
export interface CacheFolder {
  /**
   * The bytes of a file; undefined where there is none, or what is no such file, which is removed.
   * Whoever reads verifies them: a process that is killed while it writes leaves a part.
   */
  read(name: string, maxBytes: number): Uint8Array | undefined;
  /** Keeps bytes under a name that has none. */
  write(name: string, bytes: Uint8Array): void;
  remove(name: string): void;
  /** Removes what was not used for longest where too much was written. To be called at the end. */
  trim(): void;
  /** How much there is. */
  measure(): CacheSize;
  /** Removes all of it, and tells how much that was, and how many files cannot be removed. */
  clear(): CacheSize & { readonly failed: number };
}

/** How much a {@linkcode CacheFolder} holds. */
export interface CacheSize {
  readonly files: number;
  /** As they take up room on a disk, in blocks of 4 KiB. */
  readonly bytes: number;
}

/** How {@linkcode Host.openCache} keeps files. */
export interface OpenCacheOptions {
  /** What each folder holds at most; a run may go beyond it by a quarter while it writes. */
  readonly maxFolderBytes: number;
}

/** The reader of an output has gone, as `head` does when it has enough. */
export class ClosedPipe extends Error {
  override readonly name = "ClosedPipe";
}

/** What a finished program left. */
export interface ProcessResult {
  /** -1 when a signal ended it. */
  readonly exitCode: number;
  readonly stdout: string;
}

/** How {@linkcode Host.run} runs a program. */
export interface RunOptions {
  /** Text written to its standard input, which is then closed. */
  readonly stdin: string;
  /** It is ended and a `TIMEOUT` is thrown after this many milliseconds. */
  readonly timeoutMs: number;
  /** It is ended and an `INVALID_RESPONSE` is thrown when it prints more bytes than this. */
  readonly maxBytes: number;
  /** Ends it early; its reason is thrown. Default: nothing does. */
  readonly signal?: AbortSignal | undefined;
}

/** Operating system and processor, in Go's words. */
export interface HostPlatform {
  readonly os: string;
  readonly architecture: string;
}

/** How {@linkcode Host.spoolStdin} reads. */
export interface SpoolOptions {
  /** A `USAGE` is thrown when more comes. */
  readonly maxBytes: number;
  /** Ends it early; its reason is thrown. Default: nothing does. */
  readonly signal?: AbortSignal | undefined;
}

/** Input that can be read more than once. */
export interface SpooledInput {
  readonly blob: Blob;
  /** Removes it from the disk; may be called again. */
  remove(): void;
}

/** Makes the new bytes of a file from the old ones, undefined where there is none. */
export type FileChange = (old: Uint8Array | undefined) => Uint8Array | undefined;

/** How {@linkcode Host.updateFile} goes about it. */
export interface UpdateFileOptions {
  /** A file with more bytes than this is not read: `CONFIG`. */
  readonly maxBytes: number;
  /** Ends the wait for another program that changes the file. Default: nothing does. */
  readonly signal?: AbortSignal | undefined;
}

/** Everything the program may ask of the machine it runs on. */
export interface Host {
  /** The words behind the program's name. */
  readonly args: readonly string[];
  readonly homeDirectory: string;
  /** What images this machine runs, the best first; in Go's words: `linux`, `amd64`. */
  readonly platforms: readonly HostPlatform[];
  /** The number of the user it runs as; undefined where users have none. */
  readonly userId: number | undefined;
  readonly clock: Clock;
  readonly stdout: Output;
  readonly stderr: Output;
  /** True when a person can be asked on standard input. */
  readonly stdinIsTerminal: boolean;
  /** An environment variable; undefined when it is unset or empty. */
  env(name: string): string | undefined;
  /** All of standard input, at most `maxBytes`; throws `USAGE` beyond. */
  readStdin(maxBytes: number): Promise<string>;
  /** All of standard input, kept in a temporary file; throws `CONFIG` where there can be none. */
  spoolStdin(options: SpoolOptions): Promise<SpooledInput>;
  /** Asks on the terminal; what is typed can be seen. */
  ask(question: string): Promise<string>;
  /** Asks on the terminal without echo. */
  askPassword(question: string): Promise<string>;
  /** A file's bytes, or undefined when there is none; throws `CONFIG` when it cannot be read. */
  readFile(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Begins a file in a folder that is there. A device or a pipe is written to at once. */
  createFile(path: string): Promise<NewFile>;
  /** A file's content, read when it is used; throws `CONFIG` when it cannot be read. */
  openBlob(path: string): Promise<Blob>;
  /**
   * Replaces a file by what `change` makes of its bytes, all at once: readers see the old ones or
   * the new ones, and of programs that change it at the same time each sees what the other wrote.
   * `change` may be called again, and gives undefined to leave the file untouched. A file it makes,
   * and one it replaces, is for its owner alone; where a link leads, the link stays. Throws
   * `CONFIG` when it cannot be written, and then nothing has changed.
   */
  updateFile(path: string, change: FileChange, options: UpdateFileOptions): Promise<void>;
  /**
   * Opens a file to append to, and makes it and its folders where they are missing: for their owner
   * alone. A link is not followed. Throws `OUTPUT`.
   */
  openLog(path: string): Promise<AppendLog>;
  /**
   * Opens a folder for what can be had again; it is made when something is written, for its owner
   * alone. Undefined where what stands there belongs to somebody else, or is no folder.
   */
  openCache(path: string, options: OpenCacheOptions): Promise<CacheFolder | undefined>;
  /** The names in a folder, sorted; empty when there is none. */
  listDirectory(path: string): Promise<readonly string[]>;
  /** Runs a program found on PATH, without a shell; throws `NOT_FOUND` when there is none. */
  run(program: string, args: readonly string[], options: RunOptions): Promise<ProcessResult>;
  /** Calls `listener` once when the user or the system asks the program to stop. */
  onStop(listener: (signal: "SIGINT" | "SIGTERM") => void): void;
}
