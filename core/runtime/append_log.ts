import { constants, mkdirSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { AppendLog } from "../host.ts";
import { explainWriteFailure } from "./write_failure.ts";

// For their owner alone: what they tell may be of private images.
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
/** Where the system has no such flag, there are no such links either. */
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;

/** Does what {@linkcode Host.openLog} says. */
export async function openAppendLog(path: string): Promise<AppendLog> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE });
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | NO_FOLLOW;
    const file = await open(path, flags, FILE_MODE);
    await file.chmod(FILE_MODE);
    await syncFolder(dirname(path));
    return new SyncedLog(path, file);
  } catch (error) {
    throw explainWriteFailure(path, error);
  }
}

/** The name of a new file is on the disk when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r").catch(() => undefined);
  // Not every system lets a folder be opened or synced.
  await folder?.sync().catch(() => {});
  await folder?.close();
}

class SyncedLog implements AppendLog {
  readonly #path: string;
  readonly #file: FileHandle;
  #waiting: string[] = [];
  #flush: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** What is appended while a sync is under way shares the next one. */
  append(text: string): Promise<void> {
    this.#waiting.push(text);
    // What a full disk cut off would spoil what follows: a log that failed once fails for good.
    this.#flush ??= this.#writing.then(() => {
      this.#flush = undefined;
      const texts = this.#waiting.join("");
      this.#waiting = [];
      return this.#writing = this.#write(texts);
    });
    return this.#flush;
  }

  async close(): Promise<void> {
    await this.#flush?.catch(() => {});
    await this.#writing.catch(() => {});
    await this.#file.close();
  }

  async #write(text: string): Promise<void> {
    try {
      await this.#file.appendFile(text);
      await this.#file.datasync();
    } catch (error) {
      throw explainWriteFailure(this.#path, error);
    }
  }
}
