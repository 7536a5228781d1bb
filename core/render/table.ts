import { escapeText } from "./escape.ts";

const GAP = "  ";
/** How {@linkcode formatTable} lays it out. */
export interface TableOptions {
  /**
   * In columns; a cell that is wider sticks out and pads no others. Default: 400, which the longest
   * reference fits into.
   */
  readonly maxWidth?: number;
}

/**
 * A table without borders: a line of titles, then the rows, columns two blanks apart. Cells are
 * escaped; nothing is cut, so that what is shown can be copied. Linear in the size of the cells.
 */
export async function formatTable(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  { maxWidth = 400 }: TableOptions = {},
): Promise<string> {
  const lines = [titles, ...rows.map((row) => row.map(escapeText))];
  const isAscii = lines.every((cells) => cells.every((cell) => /^[ -~]*$/.test(cell)));
  // Only what is not ASCII can be wider or narrower than its number of characters.
  const widthOf = isAscii ? (cell: string) => cell.length : (await import("string-width")).default;
  const widths = titles.map(() => 0);
  for (const cells of lines) {
    cells.forEach((cell, i) => {
      const width = widthOf(cell);
      if (width <= maxWidth) widths[i] = Math.max(widths[i] ?? 0, width);
    });
  }
  const pad = (cell: string, i: number) =>
    cell + " ".repeat(Math.max(0, (widths[i] ?? 0) - widthOf(cell)));
  return lines.map((cells) => `${trimEnd(cells.map(pad).join(GAP))}\n`).join("");
}

/** Takes blanks off the end; an expression for it would be quadratic in a row of them. */
function trimEnd(line: string): string {
  let end = line.length;
  while (line[end - 1] === " ") end--;
  return line.slice(0, end);
}
