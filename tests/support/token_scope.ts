/** One entry of the `access` claim: what a token allows on one resource. */
export interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** Reads scopes; one string may hold several, split by spaces. A name may contain a port, hence the outer colons. */
export function parseScopes(scopes: readonly string[]): Access[] {
  return scopes.flatMap((scope) => scope.split(" ")).filter((scope) => scope !== "").map(
    (scope) => {
      const first = scope.indexOf(":");
      const last = scope.lastIndexOf(":");
      return {
        type: scope.slice(0, first),
        name: scope.slice(first + 1, last),
        actions: scope.slice(last + 1).split(","),
      };
    },
  );
}
