import { createInterface } from "node:readline/promises";
import { type RunningProgram, type StartOptions, startProgram } from "./program.ts";

/** The program as a registry. */
export interface ServingProgram extends RunningProgram {
  /** `http://127.0.0.1:40123` */
  readonly url: string;
  /** `127.0.0.1:40123` */
  readonly host: string;
}

/** Starts `regctl serve` with these words, on a free port of 127.0.0.1 unless they say otherwise. */
export async function startServe(
  words: readonly string[] = [],
  options: StartOptions = {},
): Promise<ServingProgram> {
  const address = words.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"];
  const program = await startProgram(["serve", ...address, ...words], options);
  // The first line says that it is ready; without one the program has ended.
  for await (const url of createInterface({ input: program.stdout })) {
    return { ...program, url, host: new URL(url).host };
  }
  await program.wait();
  const message = `regctl serve ended: ${program.stderr()}`;
  await program[Symbol.asyncDispose]();
  throw new Error(message);
}
