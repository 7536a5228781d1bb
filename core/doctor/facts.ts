import type { ErrorCode } from "../errors.ts";

/**
 * All that was found out, in the shape that `-o json` prints: every key is there, null where a
 * check was not made or nothing was to be seen. Text comes from elsewhere, unless its key is one of
 * {@linkcode OWN_WORDS}.
 */
export interface Facts {
  /** What was named, as it was written. */
  readonly target: string;
  readonly kind: "registry" | "repository";
  /** The origin of the registry's API. */
  readonly url: string;
  /** Whether the host is this machine. */
  readonly local: boolean;
  readonly credential: Finding<CredentialFacts>;
  readonly api: Finding<ApiFacts>;
  /** Whether it lets us in: `GET /v2/` of a registry, the tags of a repository. */
  readonly access: Finding<AccessFacts>;
  readonly tokens: readonly TokenRecord[];
  /** Of a registry: whether it lists its repositories. */
  readonly catalog: Finding<CatalogFacts>;
  /** Of a repository: how it lists its tags. */
  readonly paging: Finding<PagingFacts>;
  /** Of a repository: whether manifests can be deleted. */
  readonly deletion: Finding<DeletionFacts>;
  /** Of a repository: how what refers to a manifest is found. */
  readonly referrers: Finding<ReferrersFacts>;
  readonly rateLimit: RateLimitFacts | null;
  readonly tls: Finding<TlsReport>;
  readonly clock: ClockFacts | null;
}

/** The keys of {@linkcode Facts} whose text is this program's own. */
export const OWN_WORDS: ReadonlySet<string> = new Set([
  "kind",
  "state",
  "code",
  "trust",
  "validFrom",
  "validTo",
]);

/** What a check brought: facts, the failure of the check, or null where it was not made. */
export type Finding<T> = T | CheckFailure | null;

/** Why a check brought nothing. */
export interface CheckFailure {
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    /** What can be done about it. */
    readonly hint: string | null;
  };
}

/** The credential that a challenge is answered with. */
export type CredentialFacts =
  | { readonly state: "none" }
  | {
    readonly state: "found";
    readonly kind: "password" | "identityToken" | "registryToken";
    /** Null where the credential is a token. */
    readonly username: string | null;
    /** The file, the helper or the flag that it is from. */
    readonly source: string;
  };

/** What `GET /v2/` says to somebody it does not know. */
export interface ApiFacts {
  /** 200, or 401 with a challenge. */
  readonly status: number;
  /** `Docker-Distribution-API-Version`. */
  readonly version: string | null;
  readonly schemes: readonly string[];
  /** The token server of a Bearer challenge, and the name that it knows the registry by. */
  readonly realm: string | null;
  readonly service: string | null;
}

/** That we were let in. */
export interface AccessFacts {
  readonly status: number;
}

/** A token that was given out. */
export interface TokenRecord {
  readonly asked: readonly string[];
  /** Null where nothing tells. */
  readonly granted: readonly string[] | null;
  /** As the token server says it; null where it does not. */
  readonly lifetimeSeconds: number | null;
}

/** Whether a registry lists its repositories to us. */
export interface CatalogFacts {
  readonly state: "open" | "closed";
  /** Null where the token server refused already. */
  readonly status: number | null;
}

/** How a repository lists its tags. */
export interface PagingFacts {
  /**
   * `pages`: a page as asked for, with a link to the next; `unlinked`: without one, though there is
   * more; `whole`: all at once, whatever is asked for; `unseen`: too few tags to tell.
   */
  readonly state: "pages" | "unlinked" | "whole" | "unseen";
  /** The largest `n` that was accepted; null where each was refused. */
  readonly largestAccepted: number | null;
  /** The values of `n` that were refused. */
  readonly refused: readonly number[];
  /** The entries of the largest page that came. */
  readonly largestPage: number;
  /** The largest page is shorter than asked for, and not the last one. */
  readonly isCapped: boolean;
}

/** Whether the repository lets us delete. */
export interface DeletionFacts {
  readonly state: "enabled" | "disabled" | "notAllowed" | "unknown";
  /** Null where the token server refused already. */
  readonly status: number | null;
}

/** Whether there is a referrers API (distribution-spec end-12). */
export interface ReferrersFacts {
  readonly state: "api" | "tags" | "unknown";
  readonly status: number;
}

/** What response headers say about a limit. */
export interface RateLimitFacts {
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly limit: number | null;
  readonly remaining: number | null;
  /** The time that the limit is for. */
  readonly windowSeconds: number | null;
}

/** The certificate, or why it is not visible. */
export type TlsReport =
  | { readonly state: "plain" | "proxy" }
  | {
    readonly state: "seen";
    readonly protocol: string;
    readonly subject: string;
    readonly issuer: string;
    readonly names: string;
    /** ISO 8601; null where it cannot be read. */
    readonly validFrom: string | null;
    readonly validTo: string | null;
    readonly daysLeft: number | null;
    readonly trust: "system" | "given" | "none";
    readonly reason: string | null;
  };

/** How far the registry's clock is from ours. */
export interface ClockFacts {
  /** Above 0 where the registry's is ahead. */
  readonly skewSeconds: number;
}

/** True for the failure of a check. */
export function isFailure(finding: Finding<object>): finding is CheckFailure {
  return finding !== null && "error" in finding;
}

/** The facts of a check; undefined where there are none. */
export function factsOf<T extends object>(finding: Finding<T>): T | undefined {
  return finding === null || isFailure(finding) ? undefined : finding as T;
}
