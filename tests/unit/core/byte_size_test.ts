import assert from "node:assert/strict";
import { test } from "node:test";
import { formatByteSize, parseByteSize } from "../../../core/byte_size.ts";

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

test("formatByteSize", () => {
  const cases = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1536, "1.5 KiB"],
    [1024 ** 2 - 1, "1.0 MiB"],
    [16 * 1024 ** 2, "16.0 MiB"],
    [5 * 1024 ** 3, "5.0 GiB"],
    [5000 * 1024 ** 4, "5000.0 TiB"],
  ] as const;
  for (const [bytes, text] of cases) assert.equal(formatByteSize(bytes), text);
});
