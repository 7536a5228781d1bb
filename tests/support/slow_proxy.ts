import { createServer, request } from "node:http";
import { listen, type Listener } from "./listen.ts";

/**
 * Starts a plain http server that passes each request on to another one, after a pause. It makes
 * a fast registry take as long as a token lives.
 */
export async function startSlowProxy(port: number, delayMs: number): Promise<Listener> {
  return await listen(createServer((incoming, outgoing) => {
    setTimeout(() => {
      const { method, url: path, headers } = incoming;
      const forwarded = request({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      forwarded.on("error", () => outgoing.destroy());
      incoming.pipe(forwarded);
    }, delayMs);
  }));
}
