import type { Host } from "../host.ts";
import type { Credential } from "./credential.ts";
import { askCredentialHelper } from "./credential_helper.ts";
import { findAuth, findHelperName, lookupKeys, parseDockerConfig } from "./docker_config.ts";

// Far above any real one; a file is read whole.
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/** What {@linkcode findCredential} takes beside the registry. */
export interface FindCredentialOptions {
  /** The path of the repository that it is for. Default: any of the registry. */
  readonly path?: string | undefined;
  /** Ends a helper that is still asked. Default: nothing does. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds the credential for a registry where Docker keeps it, first match wins:
 * `DOCKER_AUTH_CONFIG`, then `config.json` in `DOCKER_CONFIG` or `~/.docker`, there a helper
 * before the file's own entries. A configured helper replaces the file, as it does for Docker.
 *
 * @param registryHost the host and port as in {@linkcode Registry.host}
 */
export async function findCredential(
  host: Host,
  registryHost: string,
  options: FindCredentialOptions = {},
): Promise<Credential | undefined> {
  const inline = host.env("DOCKER_AUTH_CONFIG");
  if (inline !== undefined) {
    const found = await lookUp(host, registryHost, inline, "DOCKER_AUTH_CONFIG", options);
    if (found) return found;
  }
  const folder = host.env("DOCKER_CONFIG") ?? `${host.homeDirectory}/.docker`;
  const path = `${folder}/config.json`;
  const bytes = await host.readFile(path, MAX_CONFIG_BYTES);
  if (!bytes) return undefined;
  return await lookUp(host, registryHost, new TextDecoder().decode(bytes), path, options);
}

async function lookUp(
  host: Host,
  registryHost: string,
  text: string,
  source: string,
  options: FindCredentialOptions,
): Promise<Credential | undefined> {
  const config = parseDockerConfig(text, source);
  const helper = findHelperName(config, registryHost, source);
  if (helper === undefined) return findAuth(config, registryHost, source);
  const key = lookupKeys(registryHost)[0] ?? registryHost;
  return await askCredentialHelper(host, helper, key, options);
}
