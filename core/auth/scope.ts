/**
 * Merges token scopes (`repository:library/busybox:pull,push`): one for each type and name, with
 * all their actions, in order of first appearance. The name may itself hold a colon (a host and
 * port), so the first and the last colon count.
 *
 * Source: distribution, docs/spec/auth/scope.md.
 */
export function mergeScopes(scopes: readonly string[]): string[] {
  const actionsOf = new Map<string, Set<string>>();
  for (const scope of scopes) {
    const colon = scope.lastIndexOf(":");
    if (colon <= scope.indexOf(":")) {
      actionsOf.set(scope, actionsOf.get(scope) ?? new Set());
      continue;
    }
    const resource = scope.slice(0, colon);
    const actions = actionsOf.get(resource) ?? new Set();
    for (const action of scope.slice(colon + 1).split(",")) if (action !== "") actions.add(action);
    actionsOf.set(resource, actions);
  }
  return [...actionsOf].map(([resource, actions]) =>
    actions.size === 0 ? resource : `${resource}:${[...actions].join(",")}`
  );
}

/** The scopes of a challenge's `scope` parameter, which separates them by blanks. */
export function parseScopes(parameter: string | undefined): string[] {
  return parameter?.split(" ").filter((scope) => scope !== "") ?? [];
}
