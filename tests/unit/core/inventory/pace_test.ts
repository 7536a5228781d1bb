import assert from "node:assert/strict";
import { test } from "node:test";

import type { HttpResponse } from "../../../../core/http/exchange.ts";
import { pace } from "../../../../core/inventory/pace.ts";
import { createRequest, createResponse } from "../../../support/fake_exchange.ts";

/** Long enough for all promises that are ready. */
async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve();
}

function play(most: number, signal?: AbortSignal) {
  const running: ((response: HttpResponse | Error) => void)[] = [];
  const order: string[] = [];
  const results: unknown[] = [];
  const client = pace({
    baseUrl: new URL("https://r.example"),
    signal,
    send: ({ headers }) => {
      order.push(headers.get("x-name") ?? "");
      return new Promise((resolve, reject) => {
        running.push((it) => it instanceof Error ? reject(it) : resolve(it));
      });
    },
  }, most);
  return {
    running,
    order,
    results,
    start: async (count: number) => {
      for (let i = 0; i < count; i++) {
        client.send(createRequest(undefined, { "x-name": `${order.length + i}` })).then(
          () => results.push("done"),
          (error: unknown) => results.push(error),
        );
      }
      await settle();
    },
    /** Answers the oldest ones, each sent so often. */
    answer: async (count: number, attempts = 1) => {
      for (const end of running.splice(0, count)) end({ ...createResponse(200), attempts });
      await settle();
    },
  };
}

test("no more requests than allowed are under way, and all come to their turn", async () => {
  const { start, answer, running, results } = play(3);
  await start(10);
  for (let left = 10; left > 0; left--) {
    assert.equal(running.length, Math.min(3, left));
    await answer(1);
  }
  assert.equal(results.length, 10);
});

test("one that had to be repeated halves them, those that went well bring them back slowly", async () => {
  const { start, answer, running } = play(8);
  await start(100);
  await answer(1, 2);
  assert.equal(running.length, 7);
  await answer(4);
  assert.equal(running.length, 4);
  await answer(3, 3);
  assert.equal(running.length, 1);
  // Each that is won back takes as many as there are.
  const sizes: number[] = [];
  for (let i = 0; i < 20; i++) {
    await answer(1);
    sizes.push(running.length);
  }
  assert.deepEqual([...sizes].sort(), sizes);
  assert.ok((sizes.at(-1) ?? 0) >= 5 && (sizes.at(-1) ?? 9) <= 8, sizes.join());
});

test("a failure gives its place to the next one", async () => {
  const { start, running, results } = play(1);
  await start(2);
  running.shift()?.(new Error("lost"));
  await settle();
  assert.equal(running.length, 1);
  assert.equal((results[0] as Error).message, "lost");
});

test("who waits for a turn when the call ends is not sent", async () => {
  const controller = new AbortController();
  const { start, answer, order, results } = play(1, controller.signal);
  await start(3);
  controller.abort("over");
  await answer(1);
  assert.deepEqual([order.length, results.slice(1)], [1, ["over", "over"]]);
});
