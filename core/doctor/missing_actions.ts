/** Actions on one resource that were asked for and not granted. */
export interface MissingActions {
  /** Type and name: `repository:team/app`. */
  readonly resource: string;
  readonly actions: readonly string[];
}

// The catalog is closed to most, which is told by itself; without a colon there is no resource.
const NOT_COUNTED = ["registry:catalog", ""];

/** What the scopes `asked` hold beyond those `granted`; that of the catalog is not counted. */
export function findMissingActions(
  asked: readonly string[],
  granted: readonly string[],
): MissingActions[] {
  const grants = granted.map(splitScope);
  return asked.map(splitScope).filter(({ resource }) => !NOT_COUNTED.includes(resource)).flatMap(
    ({ resource, actions }) => {
      const held = grants.filter((grant) => grant.resource === resource)
        .flatMap((grant) => grant.actions);
      const missing = actions.filter((action) => !held.includes(action) && !held.includes("*"));
      return missing.length === 0 ? [] : [{ resource, actions: missing }];
    },
  );
}

/** The name may hold a colon of its own, before a port. */
function splitScope(scope: string) {
  const colon = scope.lastIndexOf(":");
  return {
    resource: scope.slice(0, Math.max(colon, 0)),
    actions: scope.slice(colon + 1).split(",").filter((action) => action !== ""),
  };
}
