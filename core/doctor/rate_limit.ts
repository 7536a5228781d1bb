import { parseQuota } from "../http/quota.ts";
import type { RateLimitFacts } from "./facts.ts";

const RATE_LIMIT_HEADER = /^(?:(?:x-)?ratelimit-|docker-ratelimit-source$|(?:x-)?retry-after$)/;

/** True for the name, in lower case, of a header that tells of a rate limit. */
export function isRateLimitHeader(name: string): boolean {
  return RATE_LIMIT_HEADER.test(name);
}

/**
 * Reads what is understood of the headers: `100;w=21600` of Docker Hub is 100 in 21,600 seconds.
 * Null where there are none.
 */
export function explainRateLimit(headers: ReadonlyMap<string, string>): RateLimitFacts | null {
  if (headers.size === 0) return null;
  const read = (name: string) =>
    parseQuota(headers.get(`ratelimit-${name}`) ?? headers.get(`x-ratelimit-${name}`) ?? "");
  const limit = read("limit");
  const remaining = read("remaining");
  return {
    headers: [...headers].sort(([a], [b]) => a < b ? -1 : 1)
      .map(([name, value]) => ({ name, value })),
    limit: limit?.count ?? null,
    remaining: remaining?.count ?? null,
    windowSeconds: limit?.windowSeconds ?? remaining?.windowSeconds ?? null,
  };
}
