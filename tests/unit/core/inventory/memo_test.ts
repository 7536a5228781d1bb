import assert from "node:assert/strict";
import { test } from "node:test";

import { Memo } from "../../../../core/inventory/memo.ts";

test("a task is done once for each key, also while it is under way, also when it fails", async () => {
  const memo = new Memo<number>({ max: 10 });
  let done = 0;
  const task = () => Promise.resolve(++done);
  assert.deepEqual(await Promise.all([memo.get("a", task), memo.get("a", task)]), [1, 1]);
  const fail = () => Promise.reject(new Error(`${++done}`));
  for (let i = 0; i < 2; i++) await assert.rejects(memo.get("b", fail), /^Error: 2$/);
});

test("the oldest ones are forgotten where they become too much", async () => {
  const memo = new Memo<number>({ max: 10, costOf: (value) => value });
  let done = 0;
  const get = (key: string, cost: number) => memo.get(key, () => (done++, Promise.resolve(cost)));
  for (const [key, cost] of [["a", 4], ["b", 4], ["c", 4]] as const) await get(key, cost);
  await get("b", 4);
  await get("c", 4);
  assert.equal(done, 3);
  await get("a", 4);
  assert.equal(done, 4);
  // One that is too much by itself is not kept, and takes the others with it.
  await get("large", 11);
  await get("large", 11);
  assert.equal(done, 6);
});
