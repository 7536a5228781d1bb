/** What a task gives that is done once for each key; one that failed is not tried again. */
export function once<T>(
  done: Map<string, Promise<T>>,
  key: string,
  task: () => Promise<T>,
): Promise<T> {
  const known = done.get(key);
  if (known) return known;
  const begun = task();
  done.set(key, begun);
  // Thrown where it is waited for.
  begun.catch(() => {});
  return begun;
}
