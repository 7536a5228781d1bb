import { randomUUID } from "node:crypto";
import { closeSync, fchmodSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { RegctlError } from "../errors.ts";
import type { NewFile } from "../host.ts";

// File systems allow 255 bytes; the rest is for what makes the name its own.
const MAX_NAME_LENGTH = 60;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such folder",
  ENOTDIR: "there is no such folder",
  EISDIR: "it is a folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
};

/**
 * Begins a file that appears under its name when it is whole, and not at all otherwise, however the
 * process ends. What is there before is replaced: a link itself, not what it leads to. A device or a
 * pipe, such as /dev/null, is written to at once. Throws `OUTPUT`, and leaves nothing then.
 */
export function createNewFile(path: string): NewFile {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory()) throw Object.assign(new Error("a folder"), { code: "EISDIR" });
    if (found && !found.isFile()) return new OpenFile(path, path);
    // What replaces a file is open to the same people.
    const mode = found && found.mode & 0o777;
    const name = `.${basename(path).slice(0, MAX_NAME_LENGTH)}.${randomUUID()}.part`;
    return new OpenFile(path, join(dirname(path), name), mode);
  } catch (error) {
    throw toOutputError(path, error);
  }
}

class OpenFile implements NewFile {
  readonly #path: string;
  /** Where it is until it is whole; its own path where it must be written to at once. */
  readonly #temporary: string;
  #descriptor: number | undefined;
  readonly #onExit = () => this.discard();

  constructor(path: string, temporary: string, mode?: number) {
    this.#path = path;
    this.#temporary = temporary;
    this.#descriptor = openSync(temporary, path === temporary ? "w" : "wx", mode);
    if (mode !== undefined) fchmodSync(this.#descriptor, mode);
    process.on("exit", this.#onExit);
  }

  write(bytes: Uint8Array): void {
    this.#attempt((descriptor) => {
      for (let i = 0; i < bytes.byteLength;) i += writeSync(descriptor, bytes, i);
    });
  }

  commit(): void {
    this.#attempt(() => {
      this.#close();
      if (this.#temporary !== this.#path) renameSync(this.#temporary, this.#path);
    });
  }

  discard(): void {
    if (this.#descriptor === undefined) return;
    this.#close();
    this.#remove();
  }

  #remove(): void {
    if (this.#temporary !== this.#path) rmSync(this.#temporary, { force: true });
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
      this.#remove();
      throw toOutputError(this.#path, error);
    }
  }
}

function toOutputError(path: string, error: unknown): RegctlError {
  const { code = "", message } = error as { code?: string; message: string };
  return new RegctlError("OUTPUT", `Cannot write ${path}: ${REASONS[code] ?? message}`, {
    cause: error,
  });
}
