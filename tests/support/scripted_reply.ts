import { Buffer } from "node:buffer";
import { STATUS_CODES } from "node:http";

/** An answer of the scripted registry. */
export interface Reply {
  readonly status: number;
  /** A list of pairs when one name is needed twice. `content-length` is added unless given here. */
  readonly headers?: Readonly<Record<string, string>> | readonly (readonly [string, string])[];
  /** An object is sent as JSON, with `content-type: application/json` unless given. Default: empty. */
  readonly body?: string | Uint8Array | object;
}

/** The body as the bytes that go over the wire. */
export function encodeBody(body: Reply["body"]): Uint8Array {
  if (body === undefined) return new Uint8Array();
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}

/** The status line and headers. Framing headers follow RFC 9112 section 6 unless the reply sets its own. */
export function encodeHead(reply: Reply, extra: readonly (readonly [string, string])[]): string {
  const given = listHeaders(reply.headers);
  const names = new Set(given.map(([name]) => name.toLowerCase()));
  const all = [...given];
  for (const header of [...extra, ...defaultHeaders(reply)]) {
    if (names.has(header[0])) continue;
    if (header[0] === "content-length" && names.has("transfer-encoding")) continue;
    names.add(header[0]);
    all.push(header);
  }
  const lines = all.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? "Unknown"}\r\n${lines}\r\n`;
}

function defaultHeaders(reply: Reply): readonly (readonly [string, string])[] {
  if (reply.status < 200 || reply.status === 204 || reply.status === 304) return [];
  const isJson = typeof reply.body === "object" && !(reply.body instanceof Uint8Array);
  return [
    ...(isJson ? [["content-type", "application/json"] as const] : []),
    ["content-length", String(encodeBody(reply.body).length)],
  ];
}

function listHeaders(headers: Reply["headers"]): readonly (readonly [string, string])[] {
  return isPairs(headers) ? headers : Object.entries(headers ?? {});
}

function isPairs(headers: Reply["headers"]): headers is readonly (readonly [string, string])[] {
  return Array.isArray(headers);
}
