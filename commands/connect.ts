import type { Credential } from "../core/auth/credential.ts";
import { secretsOf } from "../core/auth/credential.ts";
import { RegctlError } from "../core/errors.ts";
import type { Registry } from "../core/reference/registry.ts";
import { type RegistryClient, resolveBaseUrl } from "../core/registry/client.ts";
import { createClient } from "../core/registry/create_client.ts";
import { createFetch } from "../core/runtime/fetch.ts";
import type { TlsSettings } from "../core/runtime/tls_settings.ts";
import { createTlsLookup } from "../core/transport/tls.ts";
import type { TransportObservers } from "../core/transport/transport.ts";
import { beginCall } from "./call.ts";
import type { Context } from "./context.ts";
import { readCredentialFlags } from "./credential_flags.ts";
import type { RegistryOptions } from "./options.ts";

/** What is connected to; a {@linkcode Repository} is one. */
export interface Target {
  readonly registry: Registry;
  /** The path of the one repository that it is about. Default: none. */
  readonly path?: string;
}

/** A client, and what it goes by. */
export interface Connection extends RegistryClient {
  /** The credential that a challenge would be answered with; looked up once. */
  readonly findCredential: () => Promise<Credential | undefined>;
  /** The TLS settings for a URL's host; undefined for the runtime's own. */
  readonly tlsFor: (url: URL) => Promise<TlsSettings | undefined>;
}

/** What {@linkcode connect} takes beside the flags. */
export interface ConnectExtras {
  /** Who asks. Default: the flags tell, or what is stored. */
  readonly credential?: Credential | undefined;
  /** Who looks on. Default: nobody does. */
  readonly observers?: TransportObservers | undefined;
}

/** Makes the client of a registry from the flags. Nothing is sent yet. */
export async function connect(
  context: Context,
  target: Target,
  options: RegistryOptions,
  { credential: known, observers }: ConnectExtras = {},
): Promise<Connection> {
  const { registry } = target;
  const { host, diagnostics, flags, secrets, abort } = context;
  const deadline = beginCall(context, options.timeout);
  const given = known ?? await readCredentialFlags(context, options);
  const place = {
    plainHttp: options.plainHttp,
    preferTls: options.insecure ?? (options.caFile ?? options.certFile) !== undefined,
  };
  const tlsFor = createTlsLookup(host, resolveBaseUrl(registry, place).host, {
    caFile: options.caFile,
    client: readClientCertificate(options),
    insecure: options.insecure,
  });
  let credential: Promise<Credential | undefined> | undefined;
  const findCredential = () => credential ??= readCredential();
  async function readCredential(): Promise<Credential | undefined> {
    const found = given ?? await lookUpCredential(context, target, options);
    if (found) secretsOf(found).forEach((secret) => secrets.add(secret));
    return found;
  }
  const client = createClient(registry, {
    ...place,
    fetch: createFetch(tlsFor),
    findCredential,
    clock: host.clock,
    secrets,
    idleTimeoutMs: options.idleTimeout,
    retries: options.retries,
    deadline,
    signal: abort.signal,
    notify: (note) => diagnostics.note(note),
    log: flags.verbose > 0
      ? { headers: flags.verbose > 1, write: (line) => diagnostics.log(line) }
      : undefined,
    observe: observers?.observe,
    onToken: observers?.onToken,
  });
  return { ...client, findCredential, tlsFor };
}

/** Loaded when a registry asks: most public ones never do. */
async function lookUpCredential(
  { host, abort }: Context,
  { registry, path }: Target,
  { authFile }: RegistryOptions,
): Promise<Credential | undefined> {
  const { findCredential } = await import("../core/auth/find_credential.ts");
  return await findCredential(host, registry.host, { path, authFile, signal: abort.signal });
}

function readClientCertificate({ certFile, keyFile }: RegistryOptions) {
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  if (certFile === undefined && keyFile === undefined) return undefined;
  throw new RegctlError("USAGE", "A client certificate needs both --cert-file and --key-file");
}
