import { RegctlError } from "../errors.ts";
import type { TlsSettings } from "../runtime/tls_settings.ts";
import type { TlsReport } from "./facts.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
// A handshake takes a fraction of a second; a server that takes longer tells nothing by it.
const MAX_HANDSHAKE_MS = 10_000;

/** What {@linkcode checkTls} goes by. */
export interface CheckTlsOptions {
  readonly tlsFor: (url: URL) => Promise<TlsSettings | undefined>;
  readonly idleTimeoutMs: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
}

/** Looks at the certificate of a registry; throws `NETWORK` where no handshake comes about. */
export async function checkTls(url: URL, options: CheckTlsOptions): Promise<TlsReport> {
  if (url.protocol !== "https:") return { state: "plain" };
  const { tlsFor, idleTimeoutMs, now, signal } = options;
  const settings = await tlsFor(url);
  const { probeTls } = await import("../runtime/tls_probe.ts");
  const timeoutMs = Math.min(idleTimeoutMs, MAX_HANDSHAKE_MS);
  const facts = await probeTls(url, { settings, timeoutMs, now, signal })
    .catch(async (error: unknown) => {
      if (error instanceof RegctlError) throw error;
      const { explainFailure } = await import("../runtime/failure.ts");
      const { reason } = explainFailure(error);
      throw new RegctlError("NETWORK", `Cannot see the certificate of ${url.host}: ${reason}`, {
        cause: error,
      });
    });
  if (!facts) return { state: "proxy" };
  const { protocol, subject, issuer, names, validFromMs, validToMs, trust, reason } = facts;
  return {
    state: "seen",
    protocol,
    subject,
    issuer,
    names,
    validFrom: formatDate(validFromMs),
    validTo: formatDate(validToMs),
    daysLeft: validToMs === undefined ? null : Math.floor((validToMs - now) / DAY_MS),
    trust,
    reason: reason ?? null,
  };
}

function formatDate(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
