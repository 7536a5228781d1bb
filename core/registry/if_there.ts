import { RegctlError } from "../errors.ts";

/** What a request gives, or undefined where it throws `NOT_FOUND`. */
export async function ifThere<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof RegctlError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}
