import { Buffer } from "node:buffer";
import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { RegctlError } from "../errors.ts";

const READ_BYTES = 64 * 1024;
import { errorCode } from "./error_code.ts";

/** A file's bytes, or undefined when there is none; throws `CONFIG` when it cannot be read. */
export function readSmallFile(path: string, maxBytes: number): Uint8Array | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    // What a device or a pipe says of its size means nothing.
    return readAtMost(file, maxBytes) ?? refuseLarge(path, maxBytes);
  } catch (error) {
    if (error instanceof RegctlError) throw error;
    const code = errorCode(error) || String(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new RegctlError("CONFIG", `Cannot read ${path}: ${code}`, { cause: error });
  } finally {
    if (file !== undefined) closeSync(file);
  }
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
