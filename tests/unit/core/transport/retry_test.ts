import assert from "node:assert/strict";
import { test } from "node:test";

import type { HttpResponse } from "../../../../core/http/exchange.ts";
import { NetworkError, type NetworkFailure } from "../../../../core/http/network_error.ts";
import { retry, type RetryOptions } from "../../../../core/transport/retry.ts";
import { assertRejects } from "../../../support/assert_error.ts";
import { createFakeClock } from "../../../support/fake_host.ts";
import { createRequest, createResponse } from "../../../support/fake_exchange.ts";

type Step = HttpResponse | Error;

/** Sends one request through the stage; the last step is repeated for ever. */
async function run(
  steps: readonly Step[],
  options: Partial<RetryOptions> & { method?: string; chance?: number; signal?: AbortSignal } = {},
) {
  const clock = createFakeClock(1_000_000, options.chance ?? 0.5);
  const notes: string[] = [];
  let sent = 0;
  const stage = retry({ clock, retries: 4, notify: (note) => notes.push(note), ...options });
  const send = stage(async () => {
    const step = steps[Math.min(sent++, steps.length - 1)];
    if (!step || step instanceof Error) throw step;
    return step;
  });
  const { method = "GET", signal } = options;
  const result = await send({ ...createRequest(), method, ...(signal && { signal }) })
    .catch((error: unknown) => error);
  return { result, sent, notes, waits: clock.waits };
}

const status = (code: number, headers = {}) => createResponse(code, headers);
const lost = (failure: NetworkFailure) => new NetworkError(failure, `Cannot reach it: ${failure}`);
const statusOf = (result: unknown) => (result as HttpResponse).status;

test("retry repeats what may be better next time, and tells how often it asked", async () => {
  for (const code of [408, 429, 500, 502, 503, 504]) {
    const { result, sent } = await run([status(code), status(code), status(200)]);
    assert.deepEqual([statusOf(result), (result as HttpResponse).attempts, sent], [200, 3, 3]);
  }
  for (const failure of ["refused", "unresolved", "unreachable", "lost"] as const) {
    assert.equal(statusOf((await run([lost(failure), status(200)])).result), 200, failure);
  }
});

test("retry repeats nothing else", async () => {
  for (const code of [200, 201, 202, 206, 304, 307, 400, 401, 403, 404, 405, 416, 501, 505]) {
    assert.equal((await run([status(code)])).sent, 1, String(code));
  }
  for (const failure of ["certificate", "tls", "stalled", "other"] as const) {
    const { result, sent } = await run([lost(failure), status(200)]);
    assert.deepEqual([(result as NetworkError).failure, sent], [failure, 1]);
  }
  const { result, sent } = await run([new TypeError("a bug"), status(200)]);
  assert.deepEqual([result instanceof TypeError, sent], [true, 1]);
});

test("retry repeats idempotent methods alone", async () => {
  for (
    const [method, expected] of [["HEAD", 2], ["PUT", 2], ["DELETE", 2], ["POST", 1], [
      "PATCH",
      1,
    ]] as const
  ) {
    assert.equal((await run([status(503), status(200)], { method })).sent, expected, method);
    assert.equal((await run([lost("lost"), status(200)], { method })).sent, expected, method);
  }
});

test("retry gives up after its number of retries, with the last failure", async () => {
  const answered = await run([status(503)], { retries: 2 });
  assert.deepEqual([statusOf(answered.result), answered.sent, answered.waits.length], [503, 3, 2]);
  const failed = await run([lost("refused"), lost("lost")], { retries: 1 });
  assert.deepEqual([(failed.result as NetworkError).failure, failed.sent], ["lost", 2]);
  assert.equal((await run([status(503)], { retries: 0 })).sent, 1);
});

test("the delay doubles up to a bound, half of it by chance", async () => {
  const low = await run([status(503)], { retries: 8, chance: 0 });
  assert.deepEqual(low.waits, [125, 250, 500, 1000, 2000, 4000, 5000, 5000]);
  const high = await run([lost("lost")], { retries: 8, chance: 1 });
  assert.deepEqual(high.waits, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
});

test("Retry-After rules the delay, within reason", async () => {
  const table = [["7", 7000], ["0", 0], ["86400", 60_000], ["junk", 187.5], ["-1", 187.5]] as const;
  for (const [value, expected] of table) {
    const { waits } = await run([status(429, { "retry-after": value }), status(200)]);
    assert.deepEqual(waits, [expected], value);
  }
});

test("a wait past the deadline fails at once and says when to try again", async () => {
  const asked = (code: number) => [status(code, { "retry-after": "30" }), status(200)];
  const deadline = 1_000_000 + 29_999;
  for (const [code, expected] of [[429, "RATE_LIMITED"], [503, "SERVER"]] as const) {
    const { result, waits } = await run(asked(code), { deadline });
    const error = await assertRejects(() => Promise.reject(result), expected, /30 s/);
    assert.match(error.hint ?? "", /30 s/);
    assert.deepEqual(waits, []);
  }
  assert.equal(statusOf((await run(asked(429), { deadline: deadline + 1 })).result), 200);
});

test("a long wait is announced, a short one is not", async () => {
  const { notes } = await run([status(429, { "retry-after": "9" }), status(200)]);
  assert.equal(notes.length, 1);
  assert.match(notes[0] ?? "", /r\.example answered 429.* 9 s/);
  assert.deepEqual((await run([status(429, { "retry-after": "2" }), status(200)])).notes, []);
});

test("a wait ends when the call is stopped, and nothing more is sent", async () => {
  const reason = new Error("stopped");
  const { result, sent } = await run([status(503)], { signal: AbortSignal.abort(reason) });
  assert.deepEqual([result, sent], [reason, 1]);
});

test("what answered may have arrived before, unless the answers say that nothing was done", async () => {
  const table = [
    [[status(408)], true],
    [[status(500)], true],
    [[status(502)], true],
    [[status(504)], true],
    [[lost("lost")], true],
    [[status(429)], undefined],
    [[status(503)], undefined],
    [[lost("refused")], undefined],
    [[lost("unresolved")], undefined],
    [[lost("unreachable")], undefined],
    [[], undefined],
    [[status(429), lost("refused"), status(503)], undefined],
    [[status(504), status(429), lost("refused")], true],
    [[status(429), lost("lost"), status(503)], true],
  ] as const;
  for (const [before, expected] of table) {
    const { result } = await run([...before, status(404)], { method: "DELETE" });
    const { mayHaveArrived } = result as HttpResponse;
    assert.deepEqual([statusOf(result), mayHaveArrived], [404, expected], JSON.stringify(before));
  }
  // The answer that is given is not an earlier one.
  const last = await run([status(503), status(500)], { method: "DELETE", retries: 1 });
  assert.deepEqual([statusOf(last.result), (last.result as HttpResponse).mayHaveArrived], [
    500,
    undefined,
  ]);
});
