import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { CacheFolder, CacheSize, OpenCacheOptions } from "../host.ts";
import { errorCode } from "./error_code.ts";

// For their owner alone: what they tell may be of private images.
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** What file systems give out at a time. */
const BLOCK_BYTES = 4096;
/** Neither a link nor a pipe that lets one wait. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
/** A folder, a link or a socket in the place of a file would stay there for ever. */
const IN_THE_WAY = ["EISDIR", "ELOOP", "ENXIO"];
/** A use within this time of the last one that was noted is not worth a write. */
const USE_NOTED_MS = 86_400_000;
/** How far trimming goes, so that not every write after it trims again. */
const KEPT_PART = 0.75;

/** Does what {@linkcode Host.openCache} says. */
export function openCacheFolder(path: string, options: OpenCacheOptions): CacheFolder | undefined {
  return isSafe(path) ? new Folder(path, options) : undefined;
}

/** Whether nobody else has a hand in a folder: neither in itself nor in the one it is in. */
function isSafe(path: string): boolean {
  return [dirname(path), path].every(isOurs);
}

/**
 * Whether a folder is ours alone, or can be; closes it to others. A link of another user, as anybody
 * can plant in /tmp, would have us write elsewhere.
 */
function isOurs(path: string): boolean {
  try {
    const { uid } = lstatSync(path);
    const stats = statSync(path);
    const own = process.getuid?.();
    const isOwn = own === undefined || (uid === own && stats.uid === own);
    if (!isOwn || !stats.isDirectory()) return false;
    if ((stats.mode & 0o077) !== 0) chmodSync(path, FOLDER_MODE);
    return true;
  } catch (error) {
    return errorCode(error) === "ENOENT";
  }
}

class Folder implements CacheFolder {
  readonly #path: string;
  readonly #maxFolderBytes: number;
  /** The folders that were written to, with how much that was since they were looked at. */
  readonly #written = new Map<string, number>();
  /** A disk that is full or read-only stays so for as long as a call takes. */
  #isReadOnly = false;

  constructor(path: string, { maxFolderBytes }: OpenCacheOptions) {
    this.#path = path;
    this.#maxFolderBytes = maxFolderBytes;
  }

  read(name: string, maxBytes: number): Uint8Array | undefined {
    let file: number | undefined;
    try {
      file = openSync(`${this.#path}/${name}`, READ_FLAGS);
      const stats = fstatSync(file);
      const { mtimeMs, size } = stats;
      if (!stats.isFile() || size > maxBytes) throw Object.assign(new Error(), { code: "EISDIR" });
      if (Date.now() - mtimeMs > USE_NOTED_MS) noteUse(file);
      return readFileSync(file);
    } catch (error) {
      if (IN_THE_WAY.includes(errorCode(error))) this.remove(name);
      return undefined;
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  write(name: string, bytes: Uint8Array): void {
    if (this.#isReadOnly) return;
    const path = `${this.#path}/${name}`;
    try {
      this.#create(path, bytes);
    } catch (error) {
      // Another process was faster, or is emptying the folder.
      if (!["EEXIST", "ENOENT"].includes(errorCode(error))) this.#isReadOnly = true;
    }
  }

  remove(name: string): void {
    discard(join(this.#path, name));
  }

  trim(): void {
    for (const folder of this.#written.keys()) this.#trim(folder);
  }

  measure(): CacheSize {
    const files = listFolders(this.#path).flatMap(listFiles);
    return { files: files.length, bytes: sum(files) };
  }

  clear(): CacheSize & { readonly failed: number } {
    // What is in it, since the folder itself may be a link.
    const folders = listFolders(this.#path);
    const removed = folders.flatMap(listFiles).map((file) => ({
      file,
      isGone: discard(file.path),
    }));
    // One that another process writes to stays.
    for (const folder of folders) removeEmpty(folder);
    const gone = removed.flatMap(({ file, isGone }) => isGone ? [file] : []);
    return { files: gone.length, bytes: sum(gone), failed: removed.length - gone.length };
  }

  #create(path: string, bytes: Uint8Array): void {
    const folder = dirname(path);
    const written = this.#written.get(folder);
    if (written === undefined) {
      mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
      // It may have been planted since it was opened.
      if (!isSafe(this.#path)) throw new TypeError("The folder is not ours");
    }
    const file = openSync(path, "wx", FILE_MODE);
    try {
      writeSync(file, bytes);
    } finally {
      closeSync(file);
    }
    const all = (written ?? 0) + toBlocks(bytes.byteLength);
    this.#written.set(folder, all);
    if (all > this.#maxFolderBytes / 4) this.#trim(folder);
  }

  #trim(folder: string): void {
    this.#written.set(folder, 0);
    const files = listFiles(folder);
    let bytes = sum(files);
    if (bytes <= this.#maxFolderBytes) return;
    files.sort((a, b) => a.usedAt - b.usedAt);
    for (const file of files) {
      if (bytes <= this.#maxFolderBytes * KEPT_PART) break;
      discard(file.path);
      bytes -= file.bytes;
    }
  }
}

interface CachedFile {
  readonly path: string;
  /** In whole blocks. */
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly usedAt: number;
}

function toBlocks(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / BLOCK_BYTES)) * BLOCK_BYTES;
}

function sum(files: readonly CachedFile[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0);
}

function noteUse(file: number): void {
  try {
    const now = Date.now() / 1000;
    futimesSync(file, now, now);
  } catch {
    // A disk that is read-only can be read from.
  }
}

/** Removes what is there, if anything is; false where that cannot be done. */
function discard(path: string): boolean {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    return true;
  } catch {
    // It is not ours, and only takes up room.
    return false;
  }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It is empty soon, or in use.
  }
}

function listFolders(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(path, name));
  } catch {
    return [];
  }
}

/** The files in a folder, also what does not belong there. */
function listFiles(folder: string): CachedFile[] {
  try {
    return readdirSync(folder).flatMap((name) => {
      const path = join(folder, name);
      const stats = lstatSync(path, { throwIfNoEntry: false });
      return stats ? [{ path, bytes: toBlocks(stats.size), usedAt: stats.mtimeMs }] : [];
    });
  } catch {
    return [];
  }
}
