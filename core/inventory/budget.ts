import { RegctlError } from "../errors.ts";
import { parseQuota } from "../http/quota.ts";
import type { RegistryClient } from "../registry/client.ts";

/**
 * What a registry says of how much it may be asked, as Docker Hub does in the `ratelimit-remaining`
 * header of its answers about manifests. It counts GET requests for manifests, and no HEAD.
 */
export class Budget {
  #remaining: number | undefined;
  #isTold = false;
  #windowSeconds: number | null = null;

  /** Whether the registry limits anything, as far as it said. */
  get isLimited(): boolean {
    return this.#remaining !== undefined;
  }

  /** Whether the registry answered about a manifest, so that what it said of limits is all there is. */
  get isTold(): boolean {
    return this.#isTold;
  }

  /** A client whose answers are looked at. */
  watch(client: RegistryClient): RegistryClient {
    return {
      ...client,
      send: async (request) => {
        const response = await client.send(request);
        // A blob may come from elsewhere, with limits of its own.
        if (response.url.origin !== client.baseUrl.origin) return response;
        this.#read(response.headers);
        this.#isTold ||= response.status === 200 && request.url.pathname.includes("/manifests/");
        return response;
      },
    };
  }

  /**
   * Throws `RATE_LIMITED` where so many requests for manifests are more than there are left.
   *
   * @param task what they are for, as in `read the tags of "busybox"`
   */
  assertSuffices(count: number, task: string): void {
    if (this.#remaining === undefined || count <= this.#remaining) return;
    const seconds = this.#windowSeconds;
    const window = seconds ? ` of what it allows in ${formatWindow(seconds)}` : "";
    throw new RegctlError(
      "RATE_LIMITED",
      `Cannot ${task}: manifests to get: ${count}; ` +
        `the registry has ${this.#remaining} GET requests left${window}`,
      { hint: "Name fewer tags with --match or --limit, or log in; what was read once is kept" },
    );
  }

  #read(headers: Headers): void {
    const quota = parseQuota(headers.get("ratelimit-remaining") ?? "");
    if (!quota) return;
    // Answers overtake each other, and within a call there is less with each.
    this.#remaining = Math.min(quota.count, this.#remaining ?? Infinity);
    this.#windowSeconds = quota.windowSeconds;
  }
}

function formatWindow(seconds: number): string {
  if (seconds % 3600 === 0) return seconds === 3600 ? "an hour" : `${seconds / 3600} hours`;
  return seconds % 60 === 0 ? `${seconds / 60} minutes` : `${seconds} seconds`;
}
