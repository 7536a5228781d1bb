import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { RegctlError } from "../errors.ts";
import { lockFolder } from "./lock.ts";
import { OWN_FOLDER } from "./paths.ts";

const PREFIX = "regctl-serve-";
/** A file that only such a folder has: one that is served by its name loses it. */
const MARK = "temporary";
/** A younger one may not be locked yet. */
const MIN_AGE_MS = 60_000;

/**
 * Makes a folder for a registry that keeps nothing, and removes those of programs that were killed
 * and could not. Throws `CONFIG` where there can be none.
 */
export async function makeTemporaryFolder(): Promise<string> {
  const parent = tmpdir();
  try {
    await removeAbandoned(parent).catch(() => {});
    const folder = await mkdtemp(join(parent, PREFIX));
    await mkdir(join(folder, OWN_FOLDER));
    await writeFile(join(folder, OWN_FOLDER, MARK), "");
    return folder;
  } catch (error) {
    throw new RegctlError("CONFIG", `Cannot make a folder in ${parent}`, {
      hint: "Choose a folder with --dir, or another place for such folders with TMPDIR",
      cause: error,
    });
  }
}

/** Lets a folder stay that somebody wants to keep. */
export async function keepFolder(folder: string): Promise<void> {
  await rm(join(folder, OWN_FOLDER, MARK), { force: true });
}

async function removeAbandoned(parent: string): Promise<void> {
  for (const entry of await readdir(parent, { withFileTypes: true })) {
    if (!entry.name.startsWith(PREFIX) || !entry.isDirectory()) continue;
    await removeIfAbandoned(join(parent, entry.name)).catch(() => {});
  }
}

async function removeIfAbandoned(folder: string): Promise<void> {
  const { uid, mtimeMs } = await stat(folder);
  if (uid !== userInfo().uid || Date.now() - mtimeMs < MIN_AGE_MS) return;
  const own = join(folder, OWN_FOLDER);
  if (!existsSync(join(own, MARK))) return;
  // Throws when somebody holds it: the folder is in use.
  const lock = await lockFolder(own, folder);
  await rm(folder, { recursive: true }).finally(() => lock.release());
}
