import { readdirSync, readFileSync, statSync } from "node:fs";
import { RegctlError } from "../errors.ts";
import { errorCode } from "./error_code.ts";

/** A file's bytes, or undefined when there is none; throws `CONFIG` when it cannot be read. */
export function readSmallFile(path: string, maxBytes: number): Uint8Array | undefined {
  try {
    if (statSync(path).size > maxBytes) {
      throw new RegctlError("CONFIG", `Cannot read ${path}: it is larger than ${maxBytes} bytes`);
    }
    return readFileSync(path);
  } catch (error) {
    if (error instanceof RegctlError) throw error;
    const code = errorCode(error) || String(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new RegctlError("CONFIG", `Cannot read ${path}: ${code}`, { cause: error });
  }
}

/** The names in a folder, sorted; empty when there is none. */
export function listNames(path: string): readonly string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}
