import password from "@inquirer/password";
import { RegctlError } from "../errors.ts";

/** Asks on standard error, without echo. Throws `INTERRUPTED` when the user gives up. */
export async function askPassword(question: string): Promise<string> {
  try {
    return await password({ message: question }, {
      output: process.stderr,
      clearPromptOnDone: true,
    });
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "ExitPromptError") throw error;
    throw new RegctlError("INTERRUPTED", "Interrupted at the question for the password");
  }
}
