import { readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import type { WriteStream } from "node:tty";
import { RegctlError } from "../errors.ts";
import { type Clock, ClosedPipe, type Host, type Output } from "../host.ts";

/** The machine the program runs on. */
export function createNativeHost(): Host {
  return {
    args: process.argv.slice(2),
    homeDirectory: process.env["HOME"] || homedir(),
    clock: SYSTEM_CLOCK,
    stdout: createOutput(process.stdout),
    stderr: createOutput(process.stderr),
    stdinIsTerminal: process.stdin.isTTY === true,
    env: (name) => process.env[name] || undefined,
    readStdin,
    askPassword: async (question) => (await import("./ask_password.ts")).askPassword(question),
    readFile: (path, maxBytes) => Promise.resolve(readSmallFile(path, maxBytes)),
    listDirectory: (path) => Promise.resolve(listNames(path)),
    run: async (...words) => (await import("./run_program.ts")).runProgram(...words),
    onStop,
  };
}

/** The machine's own clock and chance. */
export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        resolve();
      }, ms);
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", stop, { once: true });
    }),
  random: () => Math.random(),
};

function createOutput(stream: WriteStream): Output {
  // A write's own callback tells of the error; without a listener the event would end the program.
  stream.on("error", () => {});
  return {
    isTerminal: stream.isTTY === true,
    columns: stream.columns || 80,
    write: (text) =>
      new Promise((resolve, reject) => {
        stream.write(text, (error) => {
          if (!error) resolve();
          else if ((error as { code?: string }).code === "EPIPE") reject(new ClosedPipe());
          else reject(new RegctlError("INTERNAL", `Cannot write: ${error.message}`));
        });
      }),
  };
}

async function readStdin(maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Uint8Array);
    length += (chunk as Uint8Array).byteLength;
    if (length > maxBytes) {
      throw new RegctlError("USAGE", `Standard input is larger than ${maxBytes} bytes`);
    }
  }
  return Buffer.concat(chunks).toString("utf8");
}

function readSmallFile(path: string, maxBytes: number): Uint8Array | undefined {
  try {
    const { size } = statSync(path);
    if (size > maxBytes) {
      throw new RegctlError("CONFIG", `Cannot read ${path}: it is larger than ${maxBytes} bytes`);
    }
    return readFileSync(path);
  } catch (error) {
    if (error instanceof RegctlError) throw error;
    const code = (error as { code?: string }).code ?? String(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new RegctlError("CONFIG", `Cannot read ${path}: ${code}`, { cause: error });
  }
}

function listNames(path: string): readonly string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

function onStop(listener: (signal: "SIGINT" | "SIGTERM") => void): void {
  let stopping = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      // Who asks twice does not want to wait for a tidy end.
      if (stopping) process.exit(signal === "SIGINT" ? 130 : 143);
      stopping = true;
      listener(signal);
    });
  }
}
