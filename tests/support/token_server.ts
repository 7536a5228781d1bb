import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { text } from "node:stream/consumers";
import { importPKCS8, SignJWT } from "jose";
import { createSelfSigned } from "./certificates.ts";
import { listen } from "./listen.ts";
import { type Access, parseScopes } from "./token_scope.ts";

/** A request the token server received. */
export interface TokenRequest {
  readonly method: string;
  readonly query: URLSearchParams;
  /** The fields of a POST; empty for GET. */
  readonly form: URLSearchParams;
  readonly authorization: string | undefined;
}

/** Options of {@linkcode startTokenServer}. */
export interface TokenServerOptions {
  /** Password of each user. */
  readonly users: Readonly<Record<string, string>>;
  /** Actions for everyone, by repository. Default: none. */
  readonly anonymous?: Readonly<Record<string, readonly string[]>>;
  /** Which of the wanted actions someone gets. Default: a known user all, nobody else anything. */
  readonly grants?: (
    user: string | undefined,
    type: string,
    name: string,
    actions: readonly string[],
  ) => readonly string[];
  /** Life of a token in seconds. Default: 300. */
  readonly lifetimeSeconds?: number;
  /** What `expires_in` says when it shall lie; null leaves it out. Default: the true life. */
  readonly claimedLifetimeSeconds?: number | null;
  /**
   * Seconds taken off the `exp` claim. distribution (2.8.2 included) accepts a token for 60 s after `exp`;
   * `lifetimeSeconds: 1, leewaySeconds: 60` makes one that it refuses between 1 and 2 seconds after issue. Default: 0.
   */
  readonly leewaySeconds?: number;
  /** Known refresh tokens and whose they are. Default: none; the server adds those it gives out. */
  readonly refreshTokens?: Readonly<Record<string, string>>;
  /** Answer POST with 404, as servers without OAuth2 do. Default: false. */
  readonly withoutOauth2?: boolean;
  /** Speak TLS. Default: plain HTTP. */
  readonly tls?: { readonly keyPem: string; readonly certPem: string };
}

/** A running token server of the distribution token specification; also signs tokens for a test directly. */
export interface TokenServer extends AsyncDisposable {
  readonly url: string;
  /** The address for the registry's `realm`. */
  readonly realm: string;
  readonly issuer: string;
  readonly service: string;
  /** The certificate of the signing key, for the registry's `rootcertbundle`. */
  readonly certificatePem: string;
  readonly requests: readonly TokenRequest[];
  /** Refresh token to user. */
  readonly refreshTokens: Map<string, string>;
  /** Signs a token without a request, for example to push with. */
  issue(access: readonly Access[], subject?: string): Promise<string>;
}

const SERVICE = "registry.test";
const ISSUER = "token.test";

/** Starts a token server on 127.0.0.1: `GET /token` with optional Basic, and the OAuth2 `POST /token`. */
export async function startTokenServer(options: TokenServerOptions): Promise<TokenServer> {
  const signing = await createSelfSigned({ names: [ISSUER] });
  const key = await importPKCS8(signing.keyPem, "ES256");
  const requests: TokenRequest[] = [];
  const refreshTokens = new Map(Object.entries(options.refreshTokens ?? {}));
  const lifetime = options.lifetimeSeconds ?? 300;

  async function issue(access: readonly Access[], subject = ""): Promise<string> {
    const now = Math.ceil(Date.now() / 1000);
    return await new SignJWT({ access })
      // distribution finds the key through the certificate chain alone.
      .setProtectedHeader({ alg: "ES256", typ: "JWT", x5c: [pemToBase64(signing.certPem)] })
      .setIssuer(ISSUER).setSubject(subject).setAudience(SERVICE).setJti(randomUUID())
      .setIssuedAt(now).setNotBefore(now - 10)
      .setExpirationTime(now + lifetime - (options.leewaySeconds ?? 0))
      .sign(key);
  }

  async function answer(request: TokenRequest, response: ServerResponse): Promise<void> {
    const isPost = request.method === "POST";
    if (isPost && options.withoutOauth2) return send(response, 404, {});
    const fields = isPost ? request.form : request.query;
    const user = isPost ? formUser(fields) : basicUser(request.authorization);
    if (user === null || fields.get("service") !== SERVICE) {
      const errors = [{ code: "UNAUTHORIZED", message: "incorrect username or password" }];
      return send(response, 401, { errors });
    }
    const token = await issue(grant(user, parseScopes(fields.getAll("scope"))), user);
    const wantsRefresh = fields.get("offline_token") === "true" ||
      fields.get("access_type") === "offline";
    const claimed = options.claimedLifetimeSeconds;
    send(response, 200, {
      ...(isPost ? {} : { token }),
      access_token: token,
      ...(claimed === null ? {} : { expires_in: claimed ?? lifetime }),
      issued_at: new Date().toISOString(),
      ...(wantsRefresh && user !== undefined ? { refresh_token: addRefreshToken(user) } : {}),
    });
  }

  function grant(user: string | undefined, wanted: readonly Access[]): Access[] {
    const isKnown = user !== undefined;
    return wanted.map(({ type, name, actions }) => {
      const forAll = type === "repository" ? options.anonymous?.[name] ?? [] : [];
      const own = options.grants?.(user, type, name, actions) ?? (isKnown ? actions : []);
      const granted = actions.filter((action) => own.includes(action) || forAll.includes(action));
      return { type, name, actions: granted };
    }).filter(({ actions }) => actions.length > 0);
  }

  /** The user's name; undefined: anonymous; null: refused. */
  function basicUser(authorization: string | undefined): string | undefined | null {
    if (authorization === undefined) return undefined;
    const [scheme = "", value = ""] = authorization.split(" ");
    if (scheme.toLowerCase() !== "basic") return null;
    const [, user = "", password] = /^([^:]*):(.*)$/s.exec(
      Buffer.from(value, "base64").toString("utf8"),
    ) ?? [];
    return checkPassword(user, password);
  }

  function formUser(form: URLSearchParams): string | null {
    const grantType = form.get("grant_type");
    if (grantType === "refresh_token") {
      return refreshTokens.get(form.get("refresh_token") ?? "") ?? null;
    }
    if (grantType !== "password") return null;
    return checkPassword(form.get("username") ?? "", form.get("password"));
  }

  function checkPassword(user: string, password: string | undefined | null): string | null {
    return Object.hasOwn(options.users, user) && options.users[user] === password ? user : null;
  }

  function addRefreshToken(user: string): string {
    const token = randomUUID();
    refreshTokens.set(token, user);
    return token;
  }

  async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = new URL(message.url ?? "/", "http://token.test");
    const request: TokenRequest = {
      method: message.method ?? "",
      query: target.searchParams,
      form: new URLSearchParams(await text(message)),
      authorization: message.headers.authorization,
    };
    requests.push(request);
    if (target.pathname !== "/token") return send(response, 404, {});
    await answer(request, response);
  }

  const { tls } = options;
  const onRequest = (message: IncomingMessage, response: ServerResponse) =>
    void handle(message, response).catch((error) => send(response, 500, { error: String(error) }));
  const server = tls === undefined
    ? createServer(onRequest)
    : createTlsServer({ key: tls.keyPem, cert: tls.certPem }, onRequest);
  const listener = await listen(server);
  const url = `${tls === undefined ? "http" : "https"}://127.0.0.1:${listener.port}`;
  return {
    url,
    realm: `${url}/token`,
    issuer: ISSUER,
    service: SERVICE,
    certificatePem: signing.certPem,
    requests,
    refreshTokens,
    issue,
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json", "connection": "close" });
  response.end(JSON.stringify(body));
}

function pemToBase64(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s/g, "");
}
