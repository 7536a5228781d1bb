import { type ScopeParts, splitScope } from "../auth/scope.ts";

// Closed to most, which is told by itself.
const CATALOG = "registry:catalog";

/** What the scopes `asked` hold beyond those `granted`; that of the catalog is not counted. */
export function findMissingActions(
  asked: readonly string[],
  granted: readonly string[],
): ScopeParts[] {
  const grants = granted.map(splitScope);
  return asked.map(splitScope).filter(({ resource }) => resource !== CATALOG).flatMap(
    ({ resource, actions }) => {
      const held = grants.filter((grant) => grant.resource === resource)
        .flatMap((grant) => grant.actions);
      const missing = actions.filter((action) => !held.includes(action) && !held.includes("*"));
      return missing.length === 0 ? [] : [{ resource, actions: missing }];
    },
  );
}
