import { RegctlError } from "../errors.ts";

/**
 * An error with what was being done in front of it: `Cannot list the tags of "busybox": …`. What
 * nobody foresaw stays as it is.
 */
export function withTask(error: unknown, task: string): unknown {
  if (!(error instanceof RegctlError)) return error;
  const { code, message, hint, isDoubtful } = error;
  return new RegctlError(code, `Cannot ${task}: ${message}`, { hint, isDoubtful, cause: error });
}
