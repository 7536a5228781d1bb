import { Buffer } from "node:buffer";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { RegctlError } from "../errors.ts";
import { errorCode } from "../runtime/error_code.ts";
import { toResponse } from "./app.ts";
import type { RegistryEnv } from "./http_context.ts";
import { Problem } from "./problem.ts";

/** A connection over which nothing goes for this long is closed, unless it is we who are working. */
const IDLE_MS = 60_000;
/** A client waits for one answer before it asks again, and this allows for being told of it late. */
const MAX_PENDING = 8;
/** What is under way when the server stops may take this long; the program ends within 2 s. */
const GRACE_MS = 1000;

/** Where and how to listen. */
export interface ListenOptions {
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
  /** Certificate and key in PEM. Default: plain http. */
  readonly tls?: { readonly cert: Uint8Array; readonly key: Uint8Array } | undefined;
}

/** A server that listens. */
export interface RunningServer {
  /** `http://127.0.0.1:5000` */
  readonly url: string;
  /** Takes no more requests, lets those under way finish for a second, and closes all connections. */
  close(): Promise<void>;
}

/** Serves an app. Throws `NETWORK` when it cannot listen there, `CONFIG` for a bad certificate. */
export async function listen(
  app: Hono<RegistryEnv>,
  { host, port, tls }: ListenOptions,
): Promise<RunningServer> {
  const answer = getRequestListener(app.fetch as Parameters<typeof getRequestListener>[0], {
    overrideGlobalObjects: false,
    errorHandler: () => toResponse(MALFORMED),
    // HTTP/1.0 has no Host.
    hostname: "localhost",
    // The app reads bodies to their end; this would cut the connection after half a second.
    autoCleanupIncoming: false,
  });
  const pending = new PendingAnswers();
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { socket } = incoming;
    const before = pending.last(socket);
    if (pending.add(socket, outgoing) > MAX_PENDING) socket.destroy();
    // One that nobody takes yet must not be made yet.
    else if (before) before.once("close", () => socket.destroyed || answer(incoming, outgoing));
    else answer(incoming, outgoing);
  };
  const server = tls ? createTls(tls, listener) : createServer(listener);
  // A slow line may need hours for a layer; that nothing at all comes is what ends a request.
  server.requestTimeout = 0;
  server.keepAliveTimeout = IDLE_MS;
  server.setTimeout(IDLE_MS, (socket) => {
    if (!pending.isOurTurn(socket)) socket.destroy();
  });
  server.on("clientError", (_error, socket) => refuse(socket, pending.last(socket)));
  const sockets = new Set<Socket>();
  // Of a TLS connection both sockets are told of, each by its own event.
  for (const event of ["connection", "secureConnection"]) {
    server.on(event, (socket: Socket) => {
      sockets.add(socket);
      // Each answer that is pending has some, and their number has a bound of its own.
      socket.setMaxListeners(0);
      socket.on("close", () => sockets.delete(socket));
    });
  }
  await bind(server, host, port);
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `${tls ? "https" : "http"}://${formatHost(host)}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => sockets.forEach((socket) => socket.destroy()), GRACE_MS);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

/** The answers that each connection waits for. */
class PendingAnswers {
  readonly #bySocket = new WeakMap<object, Set<ServerResponse>>();

  /** Counts in one more, until it is sent; gives their number. */
  add(socket: object, outgoing: ServerResponse): number {
    const all = this.#bySocket.get(socket) ?? new Set();
    this.#bySocket.set(socket, all.add(outgoing));
    outgoing.on("close", () => all.delete(outgoing));
    return all.size;
  }

  /** The one that is sent last. */
  last(socket: object): ServerResponse | undefined {
    return [...this.#bySocket.get(socket) ?? []].at(-1);
  }

  /** True when the client has sent all of a request, and nothing of the answer is there yet. */
  isOurTurn(socket: object): boolean {
    const [first] = this.#bySocket.get(socket) ?? [];
    return first !== undefined && first.req.complete && !first.headersSent;
  }
}

const MALFORMED = new Problem("UNSUPPORTED", "this is no request that can be read", {
  status: 400,
});

/** What the parser of HTTP does not take never gets to the app. It may follow a request that did. */
function refuse(socket: Duplex, response: ServerResponse | undefined): void {
  const isAnswering = response?.writableFinished === false;
  if (isAnswering && response.req.complete) return void response.on("close", () => socket.end());
  if (isAnswering && response.headersSent || !socket.writable) return void socket.destroy();
  const body = MALFORMED.toJson();
  socket.end(
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\n" +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  );
}

function createTls(
  tls: { readonly cert: Uint8Array; readonly key: Uint8Array },
  listener: (incoming: IncomingMessage, outgoing: ServerResponse) => void,
): Server {
  const [cert, key] = [Buffer.from(tls.cert), Buffer.from(tls.key)];
  // Some runtimes would find out at the first connection.
  const read = <T>(what: string, parse: () => T): T => {
    try {
      return parse();
    } catch (error) {
      throw new RegctlError("CONFIG", `Cannot read the ${what}: it is not PEM`, { cause: error });
    }
  };
  const certificate = read("certificate", () => new X509Certificate(cert));
  const privateKey = read("key of the certificate", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new RegctlError("CONFIG", "The key is not that of the certificate");
  }
  return createTlsServer({ cert, key }, listener);
}

const LISTEN_FAILURES: Readonly<Record<string, readonly [string, string]>> = {
  EADDRINUSE: [
    "the port is in use",
    "Choose another port with --listen, or a free one with --listen 127.0.0.1:0",
  ],
  EACCES: ["this port needs more rights", "Choose a port from 1024 on"],
  EADDRNOTAVAIL: ["this machine has no such address", "Choose one of its own, such as 127.0.0.1"],
  EINVAL: ["this machine has no such address", "Choose one of its own, such as 127.0.0.1"],
  ENOTFOUND: ["there is no such host", "Write an address, such as 127.0.0.1"],
};

/** An address as it stands before a port. */
function formatHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      const code = errorCode(error);
      const [reason = code || error.message, hint] = LISTEN_FAILURES[code] ?? [];
      const where = `${formatHost(host)}:${port}`;
      reject(
        new RegctlError("NETWORK", `Cannot listen on ${where}: ${reason}`, { hint, cause: error }),
      );
    });
    server.listen(port, host, resolve);
  });
}
