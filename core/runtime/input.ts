import { constants, createWriteStream, mkdtempSync, openAsBlob, rmSync } from "node:fs";
import { access, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { RegctlError } from "../errors.ts";
import type { SpooledInput, SpoolOptions } from "../host.ts";
import { FileBlob } from "./file_blob.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EACCES: "you may not read it",
};

/** A plain file as a Blob that is read when it is used; throws `CONFIG` for anything else. */
export async function openFile(path: string): Promise<Blob> {
  const refuse = (reason: string, hint?: string, cause?: unknown) =>
    new RegctlError("CONFIG", `Cannot read ${path}: ${reason}`, { hint, cause });
  // Bun opens what is not there as if it were empty, and each runtime has words of its own.
  try {
    const stats = await stat(path);
    if (stats.isDirectory()) throw refuse("it is a folder");
    if (!stats.isFile()) {
      throw refuse("it is not a plain file", "Pipe it in, and write - in its place");
    }
    await access(path, constants.R_OK);
    return await openBlob(path, stats.size);
  } catch (error) {
    if (error instanceof RegctlError) throw error;
    const code = (error as { code?: string }).code ?? String(error);
    throw refuse(REASONS[code] ?? code, undefined, error);
  }
}

/**
 * Keeps all that comes from `source` in a temporary file that nobody else can read. It is removed
 * when this fails, by {@linkcode SpooledInput.remove}, and at the latest when the process ends.
 *
 * @param parent the folder of the file; by default the system's own for such files
 */
export async function spool(
  source: Readable,
  { maxBytes, signal }: SpoolOptions,
  parent: string = tmpdir(),
): Promise<SpooledInput> {
  let folder: string | undefined;
  const remove = () => {
    process.off("exit", remove);
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  try {
    // Without a pause: until it is read, nobody hears of an error of the source.
    folder = mkdtempSync(join(parent, "regctl-"));
    // Who stops the program twice leaves it no time for anything else.
    process.on("exit", remove);
    const path = join(folder, "input");
    const file = createWriteStream(path, { flags: "wx", mode: 0o600 });
    await pipeline(source, (chunks) => limit(chunks, maxBytes), file, signal ? { signal } : {});
    return { blob: await openBlob(path, file.bytesWritten), remove };
  } catch (error) {
    remove();
    signal?.throwIfAborted();
    if (error instanceof RegctlError) throw error;
    const code = (error as { code?: string }).code ?? String(error);
    throw new RegctlError("CONFIG", `Cannot keep standard input in ${parent}: ${code}`, {
      hint: "Choose another place for temporary files with TMPDIR",
      cause: error,
    });
  }
}

async function openBlob(path: string, size: number): Promise<Blob> {
  const isDeno = process.versions["deno"] !== undefined;
  return isDeno ? new FileBlob(path, 0, size) : await openAsBlob(path);
}

async function* limit(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) {
      throw new RegctlError("USAGE", `Standard input is larger than ${maxBytes} bytes`);
    }
    yield chunk;
  }
}
