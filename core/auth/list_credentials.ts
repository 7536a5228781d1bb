import { RegctlError } from "../errors.ts";
import type { Host } from "../host.ts";
import { DOCKER_HUB } from "../reference/registry.ts";
import { type Credential, IDENTITY_TOKEN_USER } from "./credential.ts";
import { helperProgram, listHelper } from "./credential_helper.ts";
import { listSources, type ListSourcesOptions, readSource } from "./credential_source.ts";
import {
  type AuthKey,
  type DockerConfig,
  findAuthKeys,
  findHelperName,
  lookupKeys,
  parseAuthKey,
  readAuth,
} from "./docker_config.ts";

/** A credential that is stored somewhere, without its secret. */
export interface StoredCredential {
  /** What it is for: a registry (`docker.io`), or a path there (`quay.io/team`). */
  readonly registry: string;
  /** Undefined where only a token is known. */
  readonly username: string | undefined;
  readonly kind: Credential["kind"];
  /** The file's path, or the variable's name. */
  readonly source: string;
  /** The program that keeps it; undefined when the source itself does. */
  readonly helper: string | undefined;
  /** False when an earlier source has one for the same, or for more. */
  readonly isUsed: boolean;
}

/** What {@linkcode listCredentials} takes. */
export interface ListCredentialsOptions extends ListSourcesOptions {
  /** Told of a helper that fails; the list goes on without what it keeps. */
  readonly onHelperFailure: (error: RegctlError) => void;
  /** Ends a helper. Default: nothing does. */
  readonly signal?: AbortSignal | undefined;
}

/** An entry whose use is not decided yet. */
interface Entry extends AuthKey, Omit<StoredCredential, "registry" | "isUsed"> {}

/**
 * All stored credentials, in the order in which their sources are asked. Throws `CONFIG` when a
 * file cannot be understood.
 */
export async function listCredentials(
  host: Host,
  options: ListCredentialsOptions,
): Promise<readonly StoredCredential[]> {
  const entries: Entry[] = [];
  for (const source of listSources(host, options)) {
    const config = await readSource(host, source);
    if (!config) continue;
    entries.push(
      ...await listHelped(host, config, source.name, options),
      ...listAuths(config, source.name),
    );
  }
  return entries.map(({ host, path, ...entry }) => ({
    registry: path === "" ? host : `${host}/${path}`,
    ...entry,
    isUsed: !entries.slice(0, entries.findIndex(({ source }) => source === entry.source))
      .some((earlier) => earlier.host === host && isUnder(path, earlier.path)),
  }));
}

/** What the helpers of a file keep, each for the registries that it is named for. */
async function listHelped(
  host: Host,
  config: DockerConfig,
  source: string,
  { onHelperFailure, signal }: ListCredentialsOptions,
): Promise<Entry[]> {
  const names = [...config.credHelpers.keys()].map((key) =>
    findHelperName(config, toRegistry(key).host, source)
  );
  const entries: Entry[] = [];
  for (const name of new Set([...names, config.credsStore])) {
    if (name === undefined) continue;
    let listed: ReadonlyMap<string, string>;
    try {
      listed = await listHelper(host, name, { signal });
    } catch (error) {
      if (!(error instanceof RegctlError) || signal?.aborted) throw error;
      onHelperFailure(error);
      continue;
    }
    for (const [url, username] of listed) {
      const key = toRegistry(url);
      if (findHelperName(config, key.host, source) !== name) continue;
      const kind = username === IDENTITY_TOKEN_USER ? "identityToken" : "password";
      entries.push({ ...key, username, kind, source, helper: helperProgram(name) });
    }
  }
  return entries;
}

/** The entries of the file itself, but for those that a helper replaces and for empty ones. */
function listAuths(config: DockerConfig, source: string): Entry[] {
  const entries = new Map<string, Entry>();
  for (const name of config.auths.keys()) {
    const key = toRegistry(name);
    const id = `${key.host}/${key.path}`;
    if (
      key.host === "" || entries.has(id) || findHelperName(config, key.host, source) !== undefined
    ) continue;
    const credential = findAuthKeys(config.auths.keys(), key.host, key.path)
      .map((spelling) => readAuth(config, spelling, source)).find((found) => found);
    if (!credential) continue;
    const { kind } = credential;
    const username = kind === "password" ? credential.username : undefined;
    entries.set(id, { ...key, username, kind, source, helper: undefined });
  }
  return [...entries.values()];
}

/** What a key is for, with Docker Hub under its one name. */
function toRegistry(key: string): AuthKey {
  const parsed = parseAuthKey(key);
  const isHub = lookupKeys(DOCKER_HUB.host).includes(parsed.host);
  return isHub ? { ...parsed, host: DOCKER_HUB.host } : parsed;
}

function isUnder(path: string, parent: string): boolean {
  return parent === "" || path === parent || path.startsWith(`${parent}/`);
}
