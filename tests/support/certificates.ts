import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import type * as X509 from "@peculiar/x509";
import "./reflect_metadata.ts";

/** A certificate and its private key (PKCS #8), both as PEM. */
export interface CertificateWithKey {
  readonly certPem: string;
  readonly keyPem: string;
}

/** What a certificate is for. */
export interface CertificateRequest {
  /** DNS names and IP addresses for the subject alternative name; the first is the common name as well. */
  readonly names: readonly string[];
  /** For TLS clients in place of servers. Default: false. */
  readonly client?: boolean;
  /** End of validity. Default: tomorrow. */
  readonly notAfter?: Date;
}

/** A certificate authority that lives in memory. */
export interface Authority {
  /** The authority's own certificate, for the trust store of the other side. */
  readonly certPem: string;
  issue(request: CertificateRequest): Promise<CertificateWithKey>;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 24 * 60 * 60 * 1000;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/** Makes a certificate authority with a fresh EC P-256 key. */
export async function createAuthority(name: string): Promise<Authority> {
  const x509 = await loadX509();
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  return {
    certPem: toPem(certificate),
    async issue(request) {
      const leafKeys = await generateKeys();
      const leaf = await x509.X509CertificateGenerator.create({
        subject: [{ CN: [request.names[0] ?? "nobody"] }],
        issuer: certificate.subject,
        publicKey: leafKeys.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        ...validity(request.notAfter),
        extensions: leafExtensions(x509, request),
      });
      return { certPem: toPem(leaf), keyPem: await exportKey(leafKeys) };
    },
  };
}

/** Makes a certificate that no authority has signed. */
export async function createSelfSigned(request: CertificateRequest): Promise<CertificateWithKey> {
  const x509 = await loadX509();
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [request.names[0] ?? "nobody"] }],
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(request.notAfter),
    extensions: leafExtensions(x509, request),
  });
  return { certPem: toPem(certificate), keyPem: await exportKey(keys) };
}

// Loaded late: Bun runs a CommonJS dependency before the file's other imports, and this one needs `Reflect` extended.
function loadX509(): Promise<typeof X509> {
  return import("@peculiar/x509");
}

async function generateKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

/** From yesterday, so that a clock a little behind does not matter. */
function validity(notAfter = new Date(Date.now() + DAY_MS)): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Math.min(Date.now(), notAfter.getTime()) - DAY_MS), notAfter };
}

function leafExtensions(x509: typeof X509, request: CertificateRequest): X509.Extension[] {
  const names = request.names.map((name) => ({
    type: isIP(name) === 0 ? "dns" as const : "ip" as const,
    value: name,
  }));
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([request.client ? CLIENT_AUTH : SERVER_AUTH]),
    new x509.SubjectAlternativeNameExtension(names),
  ];
}

function toPem(certificate: X509.X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}

async function exportKey(keys: CryptoKeyPair): Promise<string> {
  const der = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  const lines = Buffer.from(der).toString("base64").replace(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`;
}
