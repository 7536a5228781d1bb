import type { Clock } from "../host.ts";
import type { HttpRequest, Stage } from "../http/exchange.ts";
import { redactHeaders, redactUrl } from "../http/redact.ts";

/** How {@linkcode logRequests} behaves. */
export interface LogOptions {
  readonly clock: Clock;
  /** Log headers too. */
  readonly headers: boolean;
  readonly write: (line: string) => void;
}

/** Writes one line for each request: method, URL, status, milliseconds. Secrets are left out. */
export function logRequests({ clock, headers, write }: LogOptions): Stage {
  return (next) => async (request) => {
    const startedAt = clock.now();
    const line = (result: string) =>
      write(`${request.method} ${redactUrl(request.url)} ${result} ${clock.now() - startedAt} ms`);
    const writeHeaders = (mark: string, fields: HttpRequest["headers"]) => {
      if (!headers) return;
      for (const field of redactHeaders(fields)) write(`${mark} ${field}`);
    };
    writeHeaders(">", request.headers);
    try {
      const response = await next(request);
      line(String(response.status));
      writeHeaders("<", response.headers);
      return response;
    } catch (error) {
      line(`failed (${error instanceof Error ? error.message : String(error)})`);
      throw error;
    }
  };
}
