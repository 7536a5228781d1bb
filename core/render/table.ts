import { escapeText } from "./escape.ts";

/**
 * A table without borders: a line of titles, then the rows, columns two blanks apart. Cells are
 * escaped; nothing is cut, so that what is shown can be copied.
 */
export async function formatTable(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
): Promise<string> {
  const { default: Table } = await import("cli-table3");
  const none = { top: "", "top-mid": "", "top-left": "", "top-right": "" };
  const bottom = { bottom: "", "bottom-mid": "", "bottom-left": "", "bottom-right": "" };
  const inner = { left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "" };
  const table = new Table({
    chars: { ...none, ...bottom, ...inner, middle: "  " },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  table.push([...titles], ...rows.map((row) => row.map(escapeText)));
  return table.toString().split("\n").map((line) => `${line.trimEnd()}\n`).join("");
}
