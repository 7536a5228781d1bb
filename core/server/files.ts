import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** The code of a file system's error: `ENOENT`; empty for anything else that was thrown. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" ? code : "";
}

/** Writes a file so that whoever reads it, even after a crash, sees the old bytes or the new ones. */
export async function replaceFile(path: string, bytes: Uint8Array | string): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Lets a second name stand for a file; copies it where the file system has no hard links, or no more
 * for this file. A file that is there already stays. Throws `ENOENT` when there is no such file.
 */
export async function linkFile(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  try {
    return await link(from, to);
  } catch (error) {
    if (errorCode(error) === "EEXIST") return;
    if (errorCode(error) === "ENOENT") throw error;
  }
  const temporary = temporaryBeside(to);
  try {
    await copyFile(from, temporary, constants.COPYFILE_FICLONE);
    await rename(temporary, to);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** In the same folder, so that it can be renamed, and with a name that no content has. */
function temporaryBeside(path: string): string {
  return `${path}.${randomUUID()}.tmp`;
}
