import { type ErrorCode, RegctlError } from "../errors.ts";
import { forEach } from "../for_each.ts";
import { Pauses } from "../pauses.ts";
import type { RegistryClient } from "../registry/client.ts";
import { pace } from "./pace.ts";
import type { UnreadTag } from "./tag_facts.ts";

/** As many different failures in a row are not about single tags. */
const MAX_FAILURES = 20;
/** What may befall all tags alike. */
const COMMON_CODES: readonly ErrorCode[] = [
  ...["NETWORK", "TIMEOUT", "SERVER", "UNAUTHORIZED", "DENIED"] as const,
];

/** What a loop does with each tag. */
export interface TagTask<T> {
  readonly read: (tag: string) => Promise<T>;
  /** Told what became of a tag. */
  readonly take: (place: number, result: T | UnreadTag, tag: string) => void | Promise<void>;
  /** Whether there is enough, so that what is under way is of no use any more. Default: never. */
  readonly isEnough?: () => boolean;
}

/** Does something with many tags, a few at a time, and tells failures of one from those of all. */
export class TagLoop {
  /** To be asked for all that is read: it keeps the pace, and stops when the loop does. */
  readonly client: RegistryClient;
  readonly #concurrency: number;
  readonly #stop = new AbortController();
  readonly #pauses = new Pauses();
  /** Since something went well; one that several tags share is one. */
  readonly #failures = new Set<RegctlError>();

  constructor(client: RegistryClient, concurrency: number) {
    const { signal } = client;
    const signals = [this.#stop.signal, ...(signal ? [signal] : [])];
    this.client = pace({ ...client, signal: AbortSignal.any(signals) }, concurrency);
    this.#concurrency = concurrency;
  }

  /**
   * Reads each of the tags, which begin in their order, and hands over what became of it. What is
   * wrong with one tag is such a result. Throws what is about all of them: the signal's reason,
   * `RATE_LIMITED`, twenty different failures in a row that could befall any tag, and what `take`
   * throws; those under way are ended then, and once there is enough.
   */
  async run<T>(
    tags: Iterable<readonly [place: number, tag: string]>,
    { read, take, isEnough = () => false }: TagTask<T>,
  ): Promise<void> {
    this.#failures.clear();
    await forEach(tags, this.#concurrency, async ([place, tag]) => {
      if (isEnough()) return;
      try {
        const result = await this.#read(tag, read);
        if (!isEnough()) await take(place, result, tag);
        if (isEnough()) this.#stop.abort();
        await this.#pauses.take(this.client.signal);
      } catch (error) {
        if (isEnough()) return;
        this.#stop.abort(error);
        throw error;
      }
    });
  }

  async #read<T>(tag: string, read: (tag: string) => Promise<T>): Promise<T | UnreadTag> {
    try {
      const result = await read(tag);
      this.#failures.clear();
      return result;
    } catch (error) {
      this.client.signal?.throwIfAborted();
      if (!(error instanceof RegctlError) || error.code === "RATE_LIMITED") throw error;
      if (COMMON_CODES.includes(error.code)) this.#failures.add(error);
      if (this.#failures.size >= MAX_FAILURES) throw error;
      return { tag, error };
    }
  }
}
