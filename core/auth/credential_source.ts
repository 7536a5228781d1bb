import { RegctlError } from "../errors.ts";
import type { Host } from "../host.ts";
import { DOCKER_HUB } from "../reference/registry.ts";
import { type DockerConfig, lookupKeys, parseDockerConfig } from "./docker_config.ts";

/** Far above any real file of credentials, in bytes; one is read whole. */
export const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/** A place that may hold credentials: a file, or an environment variable. */
export interface CredentialSource {
  /** The file's path, or the variable's name. */
  readonly name: string;
  readonly kind: "file" | "variable";
  /** Whose conventions hold: Docker's `config.json`, or the `auth.json` of podman and skopeo. */
  readonly format: "docker" | "containers";
  /** True when the user named it, so that its absence is an error. */
  readonly isRequired: boolean;
}

/** What {@linkcode listSources} takes beside the host. */
export interface ListSourcesOptions {
  /** The one file to look into, as `--auth-file` names it. Default: the usual places. */
  readonly authFile?: string | undefined;
}

/**
 * Where credentials may be, the first to be asked first: `DOCKER_AUTH_CONFIG`; then
 * `REGISTRY_AUTH_FILE` alone, or Docker's `config.json`, then the `auth.json` of the session and
 * the one of the user (containers-auth.json(5)).
 */
export function listSources(
  host: Host,
  { authFile }: ListSourcesOptions = {},
): readonly CredentialSource[] {
  const file = (name: string, format: CredentialSource["format"], isRequired = false) =>
    ({ name, kind: "file", format, isRequired }) as const;
  // Under Docker's own name it is one that Docker reads, too.
  const formatOf = (path: string) =>
    /(?:^|[\\/])config\.json$/.test(path) ? "docker" : "containers";
  if (authFile !== undefined) return [file(authFile, formatOf(authFile), true)];
  const inline = host.env("DOCKER_AUTH_CONFIG") === undefined ? [] : [
    { name: "DOCKER_AUTH_CONFIG", kind: "variable", format: "docker", isRequired: true } as const,
  ];
  const shared = host.env("REGISTRY_AUTH_FILE");
  if (shared !== undefined) return [...inline, file(shared, formatOf(shared))];
  const docker = host.env("DOCKER_CONFIG") ?? `${host.homeDirectory}/.docker`;
  const session = sessionFile(host);
  const user = host.env("XDG_CONFIG_HOME") ?? `${host.homeDirectory}/.config`;
  return [
    ...inline,
    file(`${docker}/config.json`, "docker"),
    ...(session === undefined ? [] : [file(session, "containers")]),
    file(`${user}/containers/auth.json`, "containers"),
  ];
}

/** The file that a log-in is written to. */
export function findStore(host: Host, options: ListSourcesOptions = {}): CredentialSource {
  const store = listSources(host, options).find(({ kind }) => kind === "file");
  if (!store) throw new TypeError("there is always a file");
  return store;
}

/** Reads a source; undefined when there is none. Throws `CONFIG` when it cannot be understood. */
export async function readSource(
  host: Host,
  { name, kind, isRequired }: CredentialSource,
): Promise<DockerConfig | undefined> {
  if (kind === "variable") return parseDockerConfig(host.env(name) ?? "", name);
  const bytes = await host.readFile(name, MAX_CONFIG_BYTES);
  if (bytes) return parseDockerConfig(new TextDecoder().decode(bytes), name);
  if (!isRequired) return undefined;
  throw new RegctlError("CONFIG", `Cannot read ${name}: there is no such file`, {
    hint: "Check --auth-file",
  });
}

/** The key under which the tools that share a source keep a registry's credentials. */
export function keyFor({ format }: CredentialSource, registryHost: string): string {
  const [dockers = registryHost] = lookupKeys(registryHost);
  const isHub = lookupKeys(registryHost).includes(DOCKER_HUB.host);
  return isHub && format === "containers" ? DOCKER_HUB.host : dockers;
}

/** The file for what lives as long as a session, which only Linux has. */
function sessionFile(host: Host): string | undefined {
  if (host.platforms[0]?.os !== "linux") return undefined;
  const folder = host.env("XDG_RUNTIME_DIR");
  if (folder !== undefined) return `${folder}/containers/auth.json`;
  return host.userId === undefined ? undefined : `/run/containers/${host.userId}/auth.json`;
}
