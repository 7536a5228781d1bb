/**
 * The five functions of the metadata proposal that the dependency container under @peculiar/x509 asks `Reflect` for.
 * Import this file before that package. The registry of metadata is empty at the start and private to this process.
 */

const store = new WeakMap<object, Map<unknown, unknown>>();

function readMetadata(key: unknown, target: object): unknown {
  return store.get(target)?.get(key);
}

function defineMetadata(key: unknown, value: unknown, target: object): void {
  const entries = store.get(target) ?? new Map<unknown, unknown>();
  entries.set(key, value);
  store.set(target, entries);
}

if (!("getMetadata" in Reflect)) {
  Object.assign(Reflect, {
    getMetadata: readMetadata,
    getOwnMetadata: readMetadata,
    hasOwnMetadata: (key: unknown, target: object) => store.get(target)?.has(key) ?? false,
    defineMetadata,
    metadata: (key: unknown, value: unknown) => (target: object) =>
      defineMetadata(key, value, target),
  });
}
