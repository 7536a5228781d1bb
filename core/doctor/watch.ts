import type { TokenFacts } from "../auth/token_grant.ts";
import type { Clock } from "../host.ts";
import type { Stage } from "../http/exchange.ts";
import type { TransportObservers } from "../transport/transport.ts";
import { type ClockReading, readClock } from "./clock_skew.ts";
import type { TokenRecord } from "./facts.ts";
import { isRateLimitHeader } from "./rate_limit.ts";

// What a server sends is cut here, so that a report stays one.
const MAX_HEADERS = 20;
const MAX_TOKENS = 20;

/** What is seen beside the answers: headers of all responses, and tokens. */
export class Watch implements TransportObservers {
  readonly tokens: TokenRecord[] = [];
  /** The last value of each header about a rate limit, of the registry itself. */
  readonly rateLimitHeaders = new Map<string, string>();
  /** The reading with the shortest round trip, which is the most exact one. */
  clockReading: ClockReading | undefined;
  /** Whether the registry was told who asks. */
  hasIdentified = false;
  readonly observe: Stage;

  /** @param origin gives the registry's origin, which is known when the first request is sent */
  constructor(clock: Clock, origin: () => string) {
    this.observe = (next) => async (request) => {
      if (request.headers.has("authorization")) this.hasIdentified = true;
      const sentAt = clock.now();
      const response = await next(request);
      // A token server and a blob store have limits and clocks of their own.
      if (request.url.origin !== origin()) return response;
      this.#readHeaders(response.headers);
      const reading = readClock(response.headers, sentAt, clock.now());
      if (reading && !(reading.allowanceMs >= (this.clockReading?.allowanceMs ?? Infinity))) {
        this.clockReading = reading;
      }
      return response;
    };
  }

  readonly onToken = ({ asked, granted, lifetimeS }: TokenFacts): void => {
    const record = { asked, granted: granted ?? null, lifetimeSeconds: lifetimeS ?? null };
    // A token that replaces one is no other right.
    const same = this.tokens.findIndex((known) => known.asked.join(" ") === asked.join(" "));
    if (same >= 0) this.tokens[same] = record;
    else if (this.tokens.length < MAX_TOKENS) this.tokens.push(record);
  };

  #readHeaders(headers: Headers): void {
    for (const [name, value] of headers) {
      if (!isRateLimitHeader(name)) continue;
      if (this.rateLimitHeaders.size >= MAX_HEADERS && !this.rateLimitHeaders.has(name)) continue;
      this.rateLimitHeaders.set(name, value);
    }
  }
}
