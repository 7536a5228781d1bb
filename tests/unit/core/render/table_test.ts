import assert from "node:assert/strict";
import { test } from "node:test";

import { formatTable } from "../../../../core/render/table.ts";

test("formatTable aligns columns without borders or blanks at the end", async () => {
  const table = await formatTable(["NAME", "DIGEST"], [["a", "sha256:ab"], ["longer", ""], [
    "",
    "x",
  ]]);
  assert.equal(table, "NAME    DIGEST\na       sha256:ab\nlonger\n        x\n");
  assert.equal(await formatTable(["NAME"], []), "NAME\n");
});

test("formatTable escapes cells, cuts nothing and keeps one row a line", async () => {
  const long = "x".repeat(500);
  const table = await formatTable(["A", "B"], [["\x1b[31ma\nb", long], ["\u202e", "1"]]);
  assert.deepEqual(table.split("\n"), [
    "A               B",
    `\\x1b[31ma\\x0ab  ${long}`,
    "\\u{202e}        1",
    "",
  ]);
});

test("formatTable counts wide characters as two columns", async () => {
  assert.equal(
    await formatTable(["A", "B"], [["日本", "1"], ["abcd", "2"]]),
    "A     B\n日本  1\nabcd  2\n",
  );
});

test("a long cell does not make the others slow", async () => {
  const start = performance.now();
  await formatTable(["A", "B"], [["x".repeat(64 * 1024), "y"], ["a", "b"]]);
  const ms = performance.now() - start;
  assert.ok(ms < 2000, `${ms} ms`);
});

test("a cell of more than 400 columns sticks out and does not pad all others", async () => {
  const rows = (long: string) => [["a", "1"], [long, "2"], ["b", "3"]];
  for (const [mark, width] of [["x", 1], ["日", 2]] as const) {
    for (const columns of [400, 402, 40_000]) {
      const long = mark.repeat(columns / width);
      const lines = (await formatTable(["A", "B"], rows(long))).split("\n");
      const padded = (cell: string) => cell.padEnd(columns > 400 ? 3 : 402);
      assert.deepEqual(lines, [
        `${padded("A")}B`,
        `${padded("a")}1`,
        `${long}  2`,
        `${padded("b")}3`,
        "",
      ]);
    }
  }
});

test("a narrower limit can be set for the first column", async () => {
  const rows = [["a", "1"], ["abcd", "2"], ["abc", "three"]];
  assert.equal(
    await formatTable(["A", "B"], rows, { maxFirstWidth: 3 }),
    "A    B\na    1\nabcd  2\nabc  three\n",
  );
});
