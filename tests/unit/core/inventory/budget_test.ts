import assert from "node:assert/strict";
import { test } from "node:test";

import { Budget } from "../../../../core/inventory/budget.ts";
import { createRequest, createResponse } from "../../../support/fake_exchange.ts";
import { assertRejects } from "../../../support/assert_error.ts";

const MANIFEST = "https://r.example/v2/app/manifests/1";

/** A budget that has seen these answers. */
async function seeing(...answers: readonly (readonly [remaining: string, url?: string])[]) {
  const budget = new Budget();
  for (const [remaining, url] of answers) {
    const headers = { "ratelimit-remaining": remaining };
    const { send } = budget.watch({
      baseUrl: new URL("https://r.example"),
      send: () => Promise.resolve(createResponse(200, headers, undefined, url)),
    });
    await send(createRequest(MANIFEST));
  }
  return budget;
}

test("the least that was told counts, and of the registry alone", async () => {
  const budget = await seeing(["7;w=21600"], ["9;w=21600"], ["0", "https://cdn.example/blob"]);
  budget.assertSuffices(7, "read");
  await assertRejects(
    () => budget.assertSuffices(8, "read"),
    "RATE_LIMITED",
    /^Cannot read: manifests to get: 8; the registry has 7 GET requests left of what it allows in 6 hours$/,
  );
});

test("what is no number of requests limits nothing", async () => {
  for (const odd of ["", "-5", "1.5", "many", "9".repeat(20)]) {
    const budget = await seeing([odd]);
    assert.deepEqual([budget.isLimited, budget.isTold], [false, true], odd);
    budget.assertSuffices(1e9, "read");
  }
  assert.equal(new Budget().isTold, false);
});

test("the window is told in words", async () => {
  const windows: readonly (readonly [string, string])[] = [
    ["1;w=3600", " of what it allows in an hour"],
    ["1;w=60", " of what it allows in 1 minutes"],
    ["1;w=90", " of what it allows in 90 seconds"],
    ["1;w=0", ""],
    ["1", ""],
  ];
  for (const [value, text] of windows) {
    const budget = await seeing([value]);
    const error = await assertRejects(() => budget.assertSuffices(2, "read"), "RATE_LIMITED");
    assert.ok(error.message.endsWith(`GET requests left${text}`), error.message);
  }
});
