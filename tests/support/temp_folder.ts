import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A folder that lives as long as one test. */
export interface TempFolder extends AsyncDisposable {
  readonly path: string;
  /** The absolute path of a name inside the folder. */
  join(...names: string[]): string;
  /** Writes a file, with the folders above it, and returns its absolute path. Mode: 0o644 when not given. */
  write(relative: string, text: string | Uint8Array, mode?: number): Promise<string>;
}

/** Makes an empty folder under the system's temporary folder; disposing removes it with all it holds. */
export async function createTempFolder(): Promise<TempFolder> {
  const path = await mkdtemp(join(tmpdir(), "regctl-test-"));
  return {
    path,
    join: (...names) => join(path, ...names),
    async write(relative, text, mode = 0o644) {
      const file = join(path, relative);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text, { mode });
      return file;
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
