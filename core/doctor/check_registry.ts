import { RegctlError } from "../errors.ts";
import { redactUrl } from "../http/redact.ts";
import { isObject } from "../oci/json_object.ts";
import type { RegistryClient } from "../registry/client.ts";
import { apiUrl, catalogUrl } from "../registry/endpoints.ts";
import { ping } from "../registry/ping.ts";
import { assertStatus, parseJson } from "../registry/response_gate.ts";
import type { AccessFacts, ApiFacts, CatalogFacts } from "./facts.ts";
import { ask } from "./subject.ts";

// A registry that ignores `n` sends all its names, some 40 bytes each.
const MAX_CATALOG_BYTES = 8 * 1024 * 1024;

/** Asks how the registry wants to be asked; throws as {@linkcode ping} does. */
export async function checkApi(client: RegistryClient): Promise<ApiFacts> {
  const { status, apiVersion, schemes, realm, service } = await ping(client);
  return {
    status,
    version: apiVersion ?? null,
    schemes: schemes.slice(0, 10),
    realm: realm === undefined ? null : describeRealm(realm, client.baseUrl),
    service: service ?? null,
  };
}

/** In full, and without what a query or user information may keep secret. */
function describeRealm(realm: string, base: URL): string {
  return URL.canParse(realm, base.href) ? redactUrl(new URL(realm, base)) : "not a URL";
}

/** Answers the challenge of `GET /v2/`, as `docker login` does; throws where that is refused. */
export async function checkAccess(client: RegistryClient): Promise<AccessFacts> {
  const response = await ask(client, { method: "GET", url: apiUrl(client.baseUrl) });
  assertStatus(response, [200], `enter "${client.baseUrl.host}"`);
  return { status: response.status };
}

/** Asks for one name of the catalog. Large registries keep it closed, which is no fault. */
export async function checkCatalog(client: RegistryClient): Promise<CatalogFacts> {
  const task = `list the repositories of "${client.baseUrl.host}"`;
  const response = await ask(client, {
    method: "GET",
    url: catalogUrl(client.baseUrl, { pageSize: 1 }),
    maxBytes: MAX_CATALOG_BYTES,
    scopes: ["registry:catalog:*"],
  }).catch((error: unknown) => {
    if (!isRefusal(error)) throw error;
    return undefined;
  });
  if (!response) return { state: "closed", status: null };
  const { status } = response;
  if (status >= 400 && status < 500 && status !== 408 && status !== 429) {
    return { state: "closed", status };
  }
  assertStatus(response, [200], task);
  const answer = parseJson(response, task);
  const names = isObject(answer) ? answer["repositories"] : undefined;
  if (names === null || Array.isArray(names)) return { state: "open", status };
  throw new RegctlError(
    "INVALID_RESPONSE",
    `Cannot ${task}: the answer has no list of repositories`,
  );
}

/** True where the token server gives no token for what was asked. */
export function isRefusal(error: unknown): boolean {
  return error instanceof RegctlError && (error.code === "UNAUTHORIZED" || error.code === "DENIED");
}
