/** What a rate limit allows. */
export interface Quota {
  /** Requests. */
  readonly count: number;
  /** The time they are counted in; null where it does not say. */
  readonly windowSeconds: number | null;
}

/**
 * Reads the value of a `ratelimit-limit` or `ratelimit-remaining` header: `100;w=21600` of Docker Hub
 * is 100 in 21,600 seconds. Undefined for what is no number of requests.
 */
export function parseQuota(value: string): Quota | undefined {
  const [, count, window] = /^\s*(\d{1,12})\s*(?:;\s*w=(\d{1,9}))?(?:[\s;,]|$)/.exec(value) ?? [];
  if (count === undefined) return undefined;
  return { count: Number(count), windowSeconds: window === undefined ? null : Number(window) };
}
