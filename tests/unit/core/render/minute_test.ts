import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMinute } from "../../../../core/render/minute.ts";

test("formatMinute cuts a date to its minute, and leaves what is none", () => {
  const table: readonly (readonly [string, string])[] = [
    ["2026-11-26T04:31:59.999Z", "2026-11-26 04:31 UTC"],
    ["2026-11-26T00:31:00+02:00", "2026-11-25 22:31 UTC"],
    ["", ""],
    ["yesterday", "yesterday"],
    ["\x1b[2J", "\x1b[2J"],
  ];
  for (const [date, text] of table) assert.equal(formatMinute(date), text);
});
