import type { Host } from "../host.ts";
import type { Credential } from "./credential.ts";
import { askCredentialHelper } from "./credential_helper.ts";
import { keyFor, listSources, type ListSourcesOptions, readSource } from "./credential_source.ts";
import { findAuth, findHelperName } from "./docker_config.ts";

/** What {@linkcode findCredential} takes beside the registry. */
export interface FindCredentialOptions extends ListSourcesOptions {
  /** The path of the repository that it is for. Default: any of the registry. */
  readonly path?: string | undefined;
  /** Ends a helper that is still asked. Default: nothing does. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds the credential for a registry in the places of {@linkcode listSources}; the first that has
 * one wins. In each a helper goes before the entries of the file itself, which it replaces, as it
 * does for Docker.
 *
 * @param registryHost the host and port as in {@linkcode Registry.host}
 */
export async function findCredential(
  host: Host,
  registryHost: string,
  options: FindCredentialOptions = {},
): Promise<Credential | undefined> {
  for (const source of listSources(host, options)) {
    const config = await readSource(host, source);
    if (!config) continue;
    const helper = findHelperName(config, registryHost, source.name);
    const found = helper === undefined
      ? findAuth(config, registryHost, source.name, options.path)
      : await askCredentialHelper(host, helper, keyFor(source, registryHost), options);
    if (found) return found;
  }
  return undefined;
}
