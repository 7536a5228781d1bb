import { open } from "node:fs/promises";

/** How much of a file is read at a time. */
const READ_BYTES = 256 * 1024;

/**
 * A part of a file as a Blob that is read when it is used. It is for Deno, whose `openAsBlob` reads
 * the whole file at once; Bun takes its own Blobs alone.
 */
export class FileBlob extends Blob {
  readonly #path: string;
  readonly #start: number;
  readonly #end: number;

  /** The bytes from `start` to before `end`. */
  constructor(path: string, start: number, end: number) {
    super([]);
    this.#path = path;
    this.#start = start;
    this.#end = end;
  }

  override get size(): number {
    return this.#end - this.#start;
  }

  override slice(start = 0, end = this.size): Blob {
    const place = (index: number) =>
      Math.min(this.size, Math.max(0, index < 0 ? this.size + index : index));
    const first = place(start);
    const last = Math.max(first, place(end));
    return new FileBlob(this.#path, this.#start + first, this.#start + last);
  }

  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const pieces = this.#pieces();
    return new ReadableStream({
      async pull(controller) {
        const { done, value } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await pieces.return();
      },
    });
  }

  override async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(this.size);
    let length = 0;
    for await (const piece of this.#pieces()) {
      bytes.set(piece, length);
      length += piece.byteLength;
    }
    return bytes;
  }

  override async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  override async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  async *#pieces(): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    const file = await open(this.#path);
    try {
      for (let position = this.#start; position < this.#end;) {
        const piece = new Uint8Array(Math.min(READ_BYTES, this.#end - position));
        const { bytesRead } = await file.read(piece, 0, piece.byteLength, position);
        if (bytesRead === 0) throw new Error(`${this.#path} has become shorter`);
        position += bytesRead;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }
}
