import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { RegctlError } from "../errors.ts";
import type { Clock, FileChange, UpdateFileOptions } from "../host.ts";
import { errorCode } from "./error_code.ts";
import { type FileLock, lockFile } from "./file_lock.ts";
import { readSmallFile } from "./files.ts";
import { isPlanted, resolveLinks } from "./resolve_links.ts";

// For their owner alone: passwords are kept in them.
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/**
 * Does what {@linkcode Host.updateFile} says: the bytes go into a file beside the target, which is
 * then renamed. Nothing waits while the lock is held, so that it is held for milliseconds.
 */
export async function updateFile(
  clock: Clock,
  path: string,
  change: FileChange,
  { maxBytes, signal }: UpdateFileOptions,
): Promise<void> {
  try {
    const target = resolveLinks(path);
    statPlain(target);
    // A file that stays as it is may be one that cannot be written to.
    if (change(readSmallFile(target, maxBytes)) === undefined) return tighten(target);
    mkdirSync(dirname(target), { recursive: true, mode: FOLDER_MODE });
    for (let isDone = false; !isDone;) {
      const lock = await lockFile(clock, target, signal);
      try {
        const bytes = change(readSmallFile(target, maxBytes));
        isDone = bytes === undefined || replaceFile(target, bytes, lock);
      } finally {
        lock.release();
      }
    }
  } catch (error) {
    const code = errorCode(error);
    if (error instanceof RegctlError || code === "") throw error;
    throw new RegctlError("CONFIG", `Cannot write ${path}: ${code}`, { cause: error });
  }
}

/** What stands there, unless it is no plain file; undefined for nothing. */
function statPlain(target: string): Stats | undefined {
  const found = lstatSync(target, { throwIfNoEntry: false });
  if (!found || found.isFile()) return found;
  throw new RegctlError("CONFIG", `Cannot write ${target}: it is not a plain file`);
}

/** Gives false when the lock was lost on the way, and then nothing has changed. */
function replaceFile(target: string, bytes: Uint8Array, lock: FileLock): boolean {
  const old = statPlain(target);
  if (old && isPlanted(target, old)) {
    throw new RegctlError(
      "CONFIG",
      `Cannot write ${target}: it belongs to another user, in a folder that everybody can write to`,
    );
  }
  const file = openSync(lock.scratch, "wx", FILE_MODE);
  try {
    if (old) keepOwner(file, old);
    fchmodSync(file, FILE_MODE);
    writeFileSync(file, bytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  if (!lock.isHeld()) return false;
  renameSync(lock.scratch, target);
  return true;
}

/** With sudo it is another user's file that is changed, and stays that user's. */
function keepOwner(file: number, { uid, gid }: Stats): void {
  try {
    fchownSync(file, uid, gid);
  } catch {
    // Only the superuser may give a file away.
  }
}

/** A file that its owner may write to and others may read is closed to them, where that works. */
function tighten(target: string): void {
  try {
    const { mode } = statSync(target);
    if ((mode & 0o200) !== 0 && (mode & 0o077) !== 0) chmodSync(target, FILE_MODE);
  } catch {
    // There is no such file, or it is not ours; nothing is written to it.
  }
}
