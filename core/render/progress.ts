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
  /** Since it began; tells how fast it goes, and how long it will take. Default: neither is told. */
  readonly elapsedMs?: number;
  /** Where that is little, there is no bar. Default: there is one. */
  readonly columns?: number;
}

/** The bar, the numbers and the times need as many. */
const MIN_BAR_COLUMNS = 64;

/** What was done in less says little of how long the rest will take. */
const MIN_ELAPSED_MS = 1_000;

/**
 * `[=====>              ]  27%  270 of 1000 tags deleted`, in one line, with `  85/s  9 s left` behind
 * it where the time is given.
 */
export function formatCount(
  { done, total, what, elapsedMs = 0, columns = Infinity }: Progress,
): string {
  const bar = columns < MIN_BAR_COLUMNS ? "" : `${formatBar(done, total)}  `;
  const count = `${bar}${done} of ${total} ${what}`;
  if (elapsedMs < MIN_ELAPSED_MS || done === 0) return count;
  const rate = done / elapsedMs * 1000;
  return `${count}  ${formatRate(rate)}/s  ${formatTime((total - done) / rate)} left`;
}

function formatRate(rate: number): string {
  return rate < 10 ? rate.toFixed(1) : String(Math.round(rate));
}

/** `45 s`, `12 min`, `3 h` of seconds. */
function formatTime(seconds: number): string {
  if (seconds < 100) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`;
}

/** `[=====>              ]  27%` */
function formatBar(done: number, total: number): string {
  const part = total > 0 ? Math.min(1, done / total) : 1;
  const full = Math.floor(part * BAR_COLUMNS);
  const bar = `${"=".repeat(full)}${full < BAR_COLUMNS ? ">" : ""}`.padEnd(BAR_COLUMNS);
  return `[${bar}] ${`${Math.floor(part * 100)}%`.padStart(4)}`;
}
