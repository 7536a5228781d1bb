import { RegctlError } from "../errors.ts";
import type { Clock } from "../host.ts";
import type { HttpRequest, HttpResponse, Send, Stage } from "../http/exchange.ts";
import { parseRetryAfter } from "../http/retry_after.ts";
import { backoff, MAX_RETRY_AFTER_MS } from "./retry.ts";

/** How {@linkcode throttle} behaves. */
export interface ThrottleOptions {
  readonly clock: Clock;
  /** How often a request is repeated at most. Default: without end. */
  readonly retries?: number;
}

/**
 * Slows all requests to an origin down together once it answers 429, or 503 with a `Retry-After`:
 * none goes out before the moment that was asked for. Then one goes ahead, and its answer decides
 * whether the others follow or wait again. Requests under way are left alone.
 *
 * Throws `RATE_LIMITED` for a request that waits while more of those that go ahead are refused in a
 * row than it would be repeated itself: many that wait do not wait longer than one.
 *
 * A refusal that names no time closes for the least that retry waits after as many of them, so
 * that requests which come one after the other wait no longer than they do by themselves.
 */
export function throttle({ clock, retries = Infinity }: ThrottleOptions): Stage {
  // Kept outside the stage: a token server at the registry's origin counts its requests too.
  const gates = new Map<string, Gate>();
  return (next) => (request) => {
    const { origin } = request.url;
    const gate = gates.get(origin) ?? new Gate(clock, retries);
    gates.set(origin, gate);
    return gate.send(next, request);
  };
}

/** The part of the one request that goes ahead. */
interface Probe {
  /** The moment that it has waited for. */
  readonly waitedFor: number;
  /** To be called once it is answered or has failed, however that ends. */
  readonly end: () => void;
}

/** Lets the requests to one origin through, or holds them. */
class Gate {
  readonly #clock: Clock;
  readonly #retries: number;
  /** The first moment at which one may try again; undefined while the gate is open. */
  #closedUntil: number | undefined;
  /** Ends with the request that tries whether the others may follow. */
  #probe: Promise<void> | undefined;
  /** In a row: the first one, and each probe's after it. */
  #refusals = 0;
  /** How often it was closed and open again. */
  #openings = 0;

  constructor(clock: Clock, retries: number) {
    this.#clock = clock;
    this.#retries = retries;
  }

  async send(next: Send, request: HttpRequest): Promise<HttpResponse> {
    const probe = await this.#enter(request);
    try {
      const response = await next(request);
      if (isRefusal(response)) this.#close(response, probe !== undefined);
      // One that was sent before the probe may have been refused meanwhile, and ask for more.
      else if (probe && this.#closedUntil === probe.waitedFor) this.#open();
      return response;
    } finally {
      probe?.end();
    }
  }

  /** Waits for its turn. */
  async #enter({ url, signal }: HttpRequest): Promise<Probe | undefined> {
    let refusalsBefore = this.#refusals;
    let openings = this.#openings;
    let waitedFor: number | undefined;
    while (this.#closedUntil !== undefined) {
      signal?.throwIfAborted();
      // It may have been open meanwhile, for others.
      if (openings !== this.#openings) refusalsBefore = 0;
      openings = this.#openings;
      const inVain = this.#refusals - refusalsBefore;
      if (inVain > this.#retries) {
        throw new RegctlError(
          "RATE_LIMITED",
          `${url.host} goes on refusing requests: ${inVain} in a row`,
          {
            hint: "Wait, or log in: many registries allow known users more requests",
          },
        );
      }
      if (waitedFor !== this.#closedUntil) {
        waitedFor = this.#closedUntil;
        await this.#sleepUntil(waitedFor, signal);
      } else if (this.#probe) await endOf(this.#probe, signal);
      else return this.#beginProbe(waitedFor);
    }
    return undefined;
  }

  async #sleepUntil(moment: number, signal: AbortSignal | undefined): Promise<void> {
    let now = this.#clock.now();
    // A timer may fire a hair early.
    while (now < moment) {
      await this.#clock.sleep(Math.min(moment - now, MAX_RETRY_AFTER_MS), signal);
      const later = this.#clock.now();
      // A clock that stands still, or is set back, may never get there.
      if (later <= now) return;
      now = later;
    }
  }

  #beginProbe(waitedFor: number): Probe {
    let tell = () => {};
    this.#probe = new Promise((resolve) => tell = resolve);
    const end = () => {
      this.#probe = undefined;
      tell();
    };
    return { waitedFor, end };
  }

  #close({ headers }: HttpResponse, isProbe: boolean): void {
    // Those that went out together are refused together: that is one refusal.
    if (isProbe || this.#refusals === 0) this.#refusals++;
    const now = this.#clock.now();
    const asked = parseRetryAfter(headers.get("retry-after"), now);
    const wait = Math.min(asked ?? leastBackoff(this.#refusals, this.#clock), MAX_RETRY_AFTER_MS);
    this.#closedUntil = Math.max(now + wait, this.#closedUntil ?? 0);
  }

  #open(): void {
    this.#closedUntil = undefined;
    this.#refusals = 0;
    this.#openings++;
  }
}

/** A 503 alone says that the server is down, not that it is asked too often. */
function isRefusal({ status, headers }: HttpResponse): boolean {
  if (status === 429) return true;
  return status === 503 && parseRetryAfter(headers.get("retry-after"), 0) !== undefined;
}

/** What retry waits where chance is at its lowest. */
function leastBackoff(attempt: number, clock: Clock): number {
  return backoff(attempt, { ...clock, random: () => 0 });
}

/** Waits for the end of what never fails; throws the signal's reason when that comes first. */
function endOf(task: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    task.then(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    });
  });
}
