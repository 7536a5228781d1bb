import type { NetworkFailure } from "../http/network_error.ts";
import { shorten } from "../shorten.ts";

/** A failure in the words of this program, the same on every runtime. */
export interface ExplainedFailure {
  readonly failure: NetworkFailure;
  /** A short reason: `connection refused`. */
  readonly reason: string;
}

const BY_CODE: Readonly<Record<string, ExplainedFailure>> = {
  ECONNREFUSED: { failure: "refused", reason: "connection refused" },
  ENOTFOUND: { failure: "unresolved", reason: "the host name is not known" },
  EAI_AGAIN: { failure: "unresolved", reason: "the host name could not be looked up" },
  ENETUNREACH: { failure: "unreachable", reason: "the network is unreachable" },
  EHOSTUNREACH: { failure: "unreachable", reason: "the host is unreachable" },
  ETIMEDOUT: { failure: "unreachable", reason: "the connection timed out" },
  ECONNRESET: { failure: "lost", reason: "the connection was closed half-way" },
  EPIPE: { failure: "lost", reason: "the connection was closed half-way" },
  EPROTO: { failure: "tls", reason: "it does not speak TLS on this port" },
  DEPTH_ZERO_SELF_SIGNED_CERT: certificate("it signed its certificate itself"),
  SELF_SIGNED_CERT_IN_CHAIN: certificate("its certificate authority is not trusted"),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: certificate("its certificate authority is not known"),
  UNABLE_TO_GET_ISSUER_CERT: certificate("its certificate authority is not known"),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: certificate("its certificate authority is not known"),
  CERT_HAS_EXPIRED: certificate("its certificate has expired"),
  CERT_NOT_YET_VALID: certificate("its certificate is not valid yet"),
  ERR_TLS_CERT_ALTNAME_INVALID: certificate("its certificate is for another name"),
};

// Deno's fetch has no codes: the words of its HTTP and TLS libraries are all there is.
const BY_TEXT: readonly [RegExp, ExplainedFailure][] = [
  [/connection refused/i, by("ECONNREFUSED")],
  [/dns error/i, by("ENOTFOUND")],
  [/network is unreachable/i, by("ENETUNREACH")],
  [/no route to host/i, by("EHOSTUNREACH")],
  [/UnknownIssuer/, by("UNABLE_TO_GET_ISSUER_CERT")],
  [/certificate expired/i, by("CERT_HAS_EXPIRED")],
  [/not valid for (any )?name/i, by("ERR_TLS_CERT_ALTNAME_INVALID")],
  [/CaUsedAsEndEntity/, by("DEPTH_ZERO_SELF_SIGNED_CERT")],
  [/invalid peer certificate/i, certificate("its certificate is not valid")],
  [/corrupt message/i, by("EPROTO")],
  [/requests to port \d+ are blocked/i, {
    failure: "other",
    reason: "this runtime refuses to connect to that port",
  }],
  [/invalid HTTP header|Malformed_HTTP/i, {
    failure: "other",
    reason: "it sent a malformed HTTP header",
  }],
  [
    /reset|broken pipe|closed before|reading a body|connection closed|end of file/i,
    by("ECONNRESET"),
  ],
];

/** Explains what a fetch, or the reading of its body, threw. */
export function explainFailure(error: unknown): ExplainedFailure {
  const causes: unknown[] = [];
  for (let e = error; e instanceof Error && causes.length < 5; e = e.cause) causes.push(e);
  for (const cause of causes) {
    const code = (cause as { code?: unknown }).code;
    const known = typeof code === "string" && Object.hasOwn(BY_CODE, code)
      ? BY_CODE[code]
      : undefined;
    if (known) return known;
    if (typeof code === "string" && /CERT|SIGNATURE/.test(code)) {
      return certificate(`its certificate was refused (${code})`);
    }
  }
  const text = causes.map((cause) => (cause as Error).message).join(": ");
  return BY_TEXT.find(([pattern]) => pattern.test(text))?.[1] ??
    { failure: "other", reason: shorten(text.split("\n")[0] ?? "", 200) || String(error) };
}

function certificate(reason: string): ExplainedFailure {
  return { failure: "certificate", reason };
}

function by(code: string): ExplainedFailure {
  const known = BY_CODE[code];
  if (!known) throw new TypeError(`no failure has the code ${code}`);
  return known;
}
