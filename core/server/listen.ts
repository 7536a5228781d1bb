import { Buffer } from "node:buffer";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createServer, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { RegctlError } from "../errors.ts";
import { toResponse } from "./app.ts";
import { errorCode } from "./scratch.ts";
import type { RegistryEnv } from "./http_context.ts";
import { Problem } from "./problem.ts";

/** A connection that brings nothing for this long is closed. */
const IDLE_MS = 60_000;
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
  const listener = getRequestListener(app.fetch as Parameters<typeof getRequestListener>[0], {
    overrideGlobalObjects: false,
    errorHandler: () => toResponse(MALFORMED),
  });
  const server = tls ? createTls(tls, listener) : createServer(listener);
  // A slow line may need hours for a layer; that nothing at all comes is what ends a request.
  server.requestTimeout = 0;
  server.timeout = IDLE_MS;
  const answering = new WeakMap<object, ServerResponse>();
  server.on("request", ({ socket }, response) => answering.set(socket, response));
  server.on("clientError", (_error, socket) => refuse(socket, answering.get(socket)));
  const sockets = new Set<Socket>();
  for (const event of ["connection", "secureConnection"]) {
    server.on(event, (socket: Socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
  }
  await bind(server, host, port);
  const { port: bound } = server.address() as AddressInfo;
  const name = host.includes(":") ? `[${host}]` : host;
  return {
    url: `${tls ? "https" : "http"}://${name}:${bound}`,
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

const MALFORMED = new Problem("UNSUPPORTED", "this is no request that can be read", {
  status: 400,
});

/** What the parser of HTTP does not take never gets to the app. It may follow a request that did. */
function refuse(socket: Duplex, response: ServerResponse | undefined): void {
  if (response?.writableFinished === false) return void response.on("close", () => socket.end());
  if (!socket.writable) return void socket.destroy();
  const body = MALFORMED.toJson();
  socket.end(
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\n" +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  );
}

function createTls(
  tls: { readonly cert: Uint8Array; readonly key: Uint8Array },
  listener: ReturnType<typeof getRequestListener>,
): Server {
  const [cert, key] = [Buffer.from(tls.cert), Buffer.from(tls.key)];
  // Some runtimes would find out at the first connection.
  let isPair = false;
  try {
    isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw new RegctlError("CONFIG", "Cannot read the certificate and its key as PEM", {
      cause: error,
    });
  }
  if (!isPair) throw new RegctlError("CONFIG", "The key is not that of the certificate");
  return createTlsServer({ cert, key }, listener);
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      const code = errorCode(error);
      const reason = code === "EADDRINUSE" ? "the port is in use" : code || error.message;
      reject(
        new RegctlError("NETWORK", `Cannot listen on ${host}:${port}: ${reason}`, {
          hint: "Choose another port with --listen, or a free one with --listen 127.0.0.1:0",
          cause: error,
        }),
      );
    });
    server.listen(port, host, resolve);
  });
}
