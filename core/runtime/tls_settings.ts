/** How to speak TLS with one host. */
export interface TlsSettings {
  /** Certificate authorities in PEM, in addition to those the system trusts. */
  readonly ca: readonly string[];
  /** Client certificate and key in PEM. */
  readonly client?: { readonly cert: string; readonly key: string };
  /** Accept any certificate. */
  readonly insecure: boolean;
}

/** A `ca` setting replaces what the runtime trusts by itself, so that is put before it. */
export async function trustedAuthorities(added: readonly string[]): Promise<string[]> {
  const { getCACertificates } = await import("node:tls");
  return [...new Set([...getCACertificates("bundled"), ...getCACertificates("system"), ...added])];
}
