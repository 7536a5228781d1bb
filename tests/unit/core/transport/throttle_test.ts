import assert from "node:assert/strict";
import { test } from "node:test";

import { RegctlError } from "../../../../core/errors.ts";
import type { Clock } from "../../../../core/host.ts";
import type { HttpResponse } from "../../../../core/http/exchange.ts";
import { retry } from "../../../../core/transport/retry.ts";
import { throttle } from "../../../../core/transport/throttle.ts";
import { createRequest, createResponse } from "../../../support/fake_exchange.ts";
import { createFakeClock } from "../../../support/fake_host.ts";
import { Random } from "../../../support/random.ts";

const REGISTRY = "https://r.example/v2/";

/** A clock whose waits end when the test moves it past their end. */
class ManualClock implements Clock {
  #now = 1_000_000;
  /** How much too early a wait ends, as timers of some runtimes do. */
  earlyMs = 0;
  sleeps = 0;
  readonly #sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();

  now = () => this.#now;
  random = () => 0.5;
  sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    this.sleeps++;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const sleeper = { at: this.#now + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", () => {
        this.#sleepers.delete(sleeper);
        reject(signal.reason);
      });
    });
  };

  /** Moves it on, and lets all that follows from that happen. */
  async advance(ms: number): Promise<void> {
    this.#now += ms;
    for (const sleeper of this.#sleepers) {
      if (sleeper.at - this.earlyMs > this.#now) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
    await settle();
  }
}

/** Long enough for all promises that are ready. */
async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve();
}

/** A request that went out, and is answered when the test says so. */
interface Sent {
  readonly name: string;
  answer(status: number, headers?: Readonly<Record<string, string>>): Promise<void>;
  fail(error: Error): Promise<void>;
}

function play(retries?: number) {
  const clock = new ManualClock();
  const sent: Sent[] = [];
  const results = new Map<string, unknown>();
  const send = throttle({ clock, ...(retries !== undefined && { retries }) })((request) => {
    const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
    request.signal?.addEventListener("abort", () => reject(request.signal?.reason));
    sent.push({
      name: request.headers.get("x-name") ?? "",
      answer: (status, headers) => {
        resolve(createResponse(status, headers));
        return settle();
      },
      fail: (error) => {
        reject(error);
        return settle();
      },
    });
    return promise;
  });
  /** Starts requests; what becomes of each is in `results`. */
  const start = async (names: string, { url = REGISTRY, signal }: {
    readonly url?: string;
    readonly signal?: AbortSignal;
  } = {}) => {
    for (const name of names) {
      send({ ...createRequest(url, { "x-name": name }), ...(signal && { signal }) }).then(
        ({ status }) => results.set(name, status),
        (error: unknown) => results.set(name, error),
      );
    }
    await settle();
  };
  const named = (name: string) => {
    const found = sent.findLast((request) => request.name === name);
    assert.ok(found, `${name} did not go out`);
    return found;
  };
  /** Who has gone out so far, in order. */
  const out = () => sent.map(({ name }) => name).join("");
  return { clock, sent, results, start, named, out };
}

const after = (seconds: number | string) => ({ "retry-after": String(seconds) });

/** A gate that `a` has closed for 10 s, with `b` to `e` waiting. */
async function playClosed() {
  const scene = play();
  await scene.start("a");
  await scene.named("a").answer(429, after(10));
  await scene.start("bcde");
  return scene;
}

/** The same, 10 s later: `b` has gone ahead. */
async function playProbing() {
  const scene = await playClosed();
  await scene.clock.advance(10_000);
  assert.equal(scene.out(), "ab");
  return scene;
}

test("requests pass freely where nothing was refused", async () => {
  const { start, named, out, clock } = play();
  await start("abc");
  assert.equal(out(), "abc");
  // A server that is down, or a 503 that names no time one could wait for.
  await named("a").answer(503);
  await named("b").answer(503, after("soon"));
  await named("c").answer(500, after(10));
  await start("de");
  assert.deepEqual([out(), clock.sleeps], ["abcde", 0]);
});

test("a refusal holds all, then one goes ahead, then the rest follow", async () => {
  for (const status of [429, 503]) {
    const { start, named, out, clock, results } = play();
    await start("abc");
    await named("a").answer(status, after(10));
    await start("def");
    await clock.advance(9_999);
    assert.equal(out(), "abc");
    await clock.advance(1);
    assert.equal(out(), "abcd");
    await start("g");
    await clock.advance(60_000);
    assert.equal(out(), "abcd");
    await named("d").answer(404);
    assert.equal(out(), "abcdefg");
    await start("h");
    assert.equal(out(), "abcdefgh");
    // Those that were under way have their answers as ever.
    await named("b").answer(200);
    assert.deepEqual([results.get("a"), results.get("b"), results.get("d")], [status, 200, 404]);
  }
});

test("a request under way neither opens the gate nor stops the one that goes ahead", async () => {
  const { start, named, out, clock } = play();
  await start("ab");
  await named("a").answer(429, after(10));
  await named("b").answer(200);
  await start("cd");
  assert.equal(out(), "ab");
  await clock.advance(10_000);
  assert.equal(out(), "abc");
});

test("a refusal of the one that went ahead holds all again", async () => {
  const { named, out, clock } = await playProbing();
  await named("b").answer(429, after(5));
  await clock.advance(4_999);
  assert.equal(out(), "ab");
  await clock.advance(1);
  assert.equal(out(), "abc");
  await named("c").answer(200);
  assert.equal(out(), "abcde");
});

test("an error of the one that went ahead sends the next one ahead", async () => {
  const { named, out, results } = await playProbing();
  const error = new Error("lost");
  await named("b").fail(error);
  assert.deepEqual([out(), results.get("b")], ["abc", error]);
  await named("c").answer(200);
  assert.equal(out(), "abcde");
});

test("a later refusal moves the moment later, never earlier", async () => {
  const { start, named, out, clock } = play();
  await start("abc");
  await named("a").answer(429, after(10));
  await named("b").answer(429, after(2));
  await start("d");
  await clock.advance(2_000);
  assert.equal(out(), "abc");
  await named("c").answer(429, after(20));
  await clock.advance(19_999);
  assert.equal(out(), "abc");
  await clock.advance(1);
  assert.equal(out(), "abcd");
});

test("a refusal that comes in while one has gone ahead counts more than its success", async () => {
  const { start, named, out, clock } = play();
  await start("ab");
  await named("a").answer(429, after(1));
  await start("cde");
  await clock.advance(1_000);
  await named("b").answer(429, after(7));
  await named("c").answer(200);
  await clock.advance(6_999);
  assert.equal(out(), "abc");
  await clock.advance(1);
  assert.equal(out(), "abcd");
  await named("d").answer(200);
  assert.equal(out(), "abcde");
});

test("who is stopped while waiting leaves at once, and unsent", async () => {
  const { start, named, out, clock, results } = await playClosed();
  const reasons = [new Error("first"), new Error("second")];
  const [first, second] = [new AbortController(), new AbortController()];
  await start("x", { signal: first.signal });
  await start("y", { signal: second.signal });
  first.abort(reasons[0]);
  await settle();
  assert.equal(results.get("x"), reasons[0]);
  await clock.advance(10_000);
  assert.equal(out(), "ab");
  // This one waits for the answer to another request.
  second.abort(reasons[1]);
  await settle();
  assert.equal(results.get("y"), reasons[1]);
  await start("z", { signal: first.signal });
  assert.equal(results.get("z"), reasons[0]);
  await named("b").answer(200);
  assert.equal(out(), "abcde");
});

test("one that is stopped after it went ahead leaves nobody stuck", async () => {
  const { start, named, out, clock, results } = play();
  await start("a");
  await named("a").answer(429, after(1));
  const controller = new AbortController();
  await start("b", { signal: controller.signal });
  await start("cd");
  await clock.advance(1_000);
  assert.equal(out(), "ab");
  controller.abort("stop");
  await settle();
  assert.deepEqual([out(), results.get("b")], ["abc", "stop"]);
  await named("c").answer(200);
  assert.equal(out(), "abcd");
});

test("another origin is not held", async () => {
  const { start, out } = await playClosed();
  await start("x", { url: "https://auth.example/token" });
  await start("y", { url: "http://r.example/v2/" });
  await start("z", { url: "https://r.example:444/v2/" });
  assert.equal(out(), "axyz");
  await start("s", { url: "https://r.example/token?service=s" });
  assert.equal(out(), "axyz");
});

test("two pipelines that share a throttle are held together", async () => {
  const clock = createFakeClock();
  const stage = throttle({ clock });
  await stage(() => Promise.resolve(createResponse(429, after(3))))(createRequest());
  await stage(() => Promise.resolve(createResponse(200)))(createRequest());
  assert.deepEqual(clock.waits, [3000]);
});

test("no wait is longer than a minute, whatever is asked for", async () => {
  const { start, named, out, clock } = play();
  await start("a");
  await named("a").answer(429, after(86_400));
  await start("b");
  await clock.advance(59_999);
  assert.equal(out(), "a");
  await clock.advance(1);
  assert.equal(out(), "ab");
});

test("a clock that stands still or is set back holds nobody for ever", async () => {
  for (const step of [0, -3_600_000]) {
    let now = 1_000_000;
    const waits: number[] = [];
    const sleep = (ms: number) => {
      waits.push(ms);
      now += step;
      return Promise.resolve();
    };
    const statuses = [429, 200, 200];
    const send = throttle({ clock: { now: () => now, sleep, random: () => 0 } })(() =>
      Promise.resolve(createResponse(statuses.shift() ?? 0, after(3)))
    );
    for (let i = 0; i < 3; i++) await send(createRequest());
    assert.deepEqual(waits, [3000]);
  }
});

test("a timer that fires early is set again", async () => {
  const { start, named, out, clock } = play();
  clock.earlyMs = 0.5;
  await start("a");
  await named("a").answer(429, after(1));
  await start("b");
  await clock.advance(999.5);
  assert.deepEqual([out(), clock.sleeps], ["a", 2]);
  await clock.advance(0.5);
  assert.equal(out(), "ab");
});

test("without a time the wait grows with each refusal in a row, and starts over", async () => {
  const { start, named, out, clock } = play();
  await start("abc");
  // Three at once are one refusal.
  for (const name of "abc") await named(name).answer(429);
  let gone = "abc";
  await start("defghijklm");
  for (const [name, wait] of [["d", 125], ["e", 250], ["f", 500], ["g", 1000]] as const) {
    await clock.advance(wait - 1);
    assert.equal(out(), gone);
    await clock.advance(1);
    assert.equal(out(), gone += name);
    await named(name).answer(429);
  }
  await clock.advance(2000);
  await named("h").answer(200);
  await start("n");
  await named("n").answer(429);
  await start("o");
  assert.doesNotMatch(out(), /o/);
  await clock.advance(125);
  assert.match(out(), /o$/);
});

test("who waits while too many go ahead in vain is refused, whoever comes then tries again", async () => {
  const { start, named, out, clock, results } = play(2);
  await start("abc");
  for (const name of "abc") await named(name).answer(429, after(10));
  await start("defgh");
  for (const name of "def") {
    await clock.advance(10_000);
    assert.equal(out().at(-1), name);
    assert.equal(results.has("h"), false);
    await named(name).answer(429, after(10));
  }
  for (const name of "gh") {
    const error = results.get(name);
    assert.ok(error instanceof RegctlError && error.code === "RATE_LIMITED", name);
    assert.equal(error.message, "r.example goes on refusing requests: 3 in a row");
  }
  await start("i");
  await clock.advance(10_000);
  await named("i").answer(200);
  assert.equal(results.get("i"), 200);
});

test("under retry, one request after the other waits no longer than by itself", async () => {
  for (const headers of [{}, after(3), after(0), after(0.1), after(86_400), after("soon")]) {
    for (const chance of [0, 0.5, 1]) {
      const waits = [false, true].map(async (isThrottled) => {
        const clock = createFakeClock(1_000_000, chance);
        const stage = retry({ clock, retries: 8, notify: () => {} });
        const refuse = () => Promise.resolve(createResponse(429, headers));
        const send = stage(isThrottled ? throttle({ clock })(refuse) : refuse);
        await send(createRequest());
        return clock.waits;
      });
      assert.deepEqual(await waits[1], await waits[0], JSON.stringify([headers, chance]));
    }
  }
});

test("whatever comes in whatever order, none starts while closed, and all end", async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed);
    const clock = new ManualClock();
    const running = new Map<number, (response: HttpResponse | Error) => void>();
    let closedUntil: number | undefined;
    let probe: number | undefined;
    // What the one that went ahead had waited for.
    let waitedFor: number | undefined;
    let [count, ended] = [0, 0];
    const wrong: string[] = [];
    const send = throttle({ clock })(({ headers, signal }) => {
      const id = Number(headers.get("x-name"));
      if (closedUntil !== undefined) {
        if (clock.now() < closedUntil) wrong.push(`${id} went out while closed`);
        if (probe !== undefined) wrong.push(`${id} went out beside ${probe}`);
        probe = id;
        waitedFor = closedUntil;
      }
      return new Promise((resolve, reject) => {
        const end = (result: HttpResponse | Error) => {
          running.delete(id);
          result instanceof Error ? reject(result) : resolve(result);
        };
        running.set(id, end);
        signal?.addEventListener("abort", () => {
          if (probe === id) probe = undefined;
          end(new Error("stopped"));
        });
      });
    });
    const controllers: AbortController[] = [];
    const answer = (isGood: boolean) => {
      const ids = [...running.keys()];
      if (ids.length === 0) return;
      const id = random.pick(ids);
      const isProbe = probe === id;
      if (isProbe) probe = undefined;
      const kind = isGood ? 3 : random.below(4);
      if (kind === 0) {
        const seconds = random.below(5);
        closedUntil = Math.max(clock.now() + seconds * 1000, closedUntil ?? 0);
        running.get(id)?.(createResponse(429, after(seconds)));
      } else if (kind === 1) running.get(id)?.(new Error("lost"));
      else {
        if (isProbe && closedUntil === waitedFor) closedUntil = undefined;
        running.get(id)?.(createResponse(200));
      }
    };
    for (let step = 0; step < 120; step++) {
      const choice = random.below(10);
      if (choice < 4) {
        const controller = new AbortController();
        controllers.push(controller);
        const request = createRequest(REGISTRY, { "x-name": String(count++) });
        const end = () => ended++;
        send({ ...request, signal: controller.signal }).then(end, end);
      } else if (choice < 7) answer(false);
      else if (choice < 8 && count > 0) random.pick(controllers).abort();
      else await clock.advance(random.below(3000));
      await settle();
    }
    for (let step = 0; step < 1000 && ended < count; step++) {
      answer(true);
      await settle();
      await clock.advance(1000);
    }
    if (ended < count) wrong.push(`${count - ended} are stuck`);
    assert.deepEqual(wrong, [], `seed ${seed}`);
  }
});
