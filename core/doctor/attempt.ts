import { RegctlError } from "../errors.ts";
import type { CheckFailure } from "./facts.ts";

/**
 * Makes a check, whose failure becomes a fact, so that it takes nothing from the others. Throws
 * only where the user stops the program, and what is a bug.
 */
export async function attempt<T extends object>(
  check: () => Promise<T>,
): Promise<T | CheckFailure> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof RegctlError)) throw error;
    if (error.code === "INTERRUPTED" || error.code === "TERMINATED") throw error;
    return toFailure(error);
  }
}

/** An error as a fact. */
export function toFailure({ code, message, hint }: RegctlError): CheckFailure {
  return { error: { code, message, hint: hint ?? null } };
}

/** The error that the fact was. */
export function toError({ error: { code, message, hint } }: CheckFailure): RegctlError {
  return new RegctlError(code, message, { hint: hint ?? undefined });
}
