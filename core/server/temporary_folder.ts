import { existsSync, statSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { RegctlError } from "../errors.ts";
import { lockFolder } from "./lock.ts";
import { OWN_FOLDER } from "./paths.ts";

const PREFIX = "regctl-serve-";
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
    return await mkdtemp(join(parent, PREFIX));
  } catch (error) {
    throw new RegctlError("CONFIG", `Cannot make a folder in ${parent}`, {
      hint: "Choose a folder with --dir, or another place for such folders with TMPDIR",
      cause: error,
    });
  }
}

async function removeAbandoned(parent: string): Promise<void> {
  for (const entry of await readdir(parent, { withFileTypes: true })) {
    const folder = join(parent, entry.name);
    if (!entry.name.startsWith(PREFIX) || !entry.isDirectory() || !isOldAndOurs(folder)) continue;
    const own = join(folder, OWN_FOLDER);
    if (!existsSync(join(own, "lock"))) continue;
    const lock = await lockFolder(own, folder).catch(() => undefined);
    // Somebody holds it: it is in use.
    if (lock === undefined) continue;
    await rm(folder, { recursive: true, force: true }).finally(() => lock.release());
  }
}

function isOldAndOurs(folder: string): boolean {
  const { uid, mtimeMs } = statSync(folder);
  return (uid === userInfo().uid || userInfo().uid < 0) && Date.now() - mtimeMs > MIN_AGE_MS;
}
