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
  const part = Math.min(1, bytes / totalBytes);
  const done = Math.floor(part * BAR_COLUMNS);
  const bar = `${"=".repeat(done)}${done < BAR_COLUMNS ? ">" : ""}`.padEnd(BAR_COLUMNS);
  const percent = `${Math.floor(part * 100)}%`.padStart(4);
  return `[${bar}] ${percent}  ${formatSize(bytes)} of ${formatSize(totalBytes)}${speed}`;
}
