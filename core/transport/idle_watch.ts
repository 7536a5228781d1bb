import { MAX_TIMER_MS } from "../host.ts";

// What brings less than this within one idle time-out is a drip, not a download.
const MIN_BYTES_PER_WINDOW = 1024;

/** How {@linkcode IdleWatch} behaves. */
export interface IdleWatchOptions {
  readonly idleTimeoutMs: number;
  /** More time at the start, for a request that takes long to send. */
  readonly extraMs: number;
  /** Called once, when nothing or next to nothing came for that long. */
  readonly onStall: () => void;
}

/** Sees to it that a body keeps coming. Only time spent waiting for the other side counts. */
export class IdleWatch {
  readonly #options: IdleWatchOptions;
  #bytes = 0;
  #waitedMs: number;
  #waitingSince: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: IdleWatchOptions) {
    this.#options = options;
    this.#waitedMs = -options.extraMs;
  }

  /** The other side's turn. */
  resume(): void {
    const leftMs = this.#options.idleTimeoutMs - this.#waitedMs;
    this.#waitingSince = performance.now();
    this.#timer = setTimeout(() => this.#check(), Math.min(leftMs, MAX_TIMER_MS));
  }

  /** So many bytes have come. */
  add(count: number): void {
    this.#bytes += count;
    if (this.#bytes >= MIN_BYTES_PER_WINDOW) this.#waitedMs = Math.max(0, this.#waitedMs);
  }

  /** Our own turn: who does not read cannot blame the other side. */
  pause(): void {
    clearTimeout(this.#timer);
    if (this.#waitingSince === undefined) return;
    this.#waitedMs += performance.now() - this.#waitingSince;
    this.#waitingSince = undefined;
  }

  #check(): void {
    this.pause();
    if (this.#bytes < MIN_BYTES_PER_WINDOW) return this.#options.onStall();
    this.#bytes = 0;
    this.#waitedMs = 0;
    this.resume();
  }
}
