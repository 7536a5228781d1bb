import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

// Never the kind that blocks: this process may be the server, or read the log of the one it measures.
const run = promisify(execFile);

/** What one run of a command took. */
export interface Measurement {
  readonly stdout: string;
  /** Seconds. */
  readonly wall: number;
  /** Seconds of processor time, of all threads. */
  readonly cpu: number;
  /** Peak memory, in MB. */
  readonly megabytes: number;
}

/** Runs a command under GNU time. */
export async function measure(words: readonly string[]): Promise<Measurement> {
  return await inFolder(async (folder) => {
    const report = join(folder, "report");
    const flags = ["-f", "%e %U %S %M", "-o", report];
    const options = { maxBuffer: 64 * 1024 * 1024 };
    const { stdout } = await run("/usr/bin/time", [...flags, ...words], options);
    const [wall = 0, user = 0, system = 0, kilobytes = 0] = readFileSync(report, "utf8")
      .trim().split(" ").map(Number);
    return { stdout, wall, cpu: user + system, megabytes: kilobytes / 1024 };
  });
}

/** Gives a folder to a task, and removes it when that is over. */
export async function inFolder<T>(task: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "regctl-bench-"));
  try {
    return await task(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
