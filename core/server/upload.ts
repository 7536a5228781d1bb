import { Buffer } from "node:buffer";
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { formatDigest, type VerifiableDigest } from "../oci/digest.ts";
import { Problem } from "./problem.ts";
import { Turns } from "./turns.ts";

/** Pieces from the network are small; each writing costs about the same whatever its size. */
const WRITE_BYTES = 1024 * 1024;

/** How {@linkcode Upload.append} takes a body. */
export interface AppendOptions {
  /** Where the body must start. Default: wherever the upload stands. */
  readonly start?: number | undefined;
  /** How many bytes it must have. Default: as many as come. */
  readonly length?: number | undefined;
}

/**
 * Bytes of a blob that is not whole yet, in a file of their own. Requests of one upload take turns.
 * Memory is bounded whatever the size; a digest of the expected algorithm costs no second reading.
 */
export class Upload {
  readonly id: string;
  readonly repository: string;
  /** When it was last used, in milliseconds since the epoch. */
  usedAt = Date.now();
  readonly #path: string;
  readonly #algorithm: VerifiableDigest["algorithm"];
  #hash: Hash;
  #size = 0;
  readonly #turns = new Turns();
  #isOver = false;

  constructor(
    id: string,
    repository: string,
    path: string,
    algorithm: VerifiableDigest["algorithm"],
  ) {
    this.id = id;
    this.repository = repository;
    this.#path = path;
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  /** Bytes received so far. */
  get size(): number {
    return this.#size;
  }

  /**
   * Appends a body. What came of a body that broke off stays, and can be continued; a body that does
   * not fit `options` leaves the upload as it was and throws a {@linkcode Problem}, as does an
   * upload that is over.
   */
  append(body: AsyncIterable<Uint8Array>, options: AppendOptions = {}): Promise<void> {
    return this.#inTurn(() => this.#append(body, options));
  }

  /**
   * Ends the upload: hands the file to `place` when its bytes have the digest, and removes it in any
   * case. Throws `DIGEST_INVALID` when they have not.
   */
  finish(digest: VerifiableDigest, place: (path: string) => Promise<void>): Promise<void> {
    return this.#inTurn(async () => {
      try {
        const found = await this.#digest(digest.algorithm);
        if (found !== digest.encoded) {
          throw new Problem(
            "DIGEST_INVALID",
            `the bytes received have the digest ${formatDigest({ ...digest, encoded: found })}`,
          );
        }
        await place(this.#path);
      } finally {
        await this.#end();
      }
    });
  }

  /** True when nothing can be done with it any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Forgets the upload and what was received; a body that still comes in is of no use any more. */
  async cancel(): Promise<void> {
    this.#isOver = true;
    await this.#turns.take(() => this.#end());
  }

  async #append(body: AsyncIterable<Uint8Array>, { start, length }: AppendOptions): Promise<void> {
    if (start !== undefined && start !== this.#size) {
      throw new Problem(
        "BLOB_UPLOAD_INVALID",
        `the next byte is ${this.#size}, not ${start}`,
        { status: 416 },
      );
    }
    const before = { size: this.#size, hash: this.#hash.copy() };
    const file = await open(this.#path, "a");
    try {
      await this.#receive(body, file);
      const received = this.#size - before.size;
      if (length !== undefined && received !== length) {
        await file.truncate(before.size);
        this.#size = before.size;
        this.#hash = before.hash;
        throw new Problem("SIZE_INVALID", `the body has ${received} bytes instead of ${length}`);
      }
    } finally {
      await file.close();
    }
  }

  async #receive(body: AsyncIterable<Uint8Array>, file: FileHandle): Promise<void> {
    let pending: Uint8Array[] = [];
    let bytes = 0;
    const write = async () => {
      const piece = Buffer.concat(pending, bytes);
      [pending, bytes] = [[], 0];
      try {
        const written = file.appendFile(piece);
        this.#hash.update(piece);
        await written;
        this.#size += piece.length;
      } catch (error) {
        // The hash and the file may differ from here on.
        await this.#end();
        throw error;
      }
    };
    try {
      for await (const chunk of body) {
        if (this.#isOver) throw unknownUpload();
        this.usedAt = Date.now();
        pending.push(chunk);
        bytes += chunk.byteLength;
        if (bytes >= WRITE_BYTES) await write();
      }
    } finally {
      if (bytes > 0) await write();
    }
  }

  async #digest(algorithm: VerifiableDigest["algorithm"]): Promise<string> {
    // An upload without a single byte has no file yet.
    const file = await open(this.#path, "a");
    try {
      // Before it gets its name: a power cut must not leave a name without content.
      await file.sync();
    } finally {
      await file.close();
    }
    if (algorithm === this.#algorithm) return this.#hash.copy().digest("hex");
    const hash = createHash(algorithm);
    for await (const chunk of createReadStream(this.#path)) hash.update(chunk as Uint8Array);
    return hash.digest("hex");
  }

  async #end(): Promise<void> {
    this.#isOver = true;
    await rm(this.#path, { force: true });
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    return this.#turns.take(() => {
      if (this.#isOver) throw unknownUpload();
      this.usedAt = Date.now();
      return run();
    });
  }
}

/** What every use of an upload that is not there ends with. */
export function unknownUpload(): Problem {
  return new Problem("BLOB_UPLOAD_UNKNOWN", "there is no such upload, or no longer");
}
