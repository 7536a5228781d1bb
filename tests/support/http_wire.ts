import { Buffer } from "node:buffer";
import type { Socket } from "node:net";

/** The first line and the headers of an HTTP/1.1 request. */
export interface RequestHead {
  readonly method: string;
  /** As sent: path and query, an absolute URL toward a proxy, or host:port for CONNECT. */
  readonly target: string;
  /** Names in lower case; the values of a repeated header joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
}

/** Reads HTTP/1.1 requests from a socket, so that tests see the bytes and not a library's view of them. */
export class SocketReader {
  readonly #socket: Socket;
  #buffer = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", this.#onData);
    for (const event of ["end", "close", "error"]) socket.on(event, this.#onEnd);
  }

  /** The next request's head, or undefined when the client is gone. */
  async readHead(): Promise<RequestHead | undefined> {
    const text = await this.#readThrough("\r\n\r\n");
    return text === undefined ? undefined : parseHead(text);
  }

  /** The body that belongs to a head just read: by length, chunked, or none. Shorter when the client leaves. */
  async readBody(head: RequestHead): Promise<Uint8Array> {
    if (head.headers["transfer-encoding"] === undefined) {
      return await this.#take(Number(head.headers["content-length"] ?? 0));
    }
    const chunks: Uint8Array[] = [];
    for (;;) {
      const size = parseInt(await this.#readThrough("\r\n") ?? "0", 16);
      if (size === 0) break;
      chunks.push(await this.#take(size));
      await this.#take(2);
    }
    await this.#readThrough("\r\n");
    return Buffer.concat(chunks);
  }

  /** Stops reading and gives back the bytes read too far, for a tunnel. */
  detach(): Uint8Array {
    this.#socket.pause();
    this.#socket.off("data", this.#onData);
    return this.#buffer;
  }

  readonly #onData = (data: Uint8Array): void => {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    this.#wake();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#wake();
  };

  async #readThrough(mark: string): Promise<string | undefined> {
    for (;;) {
      const at = this.#buffer.indexOf(mark);
      if (at >= 0) return (await this.#take(at + mark.length)).toString("latin1");
      if (this.#ended) return undefined;
      await this.#more();
    }
  }

  async #take(count: number): Promise<Buffer> {
    while (this.#buffer.length < count && !this.#ended) await this.#more();
    const taken = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }
}

function parseHead(text: string): RequestHead {
  const [first = "", ...lines] = text.trimEnd().split("\r\n");
  const [method = "", target = ""] = first.split(" ");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return { method, target, headers };
}
