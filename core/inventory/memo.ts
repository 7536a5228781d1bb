/** How much a {@linkcode Memo} keeps. */
export interface MemoOptions<T> {
  readonly max: number;
  /** How much of that a value takes. Default: 1. */
  readonly costOf?: (value: T) => number;
}

/** What tasks gave, so that none is done twice; the oldest is forgotten where it becomes too much. */
export class Memo<T> {
  readonly #options: MemoOptions<T>;
  readonly #kept = new Map<string, Promise<T>>();
  readonly #costs = new Map<string, number>();
  #cost = 0;

  constructor(options: MemoOptions<T>) {
    this.#options = options;
  }

  /** What a task gave for this key, or gives now. One that failed is not tried again. */
  get(key: string, task: () => Promise<T>): Promise<T> {
    const known = this.#kept.get(key);
    if (known) return known;
    const begun = task();
    const { costOf = () => 1 } = this.#options;
    this.#kept.set(key, begun);
    // Thrown where it is waited for.
    begun.then((value) => this.#note(key, costOf(value)), () => this.#note(key, 1));
    return begun;
  }

  #note(key: string, cost: number): void {
    this.#costs.set(key, cost);
    this.#cost += cost;
    for (const [oldest, itsCost] of this.#costs) {
      if (this.#cost <= this.#options.max) return;
      this.#kept.delete(oldest);
      this.#costs.delete(oldest);
      this.#cost -= itsCost;
    }
  }
}
