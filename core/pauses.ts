// Nobody waits longer than this for a Ctrl-C to be heard.
const MAX_BUSY_MS = 50;

/** Lets time-outs and signals have their say in work that waits for nothing. */
export class Pauses {
  #pausedAt = performance.now();

  /** To be called often: most of the time it does nothing. Throws the signal's reason. */
  async take(signal: AbortSignal | undefined): Promise<void> {
    if (performance.now() - this.#pausedAt < MAX_BUSY_MS) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal?.throwIfAborted();
    this.#pausedAt = performance.now();
  }
}
