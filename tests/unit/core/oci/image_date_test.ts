import assert from "node:assert/strict";
import { test } from "node:test";

import { readImageDate } from "../../../../core/oci/image_date.ts";
import { assertFast } from "../../../support/assert_error.ts";

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 5, 1);

test("readImageDate reads RFC 3339 to the millisecond", () => {
  const table: readonly (readonly [string, string])[] = [
    ["2024-01-02T03:04:05Z", "2024-01-02T03:04:05.000Z"],
    ["2024-01-02T03:04:05.123456789Z", "2024-01-02T03:04:05.123Z"],
    ["2024-01-02T03:04:05.5Z", "2024-01-02T03:04:05.500Z"],
    ["2024-01-02t03:04:05.05z", "2024-01-02T03:04:05.050Z"],
    ["2024-01-02T03:04:05+02:00", "2024-01-02T01:04:05.000Z"],
    ["2024-01-02T23:04:05.9999-05:30", "2024-01-03T04:34:05.999Z"],
    ["2024-02-29T00:00:00-00:00", "2024-02-29T00:00:00.000Z"],
    ["1990-01-01T00:00:00Z", "1990-01-01T00:00:00.000Z"],
    ["2026-06-02T00:00:00Z", "2026-06-02T00:00:00.000Z"],
  ];
  for (const [text, expected] of table) {
    assert.deepEqual(readImageDate(text, NOW), { at: Date.parse(expected) }, text);
  }
});

test("a date that says nothing about age is unknown, and the reason says why", () => {
  const table: readonly (readonly [unknown, string])[] = [
    [undefined, "its configuration names no date"],
    [null, "its configuration names no date"],
    ["", "its configuration names no date"],
    [0, "its date is not a text"],
    [{}, "its date is not a text"],
    ["yesterday", 'its date cannot be read: "yesterday"'],
    ["1970-01-01T00:00:00Z", "its date is 1970-01-01, as reproducible builds write it"],
    ["0001-01-01T00:00:00Z", "its date is 0001-01-01, as reproducible builds write it"],
    ["1989-12-31T23:59:59.999Z", "its date is 1989-12-31, as reproducible builds write it"],
    ["1990-01-01T00:00:00+00:01", "its date is 1990-01-01, as reproducible builds write it"],
    ["2026-06-02T00:00:00.001Z", "its date is 2026-06-02, which is in the future"],
    ["9999-12-31T23:59:59Z", "its date is 9999-12-31, which is in the future"],
  ];
  for (const [text, unknown] of table) {
    assert.deepEqual(readImageDate(text, NOW), { unknown }, JSON.stringify(text));
  }
  assert.deepEqual(readImageDate(new Date(NOW + DAY_MS).toISOString(), NOW), { at: NOW + DAY_MS });
});

test("what is not quite RFC 3339 is unknown", () => {
  const texts = [
    ...["2024-01-02", "2024-01-02T03:04Z", "2024-01-02T03:04:05", "2024-01-02 03:04:05Z"],
    ...["2023-02-29T00:00:00Z", "2024-02-30T00:00:00Z", "2024-13-01T00:00:00Z"],
    ...["2024-00-01T00:00:00Z", "2024-01-00T00:00:00Z", "2024-01-02T24:00:00Z"],
    ...["2024-01-02T03:60:00Z", "2024-01-02T03:04:60Z", "2024-01-02T03:04:05.Z"],
    ...["2024-01-02T03:04:05+24:00", "2024-01-02T03:04:05+01:60", "2024-01-02T03:04:05+0100"],
    ...["+02024-01-02T03:04:05Z", "2024-01-02T03:04:05Z\n", " 2024-01-02T03:04:05Z"],
    ...["٢٠٢٤-01-02T03:04:05Z", "Tue, 02 Jan 2024 03:04:05 GMT", "1704164645", "\u001b[2J", "Z"],
  ];
  for (const text of texts) {
    const date = readImageDate(text, NOW);
    assert.ok("unknown" in date, JSON.stringify(text));
    assert.match(date.unknown, /^its date cannot be read: "/);
    assert.ok(!date.unknown.includes("\u001b"));
  }
});

test("a hostile date is read fast and shown short", () => {
  for (const text of ["2".repeat(1 << 20), `2024-01-02T03:04:05.${"1".repeat(1 << 20)}Z`]) {
    const date = assertFast(text.slice(0, 20), () => readImageDate(text, NOW));
    assert.ok("unknown" in date && date.unknown.length < 100);
  }
});
