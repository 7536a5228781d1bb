import { join } from "node:path";
import { RegctlError } from "../errors.ts";

/** Holds a folder for this process. */
export interface FolderLock {
  release(): void;
}

/**
 * Locks `folder`, which can be written to, for this process; throws `CONFIG` when another one holds
 * it. It is the lock of an empty SQLite database: the system gives it back however the process ends,
 * so that none is ever left behind, which a file with a process number would be.
 */
export async function lockFolder(folder: string, shown: string): Promise<FolderLock> {
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(join(folder, "lock"));
  try {
    database.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    throw new RegctlError("CONFIG", `Cannot serve ${shown}: another process serves it`, {
      hint: "Stop that one, or choose another folder with --dir",
      cause: error,
    });
  }
  return { release: () => database.close() };
}
