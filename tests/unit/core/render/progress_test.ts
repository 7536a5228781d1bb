import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCount, formatProgress } from "../../../../core/render/progress.ts";

test("formatProgress draws a bar, or counts where nobody knows the end", () => {
  const table: readonly (readonly [number, number | undefined, number, string])[] = [
    [0, 1000, 0, "[>                   ]   0%  0 B of 1 kB"],
    [500, 1000, 1000, "[==========>         ]  50%  500 B of 1 kB  500 B/s"],
    [999, 1000, 500, "[===================>]  99%  999 B of 1 kB  2 kB/s"],
    [1000, 1000, 100, "[====================] 100%  1 kB of 1 kB  10 kB/s"],
    [2000, 1000, 100, "[====================] 100%  2 kB of 1 kB  20 kB/s"],
    [123_456_789, undefined, 1000, "123 MB  123 MB/s"],
    [0, 0, 10, "0 B  0 B/s"],
  ];
  for (const [bytes, totalBytes, elapsedMs, text] of table) {
    assert.equal(formatProgress({ bytes, totalBytes, elapsedMs }), text);
  }
});

test("formatCount draws a bar, and counts", () => {
  const table: readonly (readonly [number, number, string])[] = [
    [0, 2, "[>                   ]   0%  0 of 2 deleted"],
    [1, 2, "[==========>         ]  50%  1 of 2 deleted"],
    [2, 2, "[====================] 100%  2 of 2 deleted"],
    [3, 2, "[====================] 100%  3 of 2 deleted"],
    [0, 0, "[====================] 100%  0 of 0 deleted"],
  ];
  for (const [done, total, text] of table) {
    assert.equal(formatCount({ done, total, what: "deleted" }), text);
  }
});

test("formatCount tells speed and time left once there is something to tell", () => {
  const table: readonly (readonly [number, number, number, string])[] = [
    [0, 100, 5000, "0 of 100 read"],
    [50, 100, 999, "50 of 100 read"],
    [50, 100, 1000, "50 of 100 read  50/s  1 s left"],
    [1, 100, 2000, "1 of 100 read  0.5/s  4 min left"],
    [100, 100, 2000, "100 of 100 read  50/s  0 s left"],
    [100, 100_000, 10_000, "100 of 100000 read  10/s  3 h left"],
    [99, 100, 60_000, "99 of 100 read  1.6/s  1 s left"],
  ];
  for (const [done, total, elapsedMs, text] of table) {
    const line = formatCount({ done, total, what: "read", elapsedMs });
    assert.equal(line.slice("[====================] 100%  ".length), text);
  }
});

test("formatCount has no bar where there is little room", () => {
  const task = { done: 1, total: 2, what: "read", elapsedMs: 1000 };
  assert.equal(formatCount({ ...task, columns: 40 }), "1 of 2 read  1.0/s  1 s left");
  assert.match(formatCount({ ...task, columns: 80 }), /^\[=/);
});
