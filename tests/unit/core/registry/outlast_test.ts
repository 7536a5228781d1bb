import assert from "node:assert/strict";
import { test } from "node:test";
import { RegctlError } from "../../../../core/errors.ts";
import { outlast } from "../../../../core/registry/outlast.ts";

/** Calls `action` on a clock of its own, and gives the timers that were set, with their ends. */
function catchTimers(action: () => void): { ms: number; end: () => void }[] {
  const timers: { ms: number; end: () => void }[] = [];
  const { setTimeout } = globalThis;
  const fake = (end: () => void, ms: number) => timers.push({ ms, end });
  Object.assign(globalThis, { setTimeout: fake });
  try {
    action();
  } finally {
    Object.assign(globalThis, { setTimeout });
  }
  return timers;
}

test("outlast: time begins to run when the call ends, and not before", () => {
  const call = new AbortController();
  let late = call.signal;
  assert.deepEqual(catchTimers(() => late = outlast(call.signal, 2500)), []);
  assert.deepEqual(catchTimers(() => outlast(undefined, 2500)), []);
  const reason = new RegctlError("INTERRUPTED", "Interrupted");
  const [timer] = catchTimers(() => call.abort(reason));
  assert.deepEqual([timer?.ms, late.aborted], [2500, false]);
  timer?.end();
  assert.equal(late.reason.code, "INTERRUPTED");
  assert.equal(late.reason.message, "Interrupted before the registry said whether it is done");
});

test("outlast: after the end of the call, time runs at once", () => {
  const call = new AbortController();
  const reason = new Error("of another kind");
  call.abort(reason);
  let late = call.signal;
  const [timer] = catchTimers(() => late = outlast(call.signal, 10));
  assert.deepEqual([timer?.ms, late.aborted], [10, false]);
  timer?.end();
  assert.equal(late.reason, reason);
});
