import { formatSize } from "./size.ts";

const BAR_COLUMNS = 20;

/** How far a transfer is. */
export interface Transfer {
  readonly bytes: number;
  /** Undefined where nobody knows. */
  readonly totalBytes: number | undefined;
  readonly elapsedMs: number;
}

/** `[=====>              ]  27%  12.3 MB of 45.6 MB  3.1 MB/s`, in one line. */
export function formatProgress({ bytes, totalBytes, elapsedMs }: Transfer): string {
  const speed = elapsedMs > 0 ? `  ${formatSize(Math.round(bytes / elapsedMs * 1000))}/s` : "";
  if (!totalBytes) return `${formatSize(bytes)}${speed}`;
  return `${formatBar(bytes, totalBytes)}  ${formatSize(bytes)} of ${
    formatSize(totalBytes)
  }${speed}`;
}

/** How far a task is that consists of many. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  /** What is counted, and what becomes of it: `tags deleted`. */
  readonly what: string;
}

/** `[=====>              ]  27%  270 of 1000 tags deleted`, in one line. */
export function formatCount({ done, total, what }: Progress): string {
  return `${formatBar(done, total)}  ${done} of ${total} ${what}`;
}

/** `[=====>              ]  27%` */
function formatBar(done: number, total: number): string {
  const part = total > 0 ? Math.min(1, done / total) : 1;
  const full = Math.floor(part * BAR_COLUMNS);
  const bar = `${"=".repeat(full)}${full < BAR_COLUMNS ? ">" : ""}`.padEnd(BAR_COLUMNS);
  return `[${bar}] ${`${Math.floor(part * 100)}%`.padStart(4)}`;
}
