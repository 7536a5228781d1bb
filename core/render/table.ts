import { escapeText } from "./escape.ts";

const GAP = "  ";

/** The longest reference fits. What is longer sticks out: padding all others would cost too much. */
const MAX_WIDTH = 400;

/** How {@linkcode formatTable} lays it out. */
export interface TableOptions {
  /** Of the first column: a cell that is wider sticks out and pads no others. Default: 400. */
  readonly maxFirstWidth?: number;
}

/**
 * A table without borders: a line of titles, then the rows, columns two blanks apart. Cells are
 * escaped; nothing is cut, so that what is shown can be copied. Linear in the size of the cells.
 */
export async function formatTable(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  { maxFirstWidth = MAX_WIDTH }: TableOptions = {},
): Promise<string> {
  const lines = [titles, ...rows.map((row) => row.map(escapeText))];
  const isAscii = lines.every((cells) => cells.every((cell) => /^[ -~]*$/.test(cell)));
  // Only what is not ASCII can be wider or narrower than its number of characters.
  const widthOf = isAscii ? (cell: string) => cell.length : (await import("string-width")).default;
  const widths = titles.map(() => 0);
  for (const cells of lines) {
    cells.forEach((cell, i) => {
      const width = widthOf(cell);
      if (width <= (i === 0 ? maxFirstWidth : MAX_WIDTH)) {
        widths[i] = Math.max(widths[i] ?? 0, width);
      }
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
