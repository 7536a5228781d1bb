import type { HttpRequest, HttpResponse } from "../../core/http/exchange.ts";

/** A GET request to a registry that does not exist. */
export function createRequest(
  url = "https://r.example/v2/",
  headers: Readonly<Record<string, string>> = {},
): HttpRequest {
  return { method: "GET", url: new URL(url), headers: new Headers(headers), maxBytes: 1000 };
}

/** A response with `body` as its JSON. Default: no body, from that same registry. */
export function createResponse(
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body?: unknown,
  url = "https://r.example/v2/",
): HttpResponse {
  return {
    status,
    headers: new Headers(headers),
    url: new URL(url),
    body: new TextEncoder().encode(body === undefined ? "" : JSON.stringify(body)),
  };
}
