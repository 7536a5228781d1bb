import type { Server, Socket } from "node:net";

/** A listening server that can be closed together with every connection it has. */
export interface Listener extends AsyncDisposable {
  readonly port: number;
}

/**
 * Starts a net, tls, http or https server on a port the system picks.
 * Disposing ends the open connections too: a client with a connection pool would keep `close` waiting otherwise.
 */
export async function listen(server: Server, host = "127.0.0.1"): Promise<Listener> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  };
  server.on("connection", track);
  server.on("secureConnection", track);
  // A client that does not trust the certificate hangs up in the handshake: no fault of the server.
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port");
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
