/** What one token scope is for. */
export interface ScopeParts {
  /** Type and name: `repository:library/busybox`. */
  readonly resource: string;
  /** In their order. Empty for a scope that names none. */
  readonly actions: readonly string[];
}

/**
 * Merges token scopes (`repository:library/busybox:pull,push`): one for each type and name, with
 * all their actions, in order of first appearance.
 */
export function mergeScopes(scopes: readonly string[]): string[] {
  const actionsOf = new Map<string, Set<string>>();
  for (const scope of scopes) {
    const { resource, actions } = splitScope(scope);
    actionsOf.set(resource, new Set([...actionsOf.get(resource) ?? [], ...actions]));
  }
  return [...actionsOf].map(([resource, actions]) =>
    actions.size === 0 ? resource : `${resource}:${[...actions].join(",")}`
  );
}

/**
 * Takes a token scope apart. The name may itself hold a colon (a host and port), so the first and
 * the last colon count.
 *
 * Source: distribution, docs/spec/auth/scope.md.
 */
export function splitScope(scope: string): ScopeParts {
  const colon = scope.lastIndexOf(":");
  if (colon <= scope.indexOf(":")) return { resource: scope, actions: [] };
  const actions = scope.slice(colon + 1).split(",").filter((action) => action !== "");
  return { resource: scope.slice(0, colon), actions };
}

/** The scopes of a challenge's `scope` parameter, which separates them by blanks. */
export function parseScopes(parameter: string | undefined): string[] {
  return parameter?.split(" ").filter((scope) => scope !== "") ?? [];
}
