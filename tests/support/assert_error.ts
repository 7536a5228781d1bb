import assert from "node:assert/strict";

import { type ErrorCode, RegctlError } from "../../core/errors.ts";

/** Asserts that `run` throws, or its promise rejects with, a `code` error; gives the error. */
export async function assertRejects(
  run: () => unknown,
  code: ErrorCode,
  message = /./,
): Promise<RegctlError> {
  let error: unknown;
  try {
    await run();
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error instanceof RegctlError, `not a RegctlError: ${error}`);
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  return error;
}

/** Asserts that `run` takes no longer than a linear scan may on a busy machine; gives its result. */
export function assertFast<Result>(what: string, run: () => Result): Result {
  const start = performance.now();
  const result = run();
  const ms = Math.round(performance.now() - start);
  assert.ok(ms < SLOW_MS, `${what} took ${ms} ms`);
  return result;
}

/** Far above what a linear scan of 64 KiB needs, far below what a quadratic one takes. */
const SLOW_MS = 400;
