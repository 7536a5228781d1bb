import type { Credential } from "../auth/credential.ts";
import { secretsOf } from "../auth/credential.ts";
import type { Clock } from "../host.ts";
import { Secrets } from "../http/redact.ts";
import type { Registry } from "../reference/registry.ts";
import { createFetch } from "../runtime/fetch.ts";
import type { RawFetch } from "../runtime/raw_fetch.ts";
import { SYSTEM_CLOCK } from "../runtime/system_clock.ts";
import { createTransport, type TransportObservers } from "../transport/transport.ts";
import { VERSION } from "../version.ts";
import { type BaseUrlOptions, type RegistryClient, resolveBaseUrl } from "./client.ts";

/** How a registry is to be asked; see {@linkcode createClient}. */
export interface ClientOptions extends BaseUrlOptions, TransportObservers {
  /**
   * Finds the credential; called once, when the registry first asks who is there. Default: nobody
   * in particular.
   */
  readonly findCredential?: (() => Promise<Credential | undefined>) | undefined;
  /** Default: `regctl/` and the version. */
  readonly userAgent?: string | undefined;
  /** How often a request that failed for a reason that may pass is repeated at most. Default: 4. */
  readonly retries?: number | undefined;
  /** Ends a request that brings next to nothing for this many milliseconds. Default: 30,000. */
  readonly idleTimeoutMs?: number | undefined;
  /** No retry is waited for beyond this moment, in milliseconds since the epoch. Default: none. */
  readonly deadline?: number | undefined;
  /** Ends every request; its reason is thrown. Default: nothing does. */
  readonly signal?: AbortSignal | undefined;
  /** Reaches the network. Default: the runtime's `fetch`. */
  readonly fetch?: RawFetch | undefined;
  /** Default: the machine's own. */
  readonly clock?: Clock | undefined;
  /** Learns the credential and the tokens, so that they can be kept out of logs. Default: nobody does. */
  readonly secrets?: Secrets | undefined;
  /** Gets remarks, such as on a long wait. Default: nobody does. */
  readonly notify?: ((note: string) => void) | undefined;
  /** Gets a line for each request, without secrets, and its headers if asked for. Default: no log. */
  readonly log?: { readonly headers: boolean; readonly write: (line: string) => void } | undefined;
}

/** Makes the client of one registry: what all operations take. Nothing is sent yet. */
export function createClient(registry: Registry, options: ClientOptions = {}): RegistryClient {
  const { secrets = new Secrets(), clock = SYSTEM_CLOCK, signal } = options;
  const baseUrl = resolveBaseUrl(registry, options);
  const send = createTransport({
    registry: baseUrl,
    fetch: options.fetch ?? createFetch(() => Promise.resolve(undefined)),
    findCredential: async () => {
      const credential = await options.findCredential?.();
      if (credential) secretsOf(credential).forEach((secret) => secrets.add(secret));
      return credential;
    },
    clock,
    secrets,
    userAgent: options.userAgent ?? `regctl/${VERSION}`,
    idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
    retries: options.retries ?? 4,
    deadline: options.deadline,
    notify: options.notify ?? (() => {}),
    log: options.log,
    observe: options.observe,
    onToken: options.onToken,
  });
  return { baseUrl, send, signal };
}
