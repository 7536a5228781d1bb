import { randomUUID } from "node:crypto";
import { linkSync, lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { RegctlError } from "../errors.ts";
import type { Clock } from "../host.ts";
import { errorCode } from "./error_code.ts";

// A file is changed in milliseconds: whoever needs this long was killed.
const STALE_MS = 10_000;
// Longer than that, so that a lock left behind never stops anybody.
const MAX_WAIT_MS = 15_000;
const RETRY_MS = 20;

/** The right to replace a file, as long as it is held. */
export interface FileLock {
  /** Where the bytes are written before they replace the file; nobody else's is there. */
  readonly scratch: string;
  /** False when another program took the lock over, since this one was too slow. */
  isHeld(): boolean;
  /** Gives the lock back, and removes what is left of {@linkcode scratch}. */
  release(): void;
}

/** A lock file as it was seen. */
interface Seen {
  /** Tells who made it; empty in the moment before it is written, and where it cannot be read. */
  readonly id: string;
  /** False for a pipe, a folder or a link, which no program of ours has made. */
  readonly isFile: boolean;
  /** In milliseconds since the epoch. */
  readonly madeAt: number;
}

/**
 * Waits until `target` may be changed: `<target>.lock` is there as long as somebody does. One that
 * a killed program left is removed with that program's scratch file. Throws `CONFIG` when it takes
 * too long, and what the system says when the lock file cannot be made.
 */
export async function lockFile(
  clock: Clock,
  target: string,
  signal: AbortSignal | undefined,
): Promise<FileLock> {
  const path = `${target}.lock`;
  const id = randomUUID();
  const giveUpAt = clock.now() + MAX_WAIT_MS;
  while (!tryCreate(path, id)) {
    if (removeStale(target, clock.now())) continue;
    if (clock.now() >= giveUpAt) {
      throw new RegctlError("CONFIG", `Cannot write ${target}: another program holds ${path}`, {
        hint: "Remove that file when no such program runs",
      });
    }
    // Not in step with others that wait.
    await clock.sleep(RETRY_MS * (1 + clock.random()), signal);
  }
  const scratch = scratchPath(target, id);
  const isHeld = () => look(path)?.id === id;
  return {
    scratch,
    isHeld,
    release: () => {
      rmSync(scratch, { force: true });
      if (isHeld()) rmSync(path, { force: true });
    },
  };
}

function tryCreate(path: string, id: string): boolean {
  try {
    writeFileSync(path, id, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    // It was made before the disk was found to be full.
    if (look(path)?.id === "") rmSync(path, { force: true });
    throw error;
  }
}

/** Removes a lock that was left behind. Of several programs that find it, one succeeds. */
function removeStale(target: string, now: number): boolean {
  const path = `${target}.lock`;
  const seen = look(path);
  if (!seen?.isFile || Math.abs(now - seen.madeAt) < STALE_MS) return false;
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return true;
    throw error;
  }
  try {
    const taken = look(aside);
    if (taken?.id !== seen.id || taken.madeAt !== seen.madeAt) {
      // Another program was faster and has made its own, which goes back.
      linkSync(aside, path);
    } else if (/^[0-9a-f-]{36}$/.test(taken.id)) {
      rmSync(scratchPath(target, taken.id), { force: true });
    }
  } catch {
    // Without its lock the other one starts over.
  } finally {
    rmSync(aside, { force: true });
  }
  return true;
}

function scratchPath(target: string, id: string): string {
  return `${target}.${id}.tmp`;
}

function look(path: string): Seen | undefined {
  try {
    // What is no plain file is not ours, and reading it may never end.
    const stats = lstatSync(path);
    const isFile = stats.isFile();
    return { madeAt: stats.mtimeMs, isFile, id: isFile ? readId(path) : "" };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function readId(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    // Another user's, whom one waits for as well.
    if (errorCode(error) === "EACCES") return "";
    throw error;
  }
}
