import { AssertionError } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { type Fault, playFault } from "./faults.ts";
import { SocketReader } from "./http_wire.ts";
import { listen, type Listener } from "./listen.ts";
import { encodeBody, encodeHead, type Reply } from "./scripted_reply.ts";

/** A request the scripted registry received, complete with its body. */
export interface RecordedRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly path: string;
  /** Names in lower case; the values of a repeated header joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as UTF-8 text. */
  readonly body: string;
  readonly bytes: Uint8Array;
}

/** One expected request and what becomes of it. Without reply, replyWith and fault: 200 with an empty body. */
export interface Step {
  readonly method: string;
  /** Path and query, exactly; or a pattern for them. */
  readonly path: string | RegExp;
  /** A further condition on the request. */
  readonly when?: (request: RecordedRequest) => boolean;
  readonly reply?: Reply;
  /** Computes the reply. A promise holds the answer back until it settles, which lets a test act in between. */
  readonly replyWith?: (request: RecordedRequest) => Reply | Promise<Reply>;
  /** What goes wrong; the reply, if any, gives the status, headers and body that are started. */
  readonly fault?: Fault;
  /** Body bytes sent before `reset-mid-body` or `short-body` cut it. Default: half. */
  readonly cutAt?: number;
  /** How often the step must be used. `Infinity`: any number of times, zero included. Default: 1. */
  readonly times?: number;
}

/** Options of {@linkcode startScriptedRegistry}. */
export interface ScriptedRegistryOptions {
  /** Speak TLS with this PEM key and certificate. Default: plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
  /**
   * Keep connections open between answers. Default: false, one request per connection, because clients silently
   * repeat a request when a pooled connection dies, and then a script's faults are used up twice.
   */
  readonly keepAlive?: boolean;
}

interface OpenStep {
  readonly step: Step;
  left: number;
}

/**
 * Starts an HTTP server that follows a script.
 *
 * Each request takes the first step that is not used up and fits it. A request nothing fits is kept as unexpected and
 * answered 500. With {@linkcode ANY_REQUEST} as its script it is a second origin that only records.
 */
export async function startScriptedRegistry(
  script: readonly Step[],
  options: ScriptedRegistryOptions = {},
): Promise<ScriptedRegistry> {
  const registry = new ScriptedRegistry(script, options);
  await registry.start();
  return registry;
}

/** Steps for an origin that records every request and answers 200 `{}`: proof of what did not reach it. */
export const ANY_REQUEST: readonly Step[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].map((
  method,
) => ({ method, path: /^/, reply: { status: 200, body: {} }, times: Infinity }));

/** A running script; made by {@linkcode startScriptedRegistry}. */
export class ScriptedRegistry implements AsyncDisposable {
  /** Every request in the order of arrival, unexpected ones too. */
  readonly requests: RecordedRequest[] = [];
  /** The requests no step fitted. */
  readonly unexpected: RecordedRequest[] = [];
  /** What `when` and `replyWith` threw. */
  readonly #failures: string[] = [];
  readonly #steps: OpenStep[];
  readonly #options: ScriptedRegistryOptions;
  #listener: Listener | undefined;

  constructor(script: readonly Step[], options: ScriptedRegistryOptions) {
    this.#steps = script.map((step) => ({ step, left: step.times ?? 1 }));
    this.#options = options;
  }

  /** Begins to listen; called once, by {@linkcode startScriptedRegistry}. */
  async start(): Promise<void> {
    const { tls, host } = this.#options;
    const onConnection = (socket: Socket) => void this.#serve(socket);
    // Half-open sockets let the registry go on reading after its own FIN.
    const server = tls === undefined
      ? createServer({ allowHalfOpen: true }, onConnection)
      : createTlsServer({ ...tls, allowHalfOpen: true }, onConnection);
    this.#listener = await listen(server, host);
  }

  get port(): number {
    if (this.#listener === undefined) throw new Error("The scripted registry is not started");
    return this.#listener.port;
  }

  /** `127.0.0.1:PORT`, as in an image reference. */
  get host(): string {
    const address = this.#options.host ?? "127.0.0.1";
    return `${address.includes(":") ? `[${address}]` : address}:${this.port}`;
  }

  /** `http://127.0.0.1:PORT`, or https with TLS. */
  get url(): string {
    return `${this.#options.tls === undefined ? "http" : "https"}://${this.host}`;
  }

  /** Adds steps behind those there are. */
  extend(script: readonly Step[]): void {
    for (const step of script) this.#steps.push({ step, left: step.times ?? 1 });
  }

  /** Throws an AssertionError that lists unexpected requests and unused steps. Each test calls it at its end. */
  assertDone(): void {
    const problems = [
      ...this.#failures,
      ...this.unexpected.map(({ method, path }) => `unexpected request: ${method} ${path}`),
      ...this.#steps.filter(({ left }) => left > 0 && left !== Infinity).map(({ step, left }) =>
        `unused step (${left} left): ${step.method} ${step.path}`
      ),
    ];
    if (problems.length > 0) throw new AssertionError({ message: problems.join("\n") });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener?.[Symbol.asyncDispose]();
  }

  async #serve(socket: Socket): Promise<void> {
    socket.on("error", () => {});
    const reader = new SocketReader(socket);
    for (;;) {
      const head = await reader.readHead();
      if (head === undefined) break;
      if (head.headers["expect"] === "100-continue") socket.write("HTTP/1.1 100 Continue\r\n\r\n");
      const bytes = await reader.readBody(head);
      const request = {
        method: head.method,
        path: head.target,
        headers: head.headers,
        body: Buffer.from(bytes).toString("utf8"),
        bytes,
      };
      const [step, reply] = await this.#choose(request);
      if (step?.fault !== undefined) {
        await playFault(socket, step.fault, reply, step.cutAt);
        return;
      }
      const keep = this.#options.keepAlive ?? false;
      socket.write(encodeHead(reply, [["connection", keep ? "keep-alive" : "close"]]));
      if (head.method !== "HEAD") socket.write(encodeBody(reply.body));
      if (!keep) break;
    }
    socket.end();
  }

  async #choose(request: RecordedRequest): Promise<[Step | undefined, Reply]> {
    this.requests.push(request);
    try {
      const found = this.#steps.find(({ step, left }) => left > 0 && fits(step, request));
      if (found !== undefined) {
        found.left--;
        const { step } = found;
        return [step, await step.replyWith?.(request) ?? step.reply ?? { status: 200 }];
      }
      this.unexpected.push(request);
    } catch (error) {
      this.#failures.push(`the script failed at ${request.method} ${request.path}: ${error}`);
    }
    const body = `Not in the script: ${request.method} ${request.path}\n`;
    return [undefined, { status: 500, body }];
  }
}

function fits(step: Step, request: RecordedRequest): boolean {
  const { path } = step;
  return step.method === request.method &&
    (typeof path === "string" ? path === request.path : path.test(request.path)) &&
    (step.when?.(request) ?? true);
}
