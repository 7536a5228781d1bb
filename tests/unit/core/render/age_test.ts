import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAge } from "../../../../core/render/age.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

test("formatAge tells two weeks, two months and two years apart", () => {
  const table: readonly (readonly [number, string])[] = [
    [-DAY_MS, "just now"],
    [0, "just now"],
    [59_999, "just now"],
    [60_000, "1 minute ago"],
    [HOUR_MS - 1, "59 minutes ago"],
    [HOUR_MS, "1 hour ago"],
    [2 * DAY_MS - 1, "47 hours ago"],
    [2 * DAY_MS, "2 days ago"],
    [14 * DAY_MS - 1, "13 days ago"],
    [14 * DAY_MS, "2 weeks ago"],
    [60 * DAY_MS, "8 weeks ago"],
    [61 * DAY_MS, "2 months ago"],
    [730 * DAY_MS, "23 months ago"],
    [731 * DAY_MS, "2 years ago"],
    [36_525 * DAY_MS, "100 years ago"],
  ];
  for (const [ageMs, text] of table) assert.equal(formatAge(ageMs), text, `${ageMs}`);
});
