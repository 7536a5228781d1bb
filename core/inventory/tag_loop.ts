import { type ErrorCode, RegctlError } from "../errors.ts";
import { forEach } from "../for_each.ts";
import type { RegistryClient } from "../registry/client.ts";
import { pace } from "./pace.ts";
import type { UnreadTag } from "./tag_facts.ts";

/** As many failures in a row, with nothing that went well between them, are not about single tags. */
const MAX_FAILURES = 20;
/** What may befall all tags alike. */
const COMMON_CODES: readonly ErrorCode[] = [
  ...["NETWORK", "TIMEOUT", "SERVER", "UNAUTHORIZED", "DENIED"] as const,
];

/** Does something with many tags, a few at a time, and tells failures of one from those of all. */
export class TagLoop {
  /** To be asked for all that is read: it keeps the pace, and stops when the loop does. */
  readonly client: RegistryClient;
  readonly #concurrency: number;
  readonly #stop = new AbortController();
  #failures = 0;

  constructor(client: RegistryClient, concurrency: number) {
    const { signal } = client;
    const signals = [this.#stop.signal, ...(signal ? [signal] : [])];
    this.client = pace({ ...client, signal: AbortSignal.any(signals) }, concurrency);
    this.#concurrency = concurrency;
  }

  /**
   * Reads each of the tags, which begin in their order, and hands over what became of it. What is
   * wrong with one tag is such a result. Throws what is about all of them: the signal's reason,
   * `RATE_LIMITED`, a failure that each of many had, and what `take` throws; those under way are
   * ended then.
   */
  async run<T>(
    tags: Iterable<readonly [place: number, tag: string]>,
    read: (tag: string) => Promise<T>,
    take: (place: number, result: T | UnreadTag, tag: string) => void | Promise<void>,
  ): Promise<void> {
    await forEach(tags, this.#concurrency, async ([place, tag]) => {
      try {
        await take(place, await this.#read(tag, read), tag);
      } catch (error) {
        this.#stop.abort(error);
        throw error;
      }
    });
  }

  async #read<T>(tag: string, read: (tag: string) => Promise<T>): Promise<T | UnreadTag> {
    try {
      const result = await read(tag);
      this.#failures = 0;
      return result;
    } catch (error) {
      this.client.signal?.throwIfAborted();
      if (!(error instanceof RegctlError) || error.code === "RATE_LIMITED") throw error;
      if (COMMON_CODES.includes(error.code)) this.#failures++;
      if (this.#failures >= MAX_FAILURES) throw error;
      return { tag, error };
    }
  }
}
