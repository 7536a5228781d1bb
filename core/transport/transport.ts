import type { Credential } from "../auth/credential.ts";
import type { TokenFacts } from "../auth/token_grant.ts";
import type { Clock } from "../host.ts";
import { compose, type Send, type Stage } from "../http/exchange.ts";
import type { Secrets } from "../http/redact.ts";
import type { RawFetch } from "../runtime/raw_fetch.ts";
import { authorize } from "./authorize.ts";
import { identify } from "./identify.ts";
import { logRequests } from "./log.ts";
import { createNetwork } from "./network.ts";
import { followRedirects } from "./redirect.ts";
import { resume } from "./resume.ts";
import { retry } from "./retry.ts";
import { throttle } from "./throttle.ts";

/** Who looks on while requests are sent, and changes nothing. */
export interface TransportObservers {
  /** Sees each request as it goes out, repeated ones and those for a token too. Default: none. */
  readonly observe?: Stage | undefined;
  /** Told about each token that comes. Default: nobody is. */
  readonly onToken?: ((facts: TokenFacts) => void) | undefined;
}

/** What {@linkcode createTransport} puts together. */
export interface TransportOptions extends TransportObservers {
  readonly registry: URL;
  readonly fetch: RawFetch;
  readonly findCredential: () => Promise<Credential | undefined>;
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly userAgent: string;
  readonly idleTimeoutMs: number;
  readonly retries: number;
  /** When the whole call must be over, in milliseconds since the epoch. Default: never. */
  readonly deadline?: number | undefined;
  /** A remark for the user, such as a long wait. */
  readonly notify: (note: string) => void;
  /** Writes a line of the request log. Default: no log. */
  readonly log?: { readonly headers: boolean; readonly write: (line: string) => void } | undefined;
}

/**
 * Builds the pipeline to one registry. Retry sits under authorization, so that a network fault
 * does not repeat a token exchange; the log sits under retry, so that each try is a line. The
 * throttle sits between them, so that each try waits for its turn, and no line counts that time.
 * What takes up a broken stream again sits above authorization, since a token may have run out by
 * then.
 */
export function createTransport(options: TransportOptions): Send {
  const { clock, log, registry, findCredential, secrets, observe, onToken } = options;
  const network = createNetwork(options);
  const takeTurns = throttle({ clock, retries: options.retries });
  const createPipeline = (withHeaders: boolean) =>
    compose(
      network,
      identify(options.userAgent),
      followRedirects(),
      retry(options),
      takeTurns,
      ...(log ? [logRequests({ clock, ...log, headers: withHeaders })] : []),
      ...(observe ? [observe] : []),
    );
  // The headers of its answers may hold the token, which nobody knows yet.
  const sendToTokenServer = createPipeline(false);
  return compose(
    createPipeline(log?.headers === true),
    resume(options),
    authorize({ registry, findCredential, sendToTokenServer, clock, secrets, onToken }),
  );
}
