import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { RegctlError } from "../errors.ts";

/** Asks on standard error; the terminal echoes. Throws `INTERRUPTED` when the user gives up. */
export async function ask(question: string): Promise<string> {
  return await readLine(question, {});
}

/** Asks on standard error, without echo. Throws `INTERRUPTED` when the user gives up. */
export async function askPassword(question: string): Promise<string> {
  // Readline puts the terminal into raw mode and echoes by itself: into nothing, here.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  try {
    return await readLine(question, { output: nowhere, terminal: true });
  } finally {
    process.stderr.write("\n");
  }
}

async function readLine(
  question: string,
  options: { readonly output?: Writable; readonly terminal?: boolean },
): Promise<string> {
  const lines = createInterface({ input: process.stdin, ...options });
  process.stderr.write(`${question}: `);
  try {
    return await new Promise((resolve, reject) => {
      const giveUp = () => {
        // The error is not to stand behind the question.
        if (options.output === undefined) process.stderr.write("\n");
        reject(new RegctlError("INTERRUPTED", "Nothing was entered"));
      };
      lines.once("line", resolve);
      lines.once("SIGINT", giveUp);
      lines.once("close", giveUp);
    });
  } finally {
    lines.close();
  }
}
