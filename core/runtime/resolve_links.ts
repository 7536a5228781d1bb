import { lstatSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, isAbsolute, resolve, sep } from "node:path";
import { RegctlError } from "../errors.ts";
import { errorCode } from "./error_code.ts";

// As many as Linux follows (path_resolution(7)).
const MAX_LINKS = 40;

/**
 * The file that a path means when every link on the way is followed, whether it is there or not.
 * Throws `CONFIG` when the links lead in a circle.
 */
export function resolveLinks(path: string): string {
  let at = resolve(path);
  for (let count = 0; count <= MAX_LINKS; count++) {
    // The native one: Bun's own takes ".." behind a link away as text.
    const folder = tryRead(() => realpathSync.native(dirname(at)), "ENOENT", "ENOTDIR") ??
      dirname(at);
    const file = `${folder.endsWith(sep) ? folder : folder + sep}${basename(at)}`;
    const link = tryRead(() => readlinkSync(file), "ENOENT", "EINVAL", "ENOTDIR", "UNKNOWN");
    if (link === undefined) return file;
    if (isPlanted(file, lstatSync(file))) {
      throw new RegctlError(
        "CONFIG",
        `Cannot write ${path}: ${file} is a link of another user, in a folder that everybody can write to`,
      );
    }
    // Not joined by the rules of text: ".." behind a link to a folder is the folder's own parent.
    at = isAbsolute(link) ? link : `${folder}${sep}${link}`;
  }
  throw circle(path);

  function tryRead(read: () => string, ...harmless: readonly string[]): string | undefined {
    try {
      return read();
    } catch (error) {
      const code = errorCode(error);
      if (code === "ELOOP") throw circle(path);
      if (harmless.includes(code)) return undefined;
      throw error;
    }
  }
}

/**
 * True for what somebody else put into a folder that everybody can write to, as Linux judges links
 * in such folders (proc_sys_fs(5), protected_symlinks): it belongs neither to us nor to the folder's
 * owner. The superuser needs no such tricks.
 */
export function isPlanted(path: string, { uid }: Stats): boolean {
  const folder = statSync(dirname(path));
  const isShared = (folder.mode & 0o002) !== 0;
  return isShared && uid !== 0 && uid !== folder.uid && uid !== process.geteuid?.();
}

function circle(path: string): RegctlError {
  return new RegctlError("CONFIG", `Cannot write ${path}: its links lead in a circle`);
}
