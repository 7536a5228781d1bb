import assert from "node:assert/strict";
import { test } from "node:test";

import { parseRetryAfter } from "../../../../core/http/retry_after.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

test("parseRetryAfter reads seconds, dates and moments", () => {
  const table: readonly (readonly [string, number])[] = [
    ["0", 0],
    ["120", 120_000],
    [" 7 ", 7000],
    ["1.5", 1500],
    ["007", 7000],
    ["86400", 86_400_000],
    // What Docker Hub's API sends.
    [String(NOW / 1000 + 30), 30_000],
    [String(NOW / 1000 - 30), 0],
    // The three forms of RFC 9110 section 5.6.7.
    ["Fri, 02 Jan 2026 03:04:35 GMT", 30_000],
    ["Friday, 02-Jan-26 03:04:35 GMT", 30_000],
    ["Fri Jan  2 03:04:35 2026", 30_000],
    ["Sun, 06 Nov 1994 08:49:37 GMT", 0],
  ];
  for (const [value, expected] of table) {
    assert.equal(parseRetryAfter(value, NOW), expected, value);
  }
});

test("parseRetryAfter ignores all else", () => {
  const junk = [
    ...["", " ", "-5", "+5", "1e3", "0x10", "5s", "soon", "NaN", "Infinity", "1,5", "3, 5", ".5"],
    ...["5.", "1".repeat(16), "2026-01-02", "2026-01-02T03:04:35Z", "02 Jan 2026 03:04:35 GMT"],
    ...["Monday", "Mon 5", "Sunset, 5", "Fri, 99 Foo 2026 03:04:35 GMT", "Fri, 02 Jan 2026", "٣"],
    ...["Fri, 02 Jan 2026 99:99:99 GMT", `Fri, ${" ".repeat(64_000)}`, "9".repeat(64_000)],
  ];
  for (const value of junk) {
    assert.equal(parseRetryAfter(value, NOW), undefined, value.slice(0, 40));
  }
  assert.equal(parseRetryAfter(null, NOW), undefined);
});

test("parseRetryAfter does not depend on the machine's time zone", () => {
  const zone = process.env["TZ"];
  try {
    for (const name of ["America/New_York", "Asia/Tokyo", "UTC"]) {
      process.env["TZ"] = name;
      assert.equal(parseRetryAfter("Fri Jan  2 03:04:35 2026", NOW), 30_000, name);
      assert.equal(parseRetryAfter("Fri, 02 Jan 2026 03:04:35 GMT", NOW), 30_000, name);
    }
  } finally {
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
  }
});
