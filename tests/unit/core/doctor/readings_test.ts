import assert from "node:assert/strict";
import { test } from "node:test";
import { measureSkew, readClock } from "../../../../core/doctor/clock_skew.ts";
import { formatSeconds } from "../../../../core/doctor/describe_facts.ts";
import { findMissingActions } from "../../../../core/doctor/missing_actions.ts";
import { explainRateLimit, isRateLimitHeader } from "../../../../core/doctor/rate_limit.ts";
import { cleanFacts } from "../../../../core/doctor/clean_facts.ts";
import { createRandomDigest } from "../../../../core/oci/random_digest.ts";
import { Watch } from "../../../../core/doctor/watch.ts";
import { createRequest, createResponse } from "../../../support/fake_exchange.ts";
import { createFakeClock } from "../../../support/fake_host.ts";

const NOON = Date.UTC(2026, 0, 1, 12);
const DATE = { date: "Thu, 01 Jan 2026 12:00:00 GMT" };

test("clock skew: what the way and the fraction of a second may be is no skew", () => {
  for (
    const [sentAt, receivedAt, expected] of [
      [NOON, NOON, 0],
      [NOON + 999, NOON + 999, 0],
      [NOON - 100, NOON + 20, 0],
      [NOON - 10_000, NOON + 11_000, 0],
      [NOON - 30_000, NOON - 30_000, 30],
      [NOON + 61_000, NOON + 61_000, -60],
      [NOON - 62_000, NOON - 60_000, 60],
      [NOON + 100_000, NOON + 104_000, -99],
    ] as const
  ) {
    const reading = readClock(new Headers(DATE), sentAt, receivedAt);
    assert.deepEqual(measureSkew(reading), { skewSeconds: expected }, `${sentAt - NOON}`);
  }
});

test("clock skew: no date, no reading; nor by the date of a cached answer", () => {
  assert.equal(measureSkew(undefined), null);
  for (const headers of [{}, { date: "soon" }, { ...DATE, age: "10" }]) {
    assert.equal(readClock(new Headers(headers), NOON, NOON), undefined);
  }
});

test("rate limits: which headers tell of one", () => {
  const told = ["ratelimit-limit", "x-ratelimit-reset", "docker-ratelimit-source", "retry-after"];
  for (const name of told) assert.ok(isRateLimitHeader(name), name);
  for (const name of ["limit", "x-rate", "ratelimited", "etag"]) {
    assert.ok(!isRateLimitHeader(name), name);
  }
});

test("rate limits: what the headers mean", () => {
  for (
    const [headers, expected] of [
      [{ "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600" }, [100, 76, 21600]],
      [{ "x-ratelimit-limit": "180", "x-ratelimit-remaining": "0" }, [180, 0, null]],
      [{ "ratelimit-limit": "10, 10;w=1" }, [10, null, null]],
      [{ "ratelimit-remaining": "5; w=60" }, [null, 5, 60]],
      [{ "ratelimit-limit": "-1", "ratelimit-remaining": "many" }, [null, null, null]],
      [{ "retry-after": "880.092µs" }, [null, null, null]],
    ] as const
  ) {
    const facts = explainRateLimit(new Map(Object.entries(headers)));
    assert.deepEqual([facts?.limit, facts?.remaining, facts?.windowSeconds], expected);
    const fields = facts?.headers.map(({ name, value }) => [name, value]) ?? [];
    assert.deepEqual(Object.fromEntries(fields), headers);
  }
  assert.equal(explainRateLimit(new Map()), null);
});

test("rate limits: a window in the largest unit that divides it", () => {
  const cases = [[21600, "6 h"], [60, "1 min"], [90, "90 s"], [86_400, "1 d"], [0, "0 s"]] as const;
  for (const [seconds, text] of cases) assert.equal(formatSeconds(seconds), text);
});

test("token rights: what is missing of what was asked for", () => {
  const missing = (asked: string, granted: readonly string[]) =>
    findMissingActions([asked], granted).map(({ resource, actions }) => `${resource} ${actions}`);
  assert.deepEqual(missing("repository:a:pull,push", ["repository:a:pull"]), [
    "repository:a push",
  ]);
  assert.deepEqual(missing("repository:a:pull", ["repository:b:pull"]), ["repository:a pull"]);
  assert.deepEqual(missing("repository:h:5/a:pull", ["repository:h:5/a:pull,push"]), []);
  assert.deepEqual(missing("repository:a:pull,delete", ["repository:a:*"]), []);
  assert.deepEqual(
    missing("repository:a:pull,push", ["repository:a:pull", "repository:a:push"]),
    [],
  );
  assert.deepEqual(missing("registry:catalog:*", []), []);
  assert.deepEqual(missing("odd", []), []);
  assert.deepEqual(missing("", []), []);
});

test("secrets: hidden in all text from elsewhere, not in this program's own words", () => {
  const facts = {
    kind: "secret",
    list: ["a secret", { state: "secret", other: "secret", n: 1, no: null }],
    code: ["secret"],
  };
  assert.deepEqual(cleanFacts(facts, (text) => text.replaceAll("secret", "***")), {
    kind: "secret",
    list: ["a ***", { state: "secret", other: "***", n: 1, no: null }],
    code: ["***"],
  });
});

test("secrets: what is long is cut, and only then, so that none is told by half", () => {
  const text = `${"x".repeat(495)} secret ${"y".repeat(10_000)}`;
  const [clean = ""] = cleanFacts([text], (text) => text.replaceAll("secret", "***"));
  assert.equal(clean, `${"x".repeat(495)} *** …`);
});

test("the digest that is asked for is another one each time", () => {
  const digests = new Set(Array.from({ length: 100 }, createRandomDigest));
  assert.equal(digests.size, 100);
  for (const digest of digests) assert.match(digest, /^sha256:[0-9a-f]{64}$/);
});

test("the watch: headers of the registry alone, counted; the shortest way's clock", async () => {
  const clock = createFakeClock(NOON);
  const watch = new Watch(clock, () => "https://r.example");
  const play = async (ms: number, headers: Record<string, string>, url?: string) => {
    const send = watch.observe(() => {
      clock.advance(ms);
      return Promise.resolve(createResponse(200, headers));
    });
    await send(createRequest(url));
  };
  await play(5000, DATE);
  await play(10, { date: "Thu, 01 Jan 2026 13:00:00 GMT", "x-ratelimit-limit": "1" });
  await play(9000, { ...DATE, "x-ratelimit-limit": "2", "etag": "no" });
  await play(0, { ...DATE, "x-ratelimit-remaining": "3" }, "https://auth.example/token");
  assert.deepEqual([...watch.rateLimitHeaders], [["x-ratelimit-limit", "2"]]);
  assert.equal(measureSkew(watch.clockReading)?.skewSeconds, 3595);
  const many = Array.from({ length: 50 }, (_, i) => [`x-ratelimit-${i}`, "9"]);
  await play(0, Object.fromEntries(many));
  assert.equal(watch.rateLimitHeaders.size, 20);
});

test("the watch: a token that replaces another one of the same scopes takes its place", () => {
  const watch = new Watch(createFakeClock(), () => "");
  watch.onToken({ asked: ["a:b:c"], granted: undefined, lifetimeS: undefined });
  watch.onToken({ asked: ["a:b:d"], granted: [], lifetimeS: 1 });
  watch.onToken({ asked: ["a:b:c"], granted: ["a:b:c"], lifetimeS: 2 });
  assert.deepEqual(watch.tokens, [
    { asked: ["a:b:c"], granted: ["a:b:c"], lifetimeSeconds: 2 },
    { asked: ["a:b:d"], granted: [], lifetimeSeconds: 1 },
  ]);
  for (let i = 0; i < 50; i++) {
    watch.onToken({ asked: [`${i}`], granted: undefined, lifetimeS: undefined });
  }
  assert.equal(watch.tokens.length, 20);
});
