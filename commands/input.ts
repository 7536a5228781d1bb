import { RegctlError } from "../core/errors.ts";
import { beginCall, untilCallEnds } from "./call.ts";
import type { Context } from "./context.ts";
import type { RegistryOptions } from "./options.ts";

/** The word that stands for standard input. */
export const STANDARD_INPUT = "-";

/** What {@linkcode readInput} takes beside the word. */
export interface ReadInputOptions {
  /** Throws `USAGE` beyond. */
  readonly maxBytes: number;
  /** `--timeout`, in milliseconds. */
  readonly timeout: number | undefined;
}

/** What {@linkcode openInput} takes beside the word. */
export interface InputOptions {
  /** Throws `USAGE` beyond. Default: any number of bytes. */
  readonly maxBytes?: number;
}

/** Throws `USAGE` where both the content and the password would come from standard input. */
export function assertOneInput(
  file: string,
  { username, password, passwordStdin }: RegistryOptions,
): void {
  const asksForPassword = username !== undefined && password === undefined;
  if (file !== STANDARD_INPUT || !(passwordStdin || asksForPassword)) return;
  throw new RegctlError("USAGE", "Standard input cannot bring both the password and the content", {
    hint: "Log in first with regctl login, or name a file instead of -",
  });
}

/** The bytes of a file that has to be there. Throws `CONFIG` where it is not. */
export async function readFile(
  { host }: Context,
  path: string,
  maxBytes: number,
): Promise<Uint8Array> {
  const bytes = await host.readFile(path, maxBytes);
  if (bytes) return bytes;
  throw new RegctlError("CONFIG", `Cannot read ${path}: there is no such file`);
}

/**
 * The text of a file, or of standard input for `-`, which may never end: the call begins with it.
 * Throws `CONFIG` where there is no such file.
 */
export async function readInput(
  context: Context,
  file: string,
  { maxBytes, timeout }: ReadInputOptions,
): Promise<string> {
  if (file !== STANDARD_INPUT) {
    return new TextDecoder().decode(await readFile(context, file, maxBytes));
  }
  beginCall(context, timeout);
  return await untilCallEnds(context, context.host.readStdin(maxBytes));
}

/**
 * The content of a file, or of standard input for `-`. That one is kept in a temporary file, since
 * it is needed twice; the file goes when the call is over.
 */
export async function openInput(
  { host, abort, cleanups, diagnostics }: Context,
  file: string,
  { maxBytes = Number.MAX_SAFE_INTEGER }: InputOptions = {},
): Promise<Blob> {
  if (file === STANDARD_INPUT) {
    if (host.stdinIsTerminal) diagnostics.note("Reading standard input; Ctrl-D ends it");
    const { blob, remove } = await host.spoolStdin({ maxBytes, signal: abort.signal });
    cleanups.push(remove);
    // What a program that failed left to be pushed is rarely meant.
    if (blob.size === 0) diagnostics.warn("standard input was empty");
    return blob;
  }
  const blob = await host.openBlob(file);
  if (blob.size <= maxBytes) return blob;
  throw new RegctlError("USAGE", `Cannot use ${file}: it is larger than ${maxBytes} bytes`);
}
