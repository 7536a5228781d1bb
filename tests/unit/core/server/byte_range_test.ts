import assert from "node:assert/strict";
import { test } from "node:test";

import { type ByteRange, parseRange } from "../../../../core/server/byte_range.ts";
import { assertFast } from "../../../support/assert_error.ts";
import { forEachSeed } from "../../../support/random.ts";

type Expected = readonly [number, number] | "unsatisfiable" | undefined;

function range(header: string | undefined, size: number): Expected {
  const found: ByteRange | "unsatisfiable" | undefined = parseRange(header, size);
  return typeof found === "object" ? [found.first, found.last] : found;
}

test("parseRange reads one range of bytes", () => {
  const table: readonly (readonly [string, number, Expected])[] = [
    // The examples of RFC 9110, section 14.1.2.
    ["bytes=0-499", 10_000, [0, 499]],
    ["bytes=500-999", 10_000, [500, 999]],
    ["bytes=-500", 10_000, [9500, 9999]],
    ["bytes=9500-", 10_000, [9500, 9999]],
    ["bytes=0-0", 10_000, [0, 0]],
    ["bytes=0-", 10, [0, 9]],
    ["bytes=9-", 10, [9, 9]],
    ["bytes=9-9", 10, [9, 9]],
    ["bytes=-1", 10, [9, 9]],
    ["bytes=-10", 10, [0, 9]],
    ["bytes=0-0", 1, [0, 0]],
    ["bytes=007-008", 10, [7, 8]],
    // More than there is ends where the content ends.
    ["bytes=0-10", 10, [0, 9]],
    ["bytes=5-999999999999999", 10, [5, 9]],
    ["bytes=-11", 10, [0, 9]],
    ["bytes=-999999999999999", 10, [0, 9]],
    // The name of a unit has no case.
    ["Bytes=1-2", 10, [1, 2]],
    ["BYTES=-2", 10, [8, 9]],
  ];
  for (const [header, size, expected] of table) {
    assert.deepEqual(range(header, size), expected, `${header} of ${size}`);
  }
});

test("parseRange says when there is no byte in the range", () => {
  const table: readonly (readonly [string, number])[] = [
    ["bytes=10-", 10],
    ["bytes=10-10", 10],
    ["bytes=11-20", 10],
    ["bytes=999999999999999-", 10],
    ["bytes=-0", 10],
    ["bytes=-00", 10],
    ["bytes=0-", 0],
    ["bytes=0-0", 0],
    ["bytes=-0", 0],
    // Invalid; section 14.2 leaves the choice to ignore or to refuse it.
    ["bytes=5-4", 10],
    ["bytes=9-0", 10],
  ];
  for (const [header, size] of table) {
    assert.equal(range(header, size), "unsatisfiable", `${header} of ${size}`);
  }
});

test("parseRange refuses no suffix of empty content", () => {
  // Satisfiable by section 14.1.2, and yet no 206 can say so: the whole is what is left.
  assert.equal(range("bytes=-1", 0), undefined);
  assert.equal(range("bytes=-500", 0), undefined);
});

test("parseRange passes over what it does not serve", () => {
  const headers = [
    ...[undefined, "", " ", "bytes", "bytes=", "bytes=-", "bytes= - ", "=0-1", "0-1", "bytes 0-1"],
    ...[
      "bytes=0-1,3-4",
      "bytes=0-1, -1",
      "bytes=0-0,-1",
      "bytes=500-600,601-999",
      "bytes=,0-1,,2-",
    ],
    ...["items=0-1", "bits=0-7", "seconds=1-2", "none", "xbytes=0-1", "bytesx=0-1", "by tes=0-1"],
    ...["bytes=a-b", "bytes=0x0-0x1", "bytes=1e0-2", "bytes=1.0-2", "bytes=+1-2", "bytes=--1"],
    ...[
      "bytes=1--2",
      "bytes=1-2-3",
      "bytes=1-2x",
      "bytes=1 2",
      "bytes=\u0661-\u0662",
      "bytes=0-1;",
    ],
    ...["bytes=\u0000-1", "bytes:0-1", "bytes==0-1", "bytes=0\u20131", '"bytes=0-1"', "bytes=1_0-"],
    ...["x\nbytes=0-1", "bytes=0-1\nx", "bytes=0-1 bytes=0-1", "bytes=NaN-", "bytes=Infinity-"],
  ];
  for (const header of headers) assert.equal(range(header, 10), undefined, JSON.stringify(header));
});

test("parseRange makes no wrong range of a number that JavaScript cannot hold", () => {
  for (const digits of ["9".repeat(16), "9007199254740993", "9".repeat(400), "0".repeat(400)]) {
    for (const header of [`bytes=${digits}-`, `bytes=0-${digits}`, `bytes=-${digits}`]) {
      assert.equal(range(header, 10), undefined, header.slice(0, 40));
    }
  }
  assert.deepEqual(range("bytes=1-", Number.MAX_SAFE_INTEGER), [1, Number.MAX_SAFE_INTEGER - 1]);
});

test("parseRange takes linear time", () => {
  const size = 64 * 1024;
  const headers = [
    `bytes=${" ".repeat(size)}`,
    `bytes=0-${" ".repeat(size)}x`,
    `bytes=${"1".repeat(size)}`,
    `bytes=0-${"1".repeat(size)}`,
    `bytes=${"0-1,".repeat(size / 4)}`,
    "bytes=".repeat(size / 6),
  ];
  for (const header of headers) assertFast(header.slice(0, 12), () => parseRange(header, 10));
});

test("parseRange gives the bytes that slicing gives", () => {
  forEachSeed(2000, (random) => {
    const size = 1 + random.below(12);
    const bytes = Array.from({ length: size }, (_, i) => i);
    const [from, to] = [random.below(15), random.below(15)];
    const form = random.below(3);
    const header = [`bytes=${from}-${to}`, `bytes=${from}-`, `bytes=-${to}`][form] ?? "";
    const slices = [
      bytes.slice(from, to + 1),
      bytes.slice(from),
      bytes.slice(Math.max(0, size - to)),
    ];
    const found = parseRange(header, size);
    assert.notEqual(found, undefined, header);
    const actual = typeof found === "object" ? bytes.slice(found.first, found.last + 1) : [];
    assert.deepEqual(actual, slices[form], `${header} of ${size}`);
    if (typeof found === "object") assert.ok(found.first <= found.last && found.last < size);
  });
});
