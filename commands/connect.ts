import type { Credential } from "../core/auth/credential.ts";
import { secretsOf } from "../core/auth/credential.ts";
import { RegctlError } from "../core/errors.ts";
import { MAX_TIMER_MS } from "../core/host.ts";
import type { Registry } from "../core/reference/registry.ts";
import { type RegistryClient, resolveBaseUrl } from "../core/registry/client.ts";
import { createFetch } from "../core/runtime/fetch.ts";
import type { TlsSettings } from "../core/runtime/tls_settings.ts";
import { createTlsLookup } from "../core/transport/tls.ts";
import { createTransport, type TransportObservers } from "../core/transport/transport.ts";
import { VERSION } from "../core/version.ts";
import type { Context } from "./context.ts";
import type { RegistryOptions } from "./options.ts";

const MAX_PASSWORD_BYTES = 64 * 1024;

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

/** Makes the client of a registry from the flags. Nothing is sent yet. */
export async function connect(
  context: Context,
  target: Target,
  options: RegistryOptions,
  observers: TransportObservers = {},
): Promise<Connection> {
  const { registry } = target;
  const { host, diagnostics, flags, secrets, abort } = context;
  const given = await readCredentialFlags(context, options);
  const baseUrl = resolveBaseUrl(registry, {
    plainHttp: options.plainHttp,
    preferTls: options.insecure ?? (options.caFile ?? options.certFile) !== undefined,
  });
  const tlsFor = createTlsLookup(host, baseUrl.host, {
    caFile: options.caFile,
    client: readClientCertificate(options),
    insecure: options.insecure,
  });
  let credential: Promise<Credential | undefined> | undefined;
  const findCredential = () => credential ??= readCredential();
  async function readCredential(): Promise<Credential | undefined> {
    const found = given ?? await lookUpCredential(context, target);
    if (found) secretsOf(found).forEach((secret) => secrets.add(secret));
    return found;
  }
  const send = createTransport({
    ...observers,
    registry: baseUrl,
    fetch: createFetch(tlsFor),
    findCredential,
    clock: host.clock,
    secrets,
    userAgent: `regctl/${VERSION}`,
    idleTimeoutMs: options.idleTimeout,
    retries: options.retries,
    deadline: startTimeout(context, options.timeout),
    notify: (note) => diagnostics.note(note),
    log: flags.verbose > 0
      ? { headers: flags.verbose > 1, write: (line) => diagnostics.log(line) }
      : undefined,
  });
  stopOnSignals(context);
  return { baseUrl, send, signal: abort.signal, findCredential, tlsFor };
}

/** Loaded when a registry asks: most public ones never do. */
async function lookUpCredential(
  { host, abort }: Context,
  { registry, path }: Target,
): Promise<Credential | undefined> {
  const { findCredential } = await import("../core/auth/find_credential.ts");
  return await findCredential(host, registry.host, { path, signal: abort.signal });
}

/** The credential of `-u` with `-p`, `--password-stdin` or a question; undefined without `-u`. */
async function readCredentialFlags(
  { host, diagnostics, secrets }: Context,
  { username, password, passwordStdin }: RegistryOptions,
): Promise<Credential | undefined> {
  if (password !== undefined) {
    secrets.add(password);
    diagnostics.warn(
      "-p shows the password to other users of this machine; --password-stdin does not",
    );
    if (passwordStdin) throw new RegctlError("USAGE", "Give -p or --password-stdin, not both");
  }
  if (username === undefined) {
    if (password === undefined && !passwordStdin) return undefined;
    throw new RegctlError("USAGE", "A password needs a user name", { hint: "Add -u USER" });
  }
  const source = password !== undefined ? "-p" : passwordStdin ? "--password-stdin" : "the prompt";
  const secret = password ?? await readPassword();
  if (secret === "") throw new RegctlError("USAGE", `The password from ${source} is empty`);
  return { kind: "password", username, password: secret, source };

  async function readPassword(): Promise<string> {
    if (passwordStdin && host.stdinIsTerminal) {
      throw new RegctlError("USAGE", "--password-stdin reads from a pipe, not from a terminal", {
        hint: "Leave it out to be asked",
      });
    }
    if (passwordStdin) return (await host.readStdin(MAX_PASSWORD_BYTES)).replace(/\r?\n$/, "");
    if (host.stdinIsTerminal) return await host.askPassword(`Password for ${username}`);
    throw new RegctlError("USAGE", "A user name needs a password", {
      hint: "Pipe it in with --password-stdin",
    });
  }
}

function readClientCertificate({ certFile, keyFile }: RegistryOptions) {
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  if (certFile === undefined && keyFile === undefined) return undefined;
  throw new RegctlError("USAGE", "A client certificate needs both --cert-file and --key-file");
}

/** Ends the call after `timeout` milliseconds; gives the moment, in milliseconds since the epoch. */
function startTimeout({ host, abort, cleanups }: Context, timeout: number | undefined) {
  if (timeout === undefined) return undefined;
  const timer = setTimeout(() => {
    abort.abort(
      new RegctlError("TIMEOUT", `Gave up after ${timeout / 1000} s, as --timeout says`),
    );
  }, Math.min(timeout, MAX_TIMER_MS));
  cleanups.push(() => clearTimeout(timer));
  return host.clock.now() + timeout;
}

function stopOnSignals({ host, abort }: Context): void {
  host.onStop((signal) => {
    abort.abort(
      signal === "SIGINT"
        ? new RegctlError("INTERRUPTED", "Interrupted")
        : new RegctlError("TERMINATED", "Terminated"),
    );
  });
}
