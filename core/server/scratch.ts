import { randomUUID } from "node:crypto";
import { copyFile, link, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errorCode } from "../runtime/error_code.ts";

/**
 * A folder for files that are not whole yet. Whatever has a name of its own elsewhere was whole when
 * it got it, even after a crash; what a crash leaves here goes with the next {@linkcode reset}.
 */
export class Scratch {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Removes what an earlier run left. */
  async reset(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
    await mkdir(this.#folder, { recursive: true });
  }

  /** A path that no other file has. */
  newPath(): string {
    return join(this.#folder, randomUUID());
  }

  /** Writes a file so that whoever reads it sees the old bytes or the new ones. */
  async replaceFile(path: string, bytes: Uint8Array | string): Promise<void> {
    const whole = this.newPath();
    try {
      const file = await open(whole, "wx");
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await moveFile(whole, path);
    } finally {
      await rm(whole, { force: true });
    }
  }

  /**
   * Lets a second name stand for a file; copies it where the file system has no hard links, or no
   * more for this file. Another file of that name stays. Throws `ENOENT` when there is no such file.
   */
  async linkFile(from: string, to: string): Promise<void> {
    // Nothing is to be left behind where there is nothing to link.
    await stat(from);
    await mkdir(dirname(to), { recursive: true });
    try {
      await link(from, to);
    } catch (error) {
      if (errorCode(error) === "EEXIST") return;
      if (errorCode(error) === "ENOENT") throw error;
      await this.replaceLink(from, to);
    }
  }

  /** Does the same, but another file of that name is replaced. */
  async replaceLink(from: string, to: string): Promise<void> {
    await mkdir(dirname(to), { recursive: true });
    const whole = this.newPath();
    try {
      await link(from, whole).catch(() => copyFile(from, whole));
      await moveFile(whole, to);
    } finally {
      // Between two names of one file, a rename does nothing.
      await rm(whole, { force: true });
    }
  }
}

/** Renames a file; a layout may be a link to another disk, where it has to be copied first. */
async function moveFile(from: string, to: string): Promise<void> {
  try {
    return await rename(from, to);
  } catch (error) {
    if (errorCode(error) !== "EXDEV") throw error;
  }
  const beside = `${to}.${randomUUID()}.tmp`;
  try {
    await copyFile(from, beside);
    await rename(beside, to);
  } finally {
    await rm(beside, { force: true });
  }
}
