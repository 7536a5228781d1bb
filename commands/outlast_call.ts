import type { RegistryClient } from "../core/registry/client.ts";
import { outlast } from "../core/registry/outlast.ts";
import type { Context } from "./context.ts";

// With the time that putting back has of its own, shorter than what the program waits for at its end.
const FINISHING_MS = 3_000;

/**
 * A client whose requests go on for a moment after the end of the call, so that what has begun to be
 * deleted is not left half-way.
 */
export function outlastCall({ abort }: Context, client: RegistryClient): RegistryClient {
  return { ...client, signal: outlast(abort.signal, FINISHING_MS) };
}
