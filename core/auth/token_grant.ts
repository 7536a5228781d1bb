import { isObject } from "../oci/json_object.ts";

// Far above any real token or list of rights; a report has to end.
const MAX_TOKEN_LENGTH = 64 * 1024;
const MAX_SCOPES = 50;

/** What a token was asked for and what it is good for, without the token itself. */
export interface TokenFacts {
  /** The scopes that were asked for: `repository:app:pull`. */
  readonly asked: readonly string[];
  /** The scopes it holds, in the same form; undefined where nothing tells. */
  readonly granted: readonly string[] | undefined;
  /** How long the token server says that it lives, in seconds; undefined where it does not say. */
  readonly lifetimeS: number | undefined;
}

/**
 * Reads what a token grants: from the `access` claim where it is a JWT (distribution,
 * docs/spec/auth/jwt.md), else from the `scope` of the token server's answer (RFC 6749 section
 * 5.1). The signature is not looked at: this is for showing, and the registry decides. Undefined
 * where neither tells.
 */
export function tryReadGrant(token: string, scope: string | undefined): string[] | undefined {
  const access = tryReadAccess(token);
  if (access) return access.slice(0, MAX_SCOPES);
  return scope?.split(" ").filter((part) => part !== "").slice(0, MAX_SCOPES);
}

function tryReadAccess(token: string): string[] | undefined {
  const [, claims, signature] = token.length > MAX_TOKEN_LENGTH ? [] : token.split(".");
  if (claims === undefined || signature === undefined) return undefined;
  let value: unknown;
  try {
    const bytes = atob(claims.replace(/-/g, "+").replace(/_/g, "/"));
    const text = Uint8Array.from(bytes, (character) => character.charCodeAt(0));
    value = JSON.parse(new TextDecoder().decode(text));
  } catch {
    return undefined;
  }
  const access = isObject(value) ? value["access"] : undefined;
  // A token server that grants nothing may write null, as Go does for an empty list.
  if (access === null) return [];
  return Array.isArray(access) ? access.flatMap(formatAccess) : undefined;
}

function formatAccess(entry: unknown): string[] {
  if (!isObject(entry)) return [];
  const { type, name, actions } = entry;
  if (typeof type !== "string" || typeof name !== "string" || !Array.isArray(actions)) return [];
  const words = actions.filter((action) => typeof action === "string");
  return words.length > 0 ? [`${type}:${name}:${words.join(",")}`] : [];
}
