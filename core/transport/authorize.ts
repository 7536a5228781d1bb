import { describeCredential, formatBasic } from "../auth/credential.ts";
import type { Credential } from "../auth/credential.ts";
import { mergeScopes, parseScopes } from "../auth/scope.ts";
import { requestToken, type Token } from "../auth/token.ts";
import { type TokenFacts, tryReadGrant } from "../auth/token_grant.ts";
import { RegctlError } from "../errors.ts";
import type { Clock } from "../host.ts";
import { type Challenge, parseChallenges } from "../http/challenge.ts";
import type { HttpRequest, HttpResponse, Send, Stage } from "../http/exchange.ts";
import type { Secrets } from "../http/redact.ts";

// One exchange for the challenge, one more when the registry then names a wider scope.
const MAX_ROUNDS = 2;

/** How {@linkcode authorize} behaves. */
export interface AuthorizeOptions {
  /** The one origin that credentials are for. */
  readonly registry: URL;
  /** Finds the credential; called at the first challenge, and once. */
  readonly findCredential: () => Promise<Credential | undefined>;
  /** The pipeline without authorization, for the token server. */
  readonly sendToTokenServer: Send;
  readonly clock: Clock;
  /** Learns the tokens, so that they are never shown. */
  readonly secrets: Secrets;
  /** Told about each token that comes. Default: nobody is. */
  readonly onToken?: ((facts: TokenFacts) => void) | undefined;
}

/**
 * Answers the registry's challenges: nothing is sent before a 401 asks for it. What a challenge
 * led to is kept, so that later requests carry it from the start; a token is renewed shortly
 * before it ends, and when the registry refuses it early. Requests that need the same token share
 * one exchange.
 */
export function authorize(options: AuthorizeOptions): Stage {
  return (next) => {
    const authorizer = new Authorizer(options);
    return (request) => authorizer.send(next, request);
  };
}

/** What a challenge led to. */
type Scheme =
  | { readonly kind: "basic"; readonly header: string }
  | { readonly kind: "fixed"; readonly header: string }
  | { readonly kind: "bearer"; readonly challenge: Challenge; readonly scopes: readonly string[] };

/** A token that is there, or on its way. */
interface Exchange {
  readonly promise: Promise<Token>;
  /** Set when it is there. */
  token?: Token;
}

class Authorizer {
  readonly #options: AuthorizeOptions;
  /** By the scopes that a request says it needs. */
  readonly #schemes = new Map<string, Scheme>();
  /** By the scopes that were asked for. */
  readonly #exchanges = new Map<string, Exchange>();
  #search: Promise<Credential | undefined> | undefined;
  /** Once it is found. */
  #credential: Credential | undefined;

  constructor(options: AuthorizeOptions) {
    this.#options = options;
  }

  async send(next: Send, request: HttpRequest): Promise<HttpResponse> {
    if (request.anonymous || request.url.origin !== this.#options.registry.origin) {
      return await next(request);
    }
    const key = (request.scopes ?? []).join(" ");
    let mayHaveArrived = false;
    for (let round = 0;; round++) {
      const scheme = this.#schemes.get(key);
      const header = scheme && await this.#authorization(scheme, request);
      const response = await next(header === undefined ? request : withHeader(request, header));
      mayHaveArrived ||= response.mayHaveArrived === true;
      // A challenge from elsewhere, behind a redirect, is not ours to answer.
      const isOurs = response.url.origin === this.#options.registry.origin;
      const nextScheme = response.status === 401 && isOurs && round < MAX_ROUNDS &&
        await this.#answer(response, request, scheme, round);
      if (!nextScheme) {
        const identity = describeCredential(this.#credential);
        return {
          ...response,
          identity,
          ...(mayHaveArrived && { mayHaveArrived }),
          ...(!isOurs && { redirectedFrom: this.#options.registry.host }),
        };
      }
      if (scheme?.kind === "bearer") this.#drop(scheme, header);
      this.#schemes.set(key, nextScheme);
    }
  }

  /** Chooses what to try next, or undefined when trying again would be the same again. */
  async #answer(
    response: HttpResponse,
    request: HttpRequest,
    tried: Scheme | undefined,
    round: number,
  ): Promise<Scheme | undefined> {
    const credential = await this.#findCredential();
    if (credential?.kind === "registryToken") {
      if (tried) return undefined;
      return { kind: "fixed", header: `Bearer ${credential.registryToken}` };
    }
    // What was refused needs no new challenge to be refused.
    if (tried && !response.headers.has("www-authenticate")) return undefined;
    const challenge = chooseChallenge(response);
    if (challenge.scheme === "basic") {
      if (tried?.kind === "basic" || credential?.kind !== "password") return undefined;
      return { kind: "basic", header: formatBasic(credential.username, credential.password) };
    }
    const asked = parseScopes(challenge.parameters.get("scope"));
    const wanted = asked.length > 0 ? asked : request.scopes ?? [];
    if (tried?.kind !== "bearer") return { kind: "bearer", challenge, scopes: wanted };
    const merged = mergeScopes([...tried.scopes, ...wanted]);
    const isWider = merged.join(" ") !== mergeScopes(tried.scopes).join(" ");
    // The same scopes again help only where the token has been refused before its time.
    if (!isWider && round > 0) return undefined;
    return { kind: "bearer", challenge, scopes: isWider ? merged : tried.scopes };
  }

  async #authorization(scheme: Scheme, request: HttpRequest): Promise<string> {
    if (scheme.kind !== "bearer") return scheme.header;
    const key = scheme.scopes.join(" ");
    let exchange = this.#exchanges.get(key);
    // Decided without waiting, so that two requests cannot both begin.
    if (!exchange || (exchange.token && exchange.token.renewAt <= this.#options.clock.now())) {
      exchange = this.#begin(scheme, request);
      this.#exchanges.set(key, exchange);
    }
    return `Bearer ${(await exchange.promise).value}`;
  }

  #begin(scheme: Scheme & { kind: "bearer" }, request: HttpRequest): Exchange {
    const exchange: Exchange = {
      promise: this.#exchange(scheme.challenge, scheme.scopes, request).then((token) => {
        exchange.token = token;
        return token;
      }, (error) => {
        this.#exchanges.delete(scheme.scopes.join(" "));
        throw error;
      }),
    };
    return exchange;
  }

  /** Forgets a token that was refused, unless another request has replaced it already. */
  #drop(scheme: Scheme & { kind: "bearer" }, header: string | undefined): void {
    const key = scheme.scopes.join(" ");
    const token = this.#exchanges.get(key)?.token;
    if (token && header === `Bearer ${token.value}`) this.#exchanges.delete(key);
  }

  async #exchange(
    challenge: Challenge,
    scopes: readonly string[],
    request: HttpRequest,
  ): Promise<Token> {
    const { sendToTokenServer, clock, registry, secrets, onToken } = this.#options;
    const credential = await this.#findCredential();
    const token = await requestToken(sendToTokenServer, clock, {
      challenge,
      registry,
      scopes,
      credential,
      signal: request.signal,
    });
    secrets.add(token.value);
    const { value, scope, lifetimeS } = token;
    onToken?.({ asked: scopes, granted: tryReadGrant(value, scope), lifetimeS });
    return token;
  }

  async #findCredential(): Promise<Credential | undefined> {
    this.#search ??= this.#options.findCredential();
    try {
      this.#credential = await this.#search;
      return this.#credential;
    } catch (error) {
      // What failed once, such as a locked keychain, may be found the next time.
      this.#search = undefined;
      throw error;
    }
  }
}

/** Bearer before Basic; throws `UNSUPPORTED` where there is neither. */
function chooseChallenge(response: HttpResponse): Challenge {
  const challenges = parseChallenges(response.headers.get("www-authenticate") ?? "");
  const chosen = challenges.find(({ scheme }) => scheme === "bearer") ??
    challenges.find(({ scheme }) => scheme === "basic");
  if (chosen) return chosen;
  const { host } = response.url;
  if (challenges.length === 0) {
    throw new RegctlError(
      "INVALID_RESPONSE",
      `${host} answered 401 without saying how to authenticate`,
    );
  }
  const names = challenges.map(({ scheme }) => scheme).join(", ");
  throw new RegctlError(
    "UNSUPPORTED",
    `${host} asks for an authentication scheme that is not ` +
      `supported: ${names}`,
    { hint: "Bearer and Basic are supported" },
  );
}

function withHeader(request: HttpRequest, authorization: string): HttpRequest {
  const headers = new Headers(request.headers);
  headers.set("authorization", authorization);
  return { ...request, headers };
}
