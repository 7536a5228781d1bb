/** What has to come in order. */
export interface Ordered {
  /** What it is called. */
  readonly id: string;
  /** The names of those that come before it; names of what is not there are left out. */
  readonly after: readonly string[];
}

/**
 * Those first that wait for nothing, then those that wait for these alone, and so on; what waits for
 * itself in a circle comes last. Linear in the items and what they wait for.
 */
export function toWaves<T extends Ordered>(items: readonly T[]): readonly (readonly T[])[] {
  const waiting = new Map<string, T[]>();
  const counts = new Map<T, number>();
  const ids = new Set(items.map(({ id }) => id));
  for (const item of items) {
    const before = new Set(item.after.filter((id) => ids.has(id)));
    counts.set(item, before.size);
    for (const id of before) {
      const list = waiting.get(id);
      if (list) list.push(item);
      else waiting.set(id, [item]);
    }
  }
  const waves: T[][] = [];
  let ready = items.filter((item) => counts.get(item) === 0);
  while (ready.length > 0) {
    waves.push(ready);
    const next: T[] = [];
    for (const { id } of ready) {
      for (const item of waiting.get(id) ?? []) {
        const count = (counts.get(item) ?? 0) - 1;
        counts.set(item, count);
        if (count === 0) next.push(item);
      }
      waiting.delete(id);
    }
    ready = next;
  }
  const circle = items.filter((item) => (counts.get(item) ?? 0) > 0);
  return circle.length > 0 ? [...waves, circle] : waves;
}
