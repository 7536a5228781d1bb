import type { HttpRequest, HttpResponse } from "../http/exchange.ts";
import type { RegistryClient } from "../registry/client.ts";

/**
 * A client that has at most `most` requests under way at a time, and fewer where the registry is
 * asked too much: each request that had to be repeated halves the number, and each that went well
 * at once brings it back a little. They go out in their order.
 */
export function pace(client: RegistryClient, most: number): RegistryClient {
  const { signal } = client;
  let allowed = most;
  let running = 0;
  const waiting: (() => void)[] = [];
  const next = () => {
    while (waiting.length > 0 && running < Math.max(1, Math.floor(allowed))) {
      running++;
      waiting.shift()?.();
    }
  };
  const turn = () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve);
      next();
    });
  const send = async (request: HttpRequest): Promise<HttpResponse> => {
    await turn();
    try {
      signal?.throwIfAborted();
      const response = await client.send(request);
      const isRepeated = (response.attempts ?? 1) > 1;
      allowed = isRepeated ? Math.max(1, allowed / 2) : Math.min(most, allowed + 1 / allowed);
      return response;
    } finally {
      running--;
      next();
    }
  };
  return { ...client, send };
}
