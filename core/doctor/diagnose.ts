import type { Credential } from "../auth/credential.ts";
import type { ErrorCode, RegctlError } from "../errors.ts";
import type { Clock } from "../host.ts";
import { isLoopbackHost } from "../reference/registry.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { TlsSettings } from "../runtime/tls_settings.ts";
import { attempt, toError } from "./attempt.ts";
import { checkPaging, readSmallPage } from "./check_paging.ts";
import { checkAccess, checkApi, checkCatalog } from "./check_registry.ts";
import { askForHead, checkDeletion, checkReferrers } from "./check_repository.ts";
import { checkTls } from "./check_tls.ts";
import { measureSkew } from "./clock_skew.ts";
import {
  type CheckFailure,
  type CredentialFacts,
  type Facts,
  factsOf,
  type Finding,
  isFailure,
} from "./facts.ts";
import { explainRateLimit } from "./rate_limit.ts";
import type { Subject } from "./subject.ts";
import type { Watch } from "./watch.ts";

/** What {@linkcode diagnose} looks at, and with what. */
export interface DiagnoseOptions {
  /** The target as it was written. */
  readonly target: string;
  /** The path of the repository in URLs. Default: the registry is looked at. */
  readonly path?: string | undefined;
  readonly client: RegistryClient;
  readonly findCredential: () => Promise<Credential | undefined>;
  readonly tlsFor: (url: URL) => Promise<TlsSettings | undefined>;
  /** Looks on at the client's requests. */
  readonly watch: Watch;
  readonly clock: Clock;
  readonly idleTimeoutMs: number;
  /** Told what comes next. Default: nobody is. */
  readonly onStep?: ((step: string) => void) | undefined;
}

// After one of these, more requests would bring more of the same.
const HOPELESS: ReadonlySet<ErrorCode> = new Set([
  "CONFIG",
  "NOT_FOUND",
  "UNAUTHORIZED",
  "DENIED",
  "RATE_LIMITED",
  "NETWORK",
  "TIMEOUT",
  "SERVER",
]);

/**
 * Makes all checks of a registry or a repository, one after the other. Nothing is changed. A check
 * that fails is a fact among the others; throws only where the user stops the program.
 */
export async function diagnose(options: DiagnoseOptions): Promise<Facts> {
  const { client, path, watch, clock, findCredential, onStep } = options;
  const { baseUrl, signal } = client;
  const step = async <T extends object>(name: string, check: () => Promise<T>) => {
    onStep?.(name);
    return await attempt(check);
  };
  const credential = await step("credential", () => readCredential(findCredential));
  const api = await step("version", () => checkApi(client));
  const tls = await step(
    "certificate",
    () => checkTls(baseUrl, { ...options, now: clock.now(), signal }),
  );
  const found = isFailure(api)
    ? NOTHING
    : path === undefined
    ? await lookIntoRegistry(client, api.status, step)
    : await lookIntoRepository({ client, path }, step);
  return {
    target: options.target,
    kind: path === undefined ? "registry" : "repository",
    url: baseUrl.origin,
    local: isLoopbackHost(baseUrl.host),
    credential,
    api,
    ...found,
    tokens: watch.tokens,
    rateLimit: explainRateLimit(watch.rateLimitHeaders),
    tls,
    clock: measureSkew(watch.clockReading),
  };
}

/** The failure that kept us from looking, or undefined where there was none. */
export function failureOf({ api, access }: Facts): RegctlError | undefined {
  const failure = [api, access].find((finding) => isFailure(finding));
  return failure && isFailure(failure) ? toError(failure) : undefined;
}

type Found = Pick<Facts, "access" | "catalog" | "paging" | "deletion" | "referrers">;
type Step = <T extends object>(name: string, check: () => Promise<T>) => Promise<Finding<T>>;

const NOTHING: Found = {
  access: null,
  catalog: null,
  paging: null,
  deletion: null,
  referrers: null,
};

async function lookIntoRegistry(
  client: RegistryClient,
  status: number,
  step: Step,
): Promise<Found> {
  // Who is let in unknown has no door to try.
  const access = status === 200 ? { status } : await step("access", () => checkAccess(client));
  if (isFailure(access)) return { ...NOTHING, access };
  return { ...NOTHING, access, catalog: await step("catalog", () => checkCatalog(client)) };
}

async function lookIntoRepository(subject: Subject, step: Step): Promise<Found> {
  const small = await step("tags", () => readSmallPage(subject));
  const page = factsOf(small);
  const access = page ? { status: page.status } : small as CheckFailure;
  if (isFailure(access) && HOPELESS.has(access.error.code)) return { ...NOTHING, access };
  const found = {
    access,
    catalog: null,
    paging: page ? await step("paging", () => checkPaging(subject, page)) : null,
    deletion: await step("deletion", () => checkDeletion(subject)),
    referrers: await step("referrers", () => checkReferrers(subject)),
  };
  await step("rate limit", () => askForHead(subject, page?.first));
  return found;
}

async function readCredential(find: DiagnoseOptions["findCredential"]): Promise<CredentialFacts> {
  const credential = await find();
  if (!credential) return { state: "none" };
  const { kind, source } = credential;
  const username = credential.kind === "password" ? credential.username : null;
  return { state: "found", kind, username, source };
}
