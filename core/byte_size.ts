import { RegctlError } from "./errors.ts";

const UNIT_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/**
 * Reads a size as `8MiB`, `512KiB`, `1GB`, or a bare number of bytes. Gives bytes; throws `USAGE`.
 * The units are written exactly so: `mb` may mean anything.
 */
export function parseByteSize(text: string): number {
  const [, digits, unit = "B"] = /^(\d{1,15})(B|[KMG]i?B)?$/.exec(text) ?? [];
  const size = Number(digits) * (UNIT_BYTES[unit] ?? NaN);
  if (Number.isSafeInteger(size)) return size;
  throw new RegctlError("USAGE", `Not a size: ${JSON.stringify(text.slice(0, 40))}`, {
    hint: "Write 8MiB, 512KiB, 1GiB, or a number of bytes",
  });
}
