import assert from "node:assert/strict";
import { test } from "node:test";

import { parseMoment } from "../../../core/date_time.ts";
import { assertRejects } from "../../support/assert_error.ts";

const NOW = Date.UTC(2026, 5, 1, 12);

test("parseMoment reads an age, a day, and a date with its time", () => {
  const table: readonly (readonly [string, string])[] = [
    ["30d", "2026-05-02T12:00:00.000Z"],
    ["12h", "2026-06-01T00:00:00.000Z"],
    ["0s", "2026-06-01T12:00:00.000Z"],
    ["2026-01-31", "2026-01-31T00:00:00.000Z"],
    ["1970-01-01", "1970-01-01T00:00:00.000Z"],
    ["2026-01-31T12:30:00Z", "2026-01-31T12:30:00.000Z"],
    ["2026-01-31T12:30:00.5+02:00", "2026-01-31T10:30:00.500Z"],
  ];
  for (const [text, expected] of table) {
    assert.equal(new Date(parseMoment(text, NOW)).toISOString(), expected, text);
  }
});

test("parseMoment refuses all else", async () => {
  const texts = ["2026-02-30", "2026-1-1", "2026-01-31 12:00", `2026-${"0".repeat(50_000)}`];
  texts.push("30", "", "yesterday", "-1d", "31.01.2026", "2026", "2w", "30D");
  for (const text of texts) {
    const error = await assertRejects(
      () => parseMoment(text, NOW),
      "USAGE",
      /^Neither an age nor a date: "/,
    );
    assert.ok(error.message.length < 80);
  }
});
