import type { Stage } from "../http/exchange.ts";

/** Says on each request who asks, and that the body should come as it is. */
export function identify(userAgent: string): Stage {
  return (next) => (request) => {
    const headers = new Headers(request.headers);
    headers.set("user-agent", userAgent);
    headers.set("accept-encoding", "identity");
    return next({ ...request, headers });
  };
}
