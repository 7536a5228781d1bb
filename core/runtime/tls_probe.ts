import type { TlsSettings } from "./tls_settings.ts";

/** The certificate a server shows, and whether anybody vouches for it. */
export interface TlsFacts {
  /** The protocol that was agreed on: `TLSv1.3`. */
  readonly protocol: string;
  /** The subject's distinguished name: `CN=registry.test`. */
  readonly subject: string;
  readonly issuer: string;
  /** The names it is for: `DNS:registry.test, IP Address:127.0.0.1`. */
  readonly names: string;
  /** Milliseconds since the epoch; undefined where the date cannot be read. */
  readonly validFromMs: number | undefined;
  readonly validToMs: number | undefined;
  /** Who vouches for it: the system, only the authorities of `settings`, or nobody. */
  readonly trust: "system" | "given" | "none";
  /** Why nobody does: `its certificate authority is not known`. */
  readonly reason: string | undefined;
}

/** What {@linkcode probeTls} takes beside the URL. */
export interface ProbeTlsOptions {
  /** The settings that requests to this host use. Default: the runtime's own. */
  readonly settings?: TlsSettings | undefined;
  /** The most that one of the two connections may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Ends it early; its reason is thrown. Default: nothing does. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Shakes hands with an https server and looks at its certificate, whether it is trusted or not; no
 * request is sent. Undefined where a proxy from the environment stands between, which would have
 * to be gone around.
 *
 * Throws what the connection fails with, to be explained by `explainFailure`.
 */
export async function probeTls(url: URL, options: ProbeTlsOptions): Promise<TlsFacts | undefined> {
  const { getProxyForUrl } = await import("proxy-from-env");
  if (getProxyForUrl(url.href) !== "") return undefined;
  const { trustedAuthorities } = await import("./tls_settings.ts");
  const added = options.settings?.ca ?? [];
  const bySystem = await shakeHands(url, await trustedAuthorities([]), options);
  // What the given authorities lead to is what requests meet.
  const { authorized, refusal, ...facts } = bySystem.authorized || added.length === 0
    ? bySystem
    : await shakeHands(url, await trustedAuthorities(added), options);
  if (!authorized) {
    return { ...facts, trust: "none", reason: await explain(refusal, facts, options) };
  }
  return { ...facts, trust: bySystem.authorized ? "system" : "given", reason: undefined };
}

type Handshake = Pick<TlsFacts, "protocol" | "subject" | "issuer" | "names"> & {
  readonly validFromMs: number | undefined;
  readonly validToMs: number | undefined;
  readonly authorized: boolean;
  /** What the runtime has against it. */
  readonly refusal: unknown;
};

async function shakeHands(
  url: URL,
  ca: string[],
  { settings, timeoutMs, signal }: ProbeTlsOptions,
): Promise<Handshake> {
  const { connect } = await import("node:tls");
  const { isIP } = await import("node:net");
  signal?.throwIfAborted();
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return await new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(url.port || 443),
      // RFC 6066 section 3: no address is sent as a server's name.
      ...(isIP(host) === 0 && { servername: host }),
      ca,
      ...settings?.client,
      // A certificate that is refused is the one to look at, and nothing is sent behind it.
      rejectUnauthorized: false,
    });
    const finish = (end: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      socket.destroy();
      end();
    };
    const fail = (error: unknown) => finish(() => reject(error));
    const stop = () => fail(signal?.reason);
    const timer = setTimeout(() => fail(timedOut()), timeoutMs);
    signal?.addEventListener("abort", stop, { once: true });
    socket.on("error", fail);
    socket.on("close", () => fail(Object.assign(new Error("closed"), { code: "ECONNRESET" })));
    socket.once("secureConnect", () => {
      try {
        const certificate = socket.getPeerCertificate();
        const handshake = {
          protocol: socket.getProtocol() ?? "unknown",
          subject: formatName(certificate.subject),
          issuer: formatName(certificate.issuer),
          names: certificate.subjectaltname ?? "",
          validFromMs: tryParseDate(certificate.valid_from),
          validToMs: tryParseDate(certificate.valid_to),
          authorized: socket.authorized,
          refusal: socket.authorizationError,
        };
        finish(() => resolve(handshake));
      } catch (error) {
        fail(error);
      }
    });
  });
}

function timedOut(): Error {
  return Object.assign(new Error("timed out"), { code: "ETIMEDOUT" });
}

/** Deno says of an old certificate that nobody knows its issuer; the dates are the same anywhere. */
async function explain(
  refusal: unknown,
  { validFromMs = 0, validToMs = Infinity }: Pick<TlsFacts, "validFromMs" | "validToMs">,
  { now }: ProbeTlsOptions,
): Promise<string> {
  const { explainFailure } = await import("./failure.ts");
  const code = validToMs < now
    ? "CERT_HAS_EXPIRED"
    : validFromMs > now
    ? "CERT_NOT_YET_VALID"
    : refusal instanceof Error && "code" in refusal
    ? String(refusal.code)
    : refusal instanceof Error
    ? refusal.message
    : String(refusal);
  return explainFailure(Object.assign(new Error(code), { code })).reason;
}

/** `{CN: "a", O: ["b", "c"]}` -> `CN=a, O=b, O=c`. */
function formatName(name: unknown): string {
  if (typeof name !== "object" || name === null) return "";
  return Object.entries(name)
    .flatMap(([key, value]) => [value].flat().map((part) => `${key}=${part}`))
    .join(", ");
}

function tryParseDate(text: unknown): number | undefined {
  const ms = typeof text === "string" ? Date.parse(text) : NaN;
  return Number.isFinite(ms) ? ms : undefined;
}
