import { RegctlError } from "../errors.ts";
import { parseChallenges } from "../http/challenge.ts";
import { type HttpResponse, MAX_ERROR_BYTES } from "../http/exchange.ts";
import type { RegistryClient } from "./client.ts";
import { apiUrl } from "./endpoints.ts";
import { assertStatus } from "./response_gate.ts";

/** What a registry says of itself. */
export interface Ping {
  /** Where the answer came from, behind all redirects. */
  readonly url: string;
  /** 200, or 401 where it wants to know who asks. */
  readonly status: number;
  /** The authentication schemes it offers, in lower case; empty when it asks for none. */
  readonly schemes: readonly string[];
  /** The token server that a Bearer challenge names. */
  readonly realm: string | undefined;
  /** The name that the token server knows the registry by, as that challenge says. */
  readonly service: string | undefined;
  /** `Docker-Distribution-API-Version`, usually `registry/2.0`. */
  readonly apiVersion: string | undefined;
}

/**
 * Asks `GET /v2/` whether this is a registry, and how it wants to be asked. A challenge
 * is not answered: it is the answer.
 *
 * Throws `UNSUPPORTED` when it does not speak version 2 of the API, `SERVER` or `RATE_LIMITED` when
 * it does not tell for now.
 */
export async function ping(client: RegistryClient): Promise<Ping> {
  const response = await client.send({
    method: "GET",
    url: apiUrl(client.baseUrl),
    headers: new Headers({ accept: "application/json" }),
    maxBytes: MAX_ERROR_BYTES,
    anonymous: true,
    ...(client.signal && { signal: client.signal }),
  });
  const { status, headers } = response;
  const saysNothing = status === 403 || status === 429 || (status >= 500 && status !== 501);
  if (saysNothing) assertStatus(response, [], `ping "${client.baseUrl.host}"`);
  assertVersion2(client, response);
  const challenges = status === 401 ? parseChallenges(headers.get("www-authenticate") ?? "") : [];
  const bearer = challenges.find(({ scheme }) => scheme === "bearer")?.parameters;
  return {
    url: response.url.href,
    status,
    schemes: challenges.map(({ scheme }) => scheme),
    realm: bearer?.get("realm"),
    service: bearer?.get("service"),
    apiVersion: headers.get("docker-distribution-api-version") ?? undefined,
  };
}

/**
 * Whether it is a registry that speaks version 2 of the API; throws as {@linkcode ping} does where
 * that cannot be found out.
 */
export async function supportsVersion2(client: RegistryClient): Promise<boolean> {
  try {
    await ping(client);
    return true;
  } catch (error) {
    if (error instanceof RegctlError && error.code === "UNSUPPORTED") return false;
    throw error;
  }
}

/** Throws `UNSUPPORTED` when what answered `GET /v2/` is no registry. */
export function assertVersion2({ baseUrl }: RegistryClient, response: HttpResponse): void {
  if (speaksVersion2(response)) return;
  throw new RegctlError(
    "UNSUPPORTED",
    `${baseUrl.origin} answered ${response.status}: ` +
      "it does not speak version 2 of the registry API",
    { hint: "Check the host and the port" },
  );
}

/** Any web server has a 200; a registry names its version, answers JSON, or asks who is there. */
function speaksVersion2({ status, headers, body }: HttpResponse): boolean {
  if (status !== 200 && status !== 401) return false;
  if (/\bregistry\/2\.0\b/.test(headers.get("docker-distribution-api-version") ?? "")) return true;
  return status === 401 ? headers.has("www-authenticate") : isJson(body);
}

function isJson(body: Uint8Array): boolean {
  try {
    return typeof JSON.parse(new TextDecoder().decode(body)) === "object";
  } catch {
    return false;
  }
}
