import { spawn } from "node:child_process";
import { RegctlError } from "../errors.ts";
import type { ProcessResult, RunOptions } from "../host.ts";

/** Runs a program found on PATH without a shell; what it prints on standard error is shown. */
export function runProgram(
  program: string,
  args: readonly string[],
  { stdin, timeoutMs, maxBytes, signal }: RunOptions,
): Promise<ProcessResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    const chunks: Uint8Array[] = [];
    let length = 0;
    const stop = (error: unknown) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      child.kill("SIGKILL");
      child.stdout.destroy();
      reject(error);
    };
    const timer = setTimeout(() => {
      stop(new RegctlError("TIMEOUT", `no answer within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    const abort = () => stop(signal?.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort);
    child.on("error", (error: Error & { code?: string }) => {
      stop(
        error.code === "ENOENT"
          ? new RegctlError("NOT_FOUND", `${program} is not on PATH`)
          : new RegctlError("CONFIG", `it cannot be run (${error.code ?? error.message})`),
      );
    });
    child.stdout.on("data", (chunk: Uint8Array) => {
      chunks.push(chunk);
      length += chunk.byteLength;
      if (length > maxBytes) {
        stop(new RegctlError("INVALID_RESPONSE", `its answer is larger than ${maxBytes} bytes`));
      }
    });
    child.on("close", (exitCode) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      resolve({ exitCode: exitCode ?? -1, stdout: Buffer.concat(chunks).toString("utf8") });
    });
    // A program may end without reading what it is sent.
    child.stdin.on("error", () => {});
    child.stdin.end(stdin);
  });
}
