import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const FOLDER = new URL("../golden/", import.meta.url);

/**
 * Holds a text against `tests/golden/NAME`, byte for byte. With REGCTL_UPDATE_GOLDEN=1 the file is
 * written instead, and the assertion holds.
 */
export async function assertGolden(name: string, actual: string): Promise<void> {
  const path = fileURLToPath(new URL(name, FOLDER));
  if (process.env["REGCTL_UPDATE_GOLDEN"] === "1") {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, actual);
  }
  const expected = await readFile(path, "utf8").catch(() => undefined);
  assert.equal(actual, expected, `tests/golden/${name} differs; "make golden" rewrites it`);
}
