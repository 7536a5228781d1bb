/** What proves who asks, and where it was found. */
export type Credential = PasswordCredential | IdentityTokenCredential | RegistryTokenCredential;

/** A user with a password, or with an access token in its place. */
export interface PasswordCredential {
  /** Tells the three kinds apart. */
  readonly kind: "password";
  /** Without a colon. */
  readonly username: string;
  /** It may hold colons, and any character. */
  readonly password: string;
  /** Where it was found, for error messages: `~/.docker/config.json`. */
  readonly source: string;
}

/** A refresh token (OAuth 2). It is for the token server alone. */
export interface IdentityTokenCredential {
  /** Tells the three kinds apart. */
  readonly kind: "identityToken";
  /** The token. */
  readonly identityToken: string;
  /** Where it was found, for error messages. */
  readonly source: string;
}

/** A bearer token for the registry itself, used as it is. */
export interface RegistryTokenCredential {
  /** Tells the three kinds apart. */
  readonly kind: "registryToken";
  /** The token. */
  readonly registryToken: string;
  /** Where it was found, for error messages. */
  readonly source: string;
}

/** The credential of a user with a password, or with an access token in its place. */
export function passwordCredential(username: string, password: string): Credential {
  return { kind: "password", username, password, source: "the caller" };
}

/** What a log-in can store. */
export type LoginCredential = PasswordCredential | IdentityTokenCredential;

/** The user name that stands for an identity token (docker-credential-helpers). */
export const IDENTITY_TOKEN_USER = "<token>";

/** The value of an `Authorization` header for Basic authentication (RFC 7617), in UTF-8. */
export function formatBasic(username: string, password: string): string {
  const bytes = new TextEncoder().encode(`${username}:${password}`);
  return `Basic ${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))}`;
}

/** In whose name a request is sent, for error messages. */
export function describeCredential(credential: Credential | undefined): string {
  if (!credential) return "anonymously";
  if (credential.kind !== "password") return `with the token from ${credential.source}`;
  return `as "${credential.username}" (from ${credential.source})`;
}

/** The parts of a credential that must never be shown. */
export function secretsOf(credential: Credential): string[] {
  switch (credential.kind) {
    case "password":
      return [
        credential.password,
        formatBasic(credential.username, credential.password).slice("Basic ".length),
      ];
    case "identityToken":
      return [credential.identityToken];
    case "registryToken":
      return [credential.registryToken];
  }
}
