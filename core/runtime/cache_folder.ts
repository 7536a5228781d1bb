import { randomUUID } from "node:crypto";
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
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { CacheFolder, CacheSize } from "../host.ts";

// For their owner alone: what they tell may be of private images.
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** What file systems give out at a time. */
const BLOCK_BYTES = 4096;
/** Neither a link nor a pipe that lets one wait. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
/** A use within this time of the last one that was noted is not worth a write. */
const USE_NOTED_MS = 86_400_000;
/** What stays of a folder that is over its limit, so that not every write after it trims again. */
const KEPT_PART = 0.75;

/** Does what {@linkcode Host.openCache} says. */
export function openCacheFolder(path: string): CacheFolder | undefined {
  try {
    const own = process.getuid?.();
    // A link of another user, as anybody can plant in /tmp, would have us write elsewhere.
    const owners = [lstatSync(path).uid, statSync(path).uid];
    if (own !== undefined && owners.some((uid) => uid !== own)) return undefined;
    const { mode } = statSync(path);
    if (!statSync(path).isDirectory()) return undefined;
    if ((mode & 0o077) !== 0) chmodSync(path, FOLDER_MODE);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") return undefined;
  }
  return new Folder(path);
}

class Folder implements CacheFolder {
  readonly #path: string;
  readonly #written = new Set<string>();
  /** A disk that is full or read-only stays so for as long as a call takes. */
  #isReadOnly = false;

  constructor(path: string) {
    this.#path = path;
  }

  read(name: string, maxBytes: number): Uint8Array | undefined {
    let file: number | undefined;
    try {
      file = openSync(join(this.#path, name), READ_FLAGS);
      const stats = fstatSync(file);
      const { mtimeMs, size } = stats;
      if (!stats.isFile() || size > maxBytes) return undefined;
      const now = Date.now();
      if (now - mtimeMs > USE_NOTED_MS) futimesSync(file, now / 1000, now / 1000);
      return readFileSync(file);
    } catch {
      return undefined;
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  write(name: string, bytes: Uint8Array): void {
    if (this.#isReadOnly) return;
    const target = join(this.#path, name);
    const folder = dirname(target);
    const temporary = join(folder, `.${randomUUID()}`);
    try {
      if (!this.#written.has(folder)) mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
      this.#written.add(folder);
      writeFileSync(temporary, bytes, { flag: "wx", mode: FILE_MODE });
      // Readers see all of it or nothing, and of two who write the same, either will do.
      renameSync(temporary, target);
    } catch {
      this.#isReadOnly = true;
      rmSync(temporary, { force: true });
    }
  }

  remove(name: string): void {
    discard(join(this.#path, name));
  }

  trim(maxFolderBytes: number): void {
    for (const folder of this.#written) {
      const files = listFiles(folder);
      let bytes = sum(files);
      if (bytes <= maxFolderBytes) continue;
      files.sort((a, b) => a.usedAt - b.usedAt);
      for (const file of files) {
        if (bytes <= maxFolderBytes * KEPT_PART) break;
        discard(file.path);
        bytes -= file.bytes;
      }
    }
  }

  measure(folders: readonly string[]): CacheSize {
    const files = folders
      .flatMap((name) => listFolders(join(this.#path, name)))
      .flatMap(listFiles);
    return { files: files.length, bytes: sum(files) };
  }

  clear(folders: readonly string[]): CacheSize {
    const size = this.measure(folders);
    for (const name of folders) discard(join(this.#path, name));
    return size;
  }
}

interface CachedFile {
  readonly path: string;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly usedAt: number;
}

function sum(files: readonly CachedFile[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0);
}

/** Another process may have removed it, and then there is nothing to do. */
function discard(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // It is not ours, and only takes up room.
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

/** The files in a folder, also those that a process left which was killed while it wrote. */
function listFiles(folder: string): CachedFile[] {
  try {
    return readdirSync(folder).flatMap((name) => {
      const path = join(folder, name);
      const stats = lstatSync(path, { throwIfNoEntry: false });
      if (!stats) return [];
      const blocks = Math.max(1, Math.ceil(stats.size / BLOCK_BYTES));
      return [{ path, bytes: blocks * BLOCK_BYTES, usedAt: stats.mtimeMs }];
    });
  } catch {
    return [];
  }
}
