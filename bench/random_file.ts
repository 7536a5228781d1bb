import { createHash, randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";

const PIECE_BYTES = 2 ** 20;

/** Writes a file of that many MiB that nothing can compress; gives its digest. */
export async function writeRandomFile(path: string, mebibytes: number): Promise<string> {
  const hash = createHash("sha256");
  const pieces = function* () {
    for (let i = 0; i < mebibytes; i++) {
      const piece = randomBytes(PIECE_BYTES);
      hash.update(piece);
      yield piece;
    }
  };
  await pipeline(pieces, createWriteStream(path));
  return `sha256:${hash.digest("hex")}`;
}
