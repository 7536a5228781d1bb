import { escapeJson } from "./escape.ts";

/**
 * The very bytes of a JSON document. For a terminal, text that is fit to be looked at: nobody takes
 * the hash of what is on a screen, but it may hold what the screen obeys.
 */
export function formatRaw(bytes: Uint8Array, isTerminal: boolean): Uint8Array | string {
  return isTerminal ? `${escapeJson(new TextDecoder().decode(bytes)).trimEnd()}\n` : bytes;
}
