import { Buffer } from "node:buffer";
import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { RegctlError } from "../errors.ts";
import { errorCode } from "./error_code.ts";

const READ_BYTES = 64 * 1024;

/**
 * What can be read at a path, or undefined when there is none; throws as {@linkcode readSmallFile}.
 * A pipe, as of <(…) in a shell, may let one wait: for it the process stays awake.
 */
export async function readInput(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  if (isPlainFile(path)) return readSmallFile(path, maxBytes);
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const pieces: Uint8Array[] = [];
    for (let length = 0;;) {
      const { bytesRead, buffer } = await file.read(new Uint8Array(READ_BYTES));
      if (bytesRead === 0) return Buffer.concat(pieces);
      length += bytesRead;
      if (length > maxBytes) refuseLarge(path, maxBytes);
      pieces.push(buffer.subarray(0, bytesRead));
    }
  } catch (error) {
    return explain(path, error);
  } finally {
    await file?.close();
  }
}

function isPlainFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** A file's bytes, or undefined when there is none; throws `CONFIG` when it cannot be read. */
export function readSmallFile(path: string, maxBytes: number): Uint8Array | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    // What a device or a pipe says of its size means nothing.
    return readAtMost(file, maxBytes) ?? refuseLarge(path, maxBytes);
  } catch (error) {
    return explain(path, error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Undefined for what is not there; throws for anything else. */
function explain(path: string, error: unknown): undefined {
  if (error instanceof RegctlError) throw error;
  const code = errorCode(error) || String(error);
  if (code === "ENOENT" || code === "ENOTDIR") return undefined;
  throw new RegctlError("CONFIG", `Cannot read ${path}: ${code}`, { cause: error });
}

/** All that is in a file, or undefined when that is more than `maxBytes`. */
function readAtMost(file: number, maxBytes: number): Uint8Array | undefined {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const piece = new Uint8Array(READ_BYTES);
    const count = readSync(file, piece);
    if (count === 0) return Buffer.concat(pieces);
    length += count;
    if (length > maxBytes) return undefined;
    pieces.push(piece.subarray(0, count));
  }
}

function refuseLarge(path: string, maxBytes: number): never {
  throw new RegctlError("CONFIG", `Cannot read ${path}: it is larger than ${maxBytes} bytes`);
}

/** The names in a folder, sorted; empty when there is none. */
export function listNames(path: string): readonly string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}
