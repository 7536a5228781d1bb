import { RegctlError, withDoubt } from "../errors.ts";
import type { Clock } from "../host.ts";
import type { HttpRequest, HttpResponse, Stage } from "../http/exchange.ts";
import { NetworkError } from "../http/network_error.ts";
import { parseRetryAfter } from "../http/retry_after.ts";

const IDEMPOTENT = new Set(["GET", "HEAD", "PUT", "DELETE"]);
const RETRIED_STATUSES = new Set([408, 429, 500, 502, 503, 504]);

/** A server that answers so may have done what was asked; 429 and 503 say that it has not. */
const DOUBTFUL_STATUSES = new Set([408, 500, 502, 504]);

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 10_000;
/** A server that asks for more is asked again after this, and fails the call in the end. */
export const MAX_RETRY_AFTER_MS = 60_000;
// Nobody should stare at a terminal that says nothing for longer.
const NOTE_FROM_MS = 2_000;

/** How {@linkcode retry} behaves. */
export interface RetryOptions {
  readonly clock: Clock;
  /** How often a request is repeated at most. */
  readonly retries: number;
  /** When the whole call must be over, in milliseconds since the epoch. Default: never. */
  readonly deadline?: number | undefined;
  /** Told about each wait that is long enough to puzzle a person. */
  readonly notify: (note: string) => void;
}

/**
 * Repeats idempotent requests (RFC 9110 section 9.2.2) after a failed connection or a status that
 * says "not now", with a growing, jittered delay, or the one that `Retry-After` asks for.
 *
 * Throws `RATE_LIMITED` at once where the wait would go past the deadline.
 */
export function retry(options: RetryOptions): Stage {
  const { clock, retries } = options;
  return (next) => async (request) => {
    const isRepeatable = request.idempotent ?? IDEMPOTENT.has(request.method);
    const tries = isRepeatable ? retries + 1 : 1;
    let mayHaveArrived = false;
    const finish = (response: HttpResponse, attempts: number) => ({
      ...response,
      attempts,
      ...(mayHaveArrived && { mayHaveArrived }),
    });
    const send = async (attempt: number): Promise<HttpResponse | undefined> => {
      const isLast = attempt >= tries;
      let delay: number;
      let stand: () => HttpResponse;
      try {
        const response = await next(request);
        if (!RETRIED_STATUSES.has(response.status) || isLast) {
          return finish(response, attempt);
        }
        const asked = parseRetryAfter(response.headers.get("retry-after"), clock.now());
        delay = Math.min(asked ?? backoff(attempt, clock), MAX_RETRY_AFTER_MS);
        if (asked !== undefined) assertBeforeDeadline(response, asked, options);
        // A wait of our own that outlasts the call: the answer says more than the time-out would.
        else if (isBeyondDeadline(delay, options)) return finish(response, attempt);
        mayHaveArrived ||= DOUBTFUL_STATUSES.has(response.status);
        stand = () => finish(response, attempt);
        announce(request, `answered ${response.status}`, delay, options);
      } catch (error) {
        if (isLast || !isTransient(error)) throw error;
        mayHaveArrived ||= error instanceof NetworkError && error.failure === "lost";
        delay = backoff(attempt, clock);
        stand = () => {
          throw error;
        };
        announce(request, "could not be reached", delay, options);
      }
      await clock.sleep(delay, request.signal);
      return request.mayRepeat && !await request.mayRepeat() ? stand() : undefined;
    };
    try {
      for (let attempt = 1;; attempt++) {
        const response = await send(attempt);
        if (response) return response;
      }
    } catch (error) {
      throw mayHaveArrived && !(error instanceof NetworkError) ? withDoubt(error) : error;
    }
  };
}

/** A certificate does not get better by itself, and a drip has had its time. */
export function isTransient(error: unknown): boolean {
  return error instanceof NetworkError &&
    !["certificate", "tls", "stalled", "other"].includes(error.failure);
}

/** Equal jitter: half fixed, half random, so that many clients do not come back at once. */
export function backoff(attempt: number, clock: Clock): number {
  const ceiling = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
  return ceiling / 2 + clock.random() * ceiling / 2;
}

function isBeyondDeadline(delay: number, { clock, deadline }: RetryOptions): boolean {
  return deadline !== undefined && clock.now() + delay > deadline;
}

function assertBeforeDeadline(
  response: HttpResponse,
  delay: number,
  options: RetryOptions,
): void {
  if (!isBeyondDeadline(delay, options)) return;
  const seconds = Math.ceil(delay / 1000);
  throw new RegctlError(
    response.status === 429 ? "RATE_LIMITED" : "SERVER",
    `${response.url.host} answered ${response.status} and asks to wait ${seconds} s, ` +
      "which is longer than --timeout allows",
    { hint: `Try again in ${seconds} s` },
  );
}

function announce(request: HttpRequest, what: string, delay: number, options: RetryOptions): void {
  if (delay <= NOTE_FROM_MS) return;
  options.notify(`${request.url.host} ${what}, trying again in ${Math.round(delay / 1000)} s`);
}
