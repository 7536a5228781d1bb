import assert from "node:assert/strict";
import { test } from "node:test";

import { parseAge, parseDuration } from "../../../core/duration.ts";
import { assertRejects } from "../../support/assert_error.ts";

test("parseDuration gives milliseconds", () => {
  const table: readonly (readonly [string, number])[] = [
    ["90s", 90_000],
    ["5m", 300_000],
    ["12h", 43_200_000],
    ["30d", 2_592_000_000],
    ["500ms", 500],
    ["90", 90_000],
    ["1.5h", 5_400_000],
    ["0.25", 250],
    ["0", 0],
    ["007s", 7000],
    ["36500d", 3_153_600_000_000],
  ];
  for (const [text, expected] of table) assert.equal(parseDuration(text), expected, text);
});

test("parseDuration refuses all else, and repeats little of it", async () => {
  const junk = [
    "",
    " ",
    "s",
    "-1s",
    "+1s",
    "1e3",
    "0x10",
    "5 m",
    " 5m",
    "5m ",
    "5M",
    "1w",
    "1y",
    "1h30m",
  ];
  junk.push(
    "1.",
    ".5",
    "1,5",
    "NaN",
    "Infinity",
    "٣s",
    "5s\n",
    "36501d",
    "999999999999d",
    "1constructor",
  );
  junk.push("1__proto__", "9".repeat(50_000), "1.1234567s");
  for (const text of junk) {
    const error = await assertRejects(() => parseDuration(text), "USAGE", /^Not a duration: "/);
    assert.ok(error.message.length < 80);
  }
});

test("parseAge wants a unit", async () => {
  const table: readonly (readonly [string, number])[] = [
    ["30d", 2_592_000_000],
    ["1.5h", 5_400_000],
    ["90m", 5_400_000],
    ["0s", 0],
  ];
  for (const [text, expected] of table) assert.equal(parseAge(text), expected, text);
  for (const text of ["30", "1.5", "0", "9".repeat(50_000)]) {
    const error = await assertRejects(() => parseAge(text), "USAGE", /^An age needs a unit: "/);
    assert.ok(error.message.length < 80);
    assert.match(error.hint ?? "", /^Write \d[\d.]*d for days, or 12h$/);
  }
  for (const text of ["", "-1", "30 d", "1w", "1e3"]) {
    await assertRejects(() => parseAge(text), "USAGE", /^Not a duration: "/);
  }
});
