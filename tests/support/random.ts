/** Numbers that look random and are the same for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** A whole number from 0 to `limit`, `limit` excluded. */
  below(limit: number): number {
    // Mulberry32: 32 bits of state, good enough to choose test inputs.
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return Math.floor(((bits ^ (bits >>> 14)) >>> 0) / 0x1_0000_0000 * limit);
  }

  /** One of the items; throws when there is none. */
  pick<Item>(items: readonly Item[]): Item {
    const index = this.below(items.length);
    if (index >= items.length) throw new RangeError("Nothing to pick from");
    return items[index] as Item;
  }

  /** `min` to `max` characters, both included, each one of `alphabet`'s code points. */
  text(alphabet: string, min: number, max: number): string {
    const characters = [...alphabet];
    const length = min + this.below(max - min + 1);
    return Array.from({ length }, () => this.pick(characters)).join("");
  }
}

/** Calls `check` once for each seed from 1 to `count`; a failure names its seed. */
export function forEachSeed(count: number, check: (random: Random) => void): void {
  for (let seed = 1; seed <= count; seed++) {
    try {
      check(new Random(seed));
    } catch (error) {
      throw new Error(`Seed ${seed}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
  }
}
