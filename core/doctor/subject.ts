import type { HttpRequest, HttpResponse } from "../http/exchange.ts";
import { MAX_ERROR_BYTES } from "../http/exchange.ts";
import type { RegistryClient } from "../registry/client.ts";

/** A repository that is looked at. */
export interface Subject {
  readonly client: RegistryClient;
  /** Its path in URLs: `library/busybox`. */
  readonly path: string;
}

/** Sends a request of a check; all answers that a check needs are small, or no honest ones. */
export async function ask(
  { send, signal }: RegistryClient,
  request: Pick<HttpRequest, "method" | "url"> & Partial<HttpRequest>,
): Promise<HttpResponse> {
  return await send({
    headers: new Headers({ accept: "application/json" }),
    maxBytes: MAX_ERROR_BYTES,
    ...request,
    ...(signal && { signal }),
  });
}
