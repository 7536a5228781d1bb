import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { RegctlError } from "../errors.ts";

/** Asks on standard error, without echo. Throws `INTERRUPTED` when the user gives up. */
export async function askPassword(question: string): Promise<string> {
  // Readline puts the terminal into raw mode and echoes by itself: into nothing, here.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  process.stderr.write(`${question}: `);
  try {
    return await new Promise((resolve, reject) => {
      const giveUp = () => reject(new RegctlError("INTERRUPTED", "No password was given"));
      lines.once("line", resolve);
      lines.once("SIGINT", giveUp);
      lines.once("close", giveUp);
    });
  } finally {
    lines.close();
    process.stderr.write("\n");
  }
}
