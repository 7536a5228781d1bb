import process from "node:process";
import { createTempFolder, type TempFolder } from "./temp_folder.ts";

/** A folder that is the only one on PATH while it lives: helpers are found by the process's own. */
export async function createBinFolder(): Promise<TempFolder> {
  const folder = await createTempFolder();
  const before = process.env["PATH"] ?? "";
  process.env["PATH"] = folder.path;
  return {
    ...folder,
    async [Symbol.asyncDispose]() {
      process.env["PATH"] = before;
      await folder[Symbol.asyncDispose]();
    },
  };
}
