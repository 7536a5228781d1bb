import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { NewFile } from "../host.ts";
import { explainWriteFailure } from "./write_failure.ts";

// File systems allow 255 bytes; the rest is for what makes the name its own.
const MAX_NAME_LENGTH = 60;

/**
 * Begins a file that appears under its name when it is whole, and not at all otherwise; a process
 * that is killed outright leaves the temporary file beside it. What is there before is replaced: a
 * link itself, not what it leads to. A device or a pipe, such as /dev/null, is written to at once.
 * Throws `OUTPUT`, and leaves nothing then.
 */
export async function createNewFile(path: string): Promise<NewFile> {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    const isFolder = found?.isDirectory() || /[\\/]$/.test(path);
    if (isFolder) throw Object.assign(new Error("a folder"), { code: "EISDIR" });
    const special = found && !found.isFile() ? await openSpecial(path) : undefined;
    if (special) return createStream(path, special);
    // What replaces a file is open to the same people.
    return new TemporaryFile(path, found && found.mode & 0o777);
  } catch (error) {
    throw explainWriteFailure(path, error);
  }
}

/** Undefined where it has become a plain file meanwhile, which must not be written over. */
async function openSpecial(path: string): Promise<FileHandle | undefined> {
  // Not at once: opening a pipe waits for its reader. Neither created nor emptied.
  const file = await open(path, constants.O_WRONLY);
  if (!(await file.stat()).isFile()) return file;
  await file.close();
  return undefined;
}

function createStream(path: string, file: FileHandle): NewFile {
  const attempt = async (action: () => Promise<unknown>) => {
    try {
      await action();
    } catch (error) {
      throw explainWriteFailure(path, error);
    }
  };
  return {
    write: (bytes) => attempt(() => file.writeFile(bytes)),
    commit: () => attempt(() => file.close()),
    // A write that hangs must not keep the program from ending.
    discard: () => void file.close().catch(() => {}),
  };
}

class TemporaryFile implements NewFile {
  readonly #path: string;
  readonly #temporary: string;
  #descriptor: number | undefined;
  readonly #onExit = () => this.discard();

  constructor(path: string, mode: number | undefined) {
    this.#path = path;
    const name = `.${basename(path).slice(0, MAX_NAME_LENGTH)}.${randomUUID()}.part`;
    this.#temporary = join(dirname(path), name);
    this.#descriptor = openSync(this.#temporary, "wx", mode);
    process.on("exit", this.#onExit);
    if (mode !== undefined) fchmodSync(this.#descriptor, mode);
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#attempt((descriptor) => {
      for (let i = 0; i < bytes.byteLength;) i += writeSync(descriptor, bytes, i);
    });
  }

  async commit(): Promise<void> {
    this.#attempt(() => {
      this.#close();
      renameSync(this.#temporary, this.#path);
    });
  }

  discard(): void {
    if (this.#descriptor === undefined) return;
    this.#close();
    rmSync(this.#temporary, { force: true });
  }

  #close(): void {
    process.off("exit", this.#onExit);
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) closeSync(descriptor);
  }

  #attempt(action: (descriptor: number) => void): void {
    if (this.#descriptor === undefined) throw new TypeError(`${this.#path} is closed`);
    try {
      action(this.#descriptor);
    } catch (error) {
      this.discard();
      // A file that could not be given its name is closed already.
      rmSync(this.#temporary, { force: true });
      throw explainWriteFailure(this.#path, error);
    }
  }
}
