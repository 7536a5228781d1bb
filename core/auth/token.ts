import { RegctlError } from "../errors.ts";
import type { Clock } from "../host.ts";
import type { Challenge } from "../http/challenge.ts";
import { type HttpResponse, MAX_ERROR_BYTES, type Send } from "../http/exchange.ts";
import { assertAllowedTarget } from "../http/target.ts";
import { describeErrorBody } from "../oci/error_body.ts";
import { isObject } from "../oci/json_object.ts";
import { type Credential, describeCredential, formatBasic } from "./credential.ts";

/** A bearer token for the registry. */
export interface Token {
  readonly value: string;
  /** When it is to be replaced, in milliseconds since the epoch by our own clock. */
  readonly renewAt: number;
  /** The lifetime that the token server named, in seconds. */
  readonly lifetimeS: number | undefined;
  /** The `scope` that it named. */
  readonly scope: string | undefined;
}

/** What a token is asked for. */
export interface TokenRequest {
  /** The registry's Bearer challenge. */
  readonly challenge: Challenge;
  /** Where the challenge came from. */
  readonly registry: URL;
  readonly scopes: readonly string[];
  readonly credential: Credential | undefined;
  readonly signal?: AbortSignal | undefined;
}

// The specification's default and, for old clients' sake, lower bound of servers.
const DEFAULT_LIFETIME_S = 60;

/**
 * Gets a token as distribution's docs/spec/auth/token.md says, by GET with Basic authentication,
 * or for an identity token as oauth.md says, by POST. Without a credential it is anonymous.
 *
 * Throws `UNAUTHORIZED` when the token server refuses, `INVALID_RESPONSE` when it is not one.
 */
export async function requestToken(
  send: Send,
  clock: Clock,
  request: TokenRequest,
): Promise<Token> {
  const realm = parseRealm(request);
  const askedAt = clock.now();
  const response = request.credential?.kind === "identityToken"
    ? await post(send, realm, request, request.credential.identityToken)
    : await get(send, realm, request);
  if (response.status !== 200) throw refusal(response, realm, request);
  const answer = parseAnswer(response.body);
  if (!answer) {
    throw new RegctlError(
      "INVALID_RESPONSE",
      `Cannot get a token for ${request.registry.host}: the token server ${realm.host} sent none`,
    );
  }
  const { token, lifetimeS, scope } = answer;
  const renewAt = askedAt + renewalDelayMs(lifetimeS ?? DEFAULT_LIFETIME_S);
  return { value: token, renewAt, lifetimeS, scope };
}

function parseRealm({ challenge, registry }: TokenRequest): URL {
  const realm = challenge.parameters.get("realm") ?? "";
  if (!URL.canParse(realm, registry.href) || realm === "") {
    throw new RegctlError(
      "INVALID_RESPONSE",
      `Cannot get a token for ${registry.host}: its challenge names no token server`,
    );
  }
  const url = new URL(realm, registry);
  assertAllowedTarget(url, registry, "its token server");
  return url;
}

async function get(send: Send, realm: URL, request: TokenRequest): Promise<HttpResponse> {
  const { challenge, scopes, credential } = request;
  const url = new URL(realm);
  const service = challenge.parameters.get("service");
  if (service !== undefined) url.searchParams.append("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  const headers = new Headers({ accept: "application/json" });
  if (credential?.kind === "password") {
    url.searchParams.append("account", credential.username);
    headers.set("authorization", formatBasic(credential.username, credential.password));
  }
  return await send({
    method: "GET",
    url,
    headers,
    maxBytes: MAX_ERROR_BYTES,
    ...(request.signal && { signal: request.signal }),
  });
}

async function post(
  send: Send,
  realm: URL,
  { challenge, scopes, signal }: TokenRequest,
  identityToken: string,
): Promise<HttpResponse> {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    service: challenge.parameters.get("service") ?? "",
    client_id: "regctl",
    scope: scopes.join(" "),
    refresh_token: identityToken,
  });
  return await send({
    method: "POST",
    url: realm,
    headers: new Headers({
      accept: "application/json",
      "content-type": "application/x-www-form-urlencoded",
    }),
    body: new TextEncoder().encode(form.toString()),
    // A refresh token stays valid: asking twice gives two access tokens.
    idempotent: true,
    maxBytes: MAX_ERROR_BYTES,
    ...(signal && { signal }),
  });
}

/** Reads `token` or `access_token`, `expires_in` in seconds, and `scope`. */
function parseAnswer(body: Uint8Array) {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const token = value["token"] || value["access_token"];
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) return undefined;
  const lifetime = value["expires_in"];
  const isLifetime = typeof lifetime === "number" && Number.isFinite(lifetime) && lifetime > 0;
  const scope = value["scope"];
  return {
    token,
    lifetimeS: isLifetime ? lifetime : undefined,
    scope: typeof scope === "string" ? scope : undefined,
  };
}

/** Shortly before the end, so that a request under way does not outlive its token. */
function renewalDelayMs(lifetimeS: number): number {
  return lifetimeS * 1000 - Math.min(5000, lifetimeS * 100);
}

function refusal(response: HttpResponse, realm: URL, request: TokenRequest): RegctlError {
  const { status } = response;
  const said = describeErrorBody(response);
  const message =
    `Cannot get a token for ${request.registry.host} ${describeCredential(request.credential)}: ` +
    `the token server ${realm.host} answered ${status}${said}`;
  if (status === 429) return new RegctlError("RATE_LIMITED", message);
  if (status >= 500) return new RegctlError("SERVER", message);
  return new RegctlError("UNAUTHORIZED", message, {
    hint: request.credential
      ? "Check the user name and the password or access token"
      : "Give credentials with -u USER --password-stdin, or log in with regctl login",
  });
}
