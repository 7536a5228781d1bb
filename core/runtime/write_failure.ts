import { RegctlError } from "../errors.ts";
import { errorCode } from "./error_code.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such folder",
  ENOTDIR: "there is no such folder",
  EISDIR: "it is a folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
};

/** An `OUTPUT` that says why a file could not be written. */
export function explainWriteFailure(path: string, error: unknown): RegctlError {
  const { message } = error as Error;
  const reason = REASONS[errorCode(error)] ?? message;
  return new RegctlError("OUTPUT", `Cannot write ${path}: ${reason}`, { cause: error });
}
