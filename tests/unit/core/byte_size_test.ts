import assert from "node:assert/strict";
import { test } from "node:test";
import { parseByteSize } from "../../../core/byte_size.ts";

test("parseByteSize", () => {
  const cases = [
    ["0", 0],
    ["1", 1],
    ["12B", 12],
    ["5KB", 5000],
    ["5KiB", 5120],
    ["8MiB", 8_388_608],
    ["3MB", 3_000_000],
    ["2GiB", 2_147_483_648],
    ["1GB", 1_000_000_000],
    ["007", 7],
  ] as const;
  for (const [text, bytes] of cases) assert.equal(parseByteSize(text), bytes, text);
});

test("parseByteSize refuses all else", () => {
  const texts = ["", " 1", "1 MiB", "-1", "1.5MiB", "1e3", "1mb", "1M", "MiB", "1TiB", "0x10"];
  for (const text of [...texts, "٣", "1MiB\n", "999999999999999GiB"]) {
    assert.throws(() => parseByteSize(text), { code: "USAGE" }, JSON.stringify(text));
  }
});
