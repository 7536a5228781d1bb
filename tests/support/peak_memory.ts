import { readFileSync } from "node:fs";

/** The most memory a process has had, in bytes; undefined where the system does not tell. */
export function peakMemory(pid: number): number | undefined {
  try {
    const [, kib] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kib) * 1024;
  } catch {
    return undefined;
  }
}
