import { RegctlError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { TlsSettings } from "../runtime/tls_settings.ts";

const MAX_PEM_BYTES = 4 * 1024 * 1024;

/** What the user said about TLS. */
export interface TlsOptions {
  /** A file with certificate authorities, trusted for every host. Default: none. */
  readonly caFile?: string | undefined;
  /** Client certificate and key, shown to the registry alone. Default: none. */
  readonly client?: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Leave the registry's certificate unverified, and no other host's. Default: false. */
  readonly insecure?: boolean | undefined;
}

/**
 * Gives the TLS settings of each host: the user's options, `SSL_CERT_FILE`, and the folders
 * `certs.d/<host>/` of Docker and Podman (`*.crt` are authorities, `x.cert` with `x.key` is a
 * client certificate). Files are read when a host is first asked for.
 *
 * @param registryHost host and port of the registry that `client` and `insecure` are for
 */
export function createTlsLookup(
  host: Host,
  registryHost: string,
  options: TlsOptions,
): (url: URL) => Promise<TlsSettings | undefined> {
  const found = new Map<string, Promise<TlsSettings | undefined>>();
  return (url) => {
    const known = found.get(url.host);
    if (known) return known;
    const settings = readSettings(host, url.host, options, url.host === registryHost);
    found.set(url.host, settings);
    return settings;
  };
}

async function readSettings(
  host: Host,
  name: string,
  options: TlsOptions,
  isRegistry: boolean,
): Promise<TlsSettings | undefined> {
  const ca: string[] = [];
  if (options.caFile !== undefined) ca.push(...await readAuthorities(host, options.caFile));
  const system = host.env("SSL_CERT_FILE");
  // A variable may name what is not there; OpenSSL and Go do not mind either.
  if (system !== undefined && await host.readFile(system, MAX_PEM_BYTES)) {
    ca.push(...await readAuthorities(host, system));
  }
  let client = isRegistry && options.client
    ? {
      cert: await readPem(host, options.client.certFile),
      key: await readPem(host, options.client.keyFile),
    }
    : undefined;
  for (const folder of certificateFolders(host, name)) {
    for (const file of await host.listDirectory(folder)) {
      const path = `${folder}/${file}`;
      if (file.endsWith(".crt")) ca.push(...await readAuthorities(host, path));
      if (!file.endsWith(".cert") || client) continue;
      client = {
        cert: await readPem(host, path),
        key: await readPem(host, path.replace(/cert$/, "key")),
      };
    }
  }
  const insecure = isRegistry && options.insecure === true;
  if (ca.length === 0 && !client && !insecure) return undefined;
  return { ca, insecure, ...(client && { client }) };
}

/** The user's folders before the system's, Docker's before Podman's. */
function certificateFolders(host: Host, name: string): string[] {
  const config = host.env("XDG_CONFIG_HOME") ?? `${host.homeDirectory}/.config`;
  const roots = [
    `${host.homeDirectory}/.docker`,
    `${config}/docker`,
    `${config}/containers`,
    "/etc/docker",
    "/etc/containers",
  ];
  // A URL leaves out the port of https, which the name of the folder may have.
  const names = /:\d+$/.test(name) ? [name] : [name, `${name}:443`];
  return roots.flatMap((root) => names.map((folder) => `${root}/certs.d/${folder}`));
}

async function readPem(host: Host, path: string): Promise<string> {
  const bytes = await host.readFile(path, MAX_PEM_BYTES);
  if (!bytes) throw new RegctlError("CONFIG", `Cannot read ${path}: there is no such file`);
  const text = new TextDecoder().decode(bytes);
  if (/-----BEGIN [A-Z0-9 ]+-----/.test(text)) return text;
  throw new RegctlError("CONFIG", `Cannot use ${path}: it holds no certificate or key in PEM`);
}

/** The certificates of a bundle one by one, as a runtime's `ca` setting wants them. */
async function readAuthorities(host: Host, path: string): Promise<string[]> {
  const text = await readPem(host, path);
  const found = text.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g);
  if (found) return found;
  throw new RegctlError("CONFIG", `Cannot use ${path}: it holds no certificate`);
}
