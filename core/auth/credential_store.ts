import { RegctlError } from "../errors.ts";
import type { Host } from "../host.ts";
import { type AuthEntry, formatEntry, removeEntries, setEntry } from "./config_edit.ts";
import { IDENTITY_TOKEN_USER, type LoginCredential } from "./credential.ts";
import { eraseFromHelper, helperProgram, listHelper, storeInHelper } from "./credential_helper.ts";
import {
  type CredentialSource,
  findStore,
  keyFor,
  listSources,
  type ListSourcesOptions,
  MAX_CONFIG_BYTES,
  readSource,
} from "./credential_source.ts";
import {
  type DockerConfig,
  findAuth,
  findAuthKeys,
  findHelperName,
  parseAuthKey,
  readAuth,
} from "./docker_config.ts";

/** What the functions here take beside the registry. */
export interface CredentialStoreOptions extends ListSourcesOptions {
  /** Ends a helper, and the wait for another program. Default: nothing does. */
  readonly signal?: AbortSignal | undefined;
}

/** Where credentials are kept. */
export interface CredentialPlace {
  /** The file that holds them, or that names the helper. */
  readonly path: string;
  /** The program that keeps them; undefined when the file does. */
  readonly helper: string | undefined;
}

/**
 * Stores the credential of a registry where its next lookup finds it: in the helper that the file
 * names for it (`credHelpers`, then `credsStore`), else in the file itself, unencrypted.
 *
 * Throws `CONFIG` when a helper or the file fails; what was stored before is then still there.
 *
 * @param registryHost the host and port as in {@linkcode Registry.host}
 */
export async function storeCredential(
  host: Host,
  registryHost: string,
  credential: LoginCredential,
  options: CredentialStoreOptions = {},
): Promise<CredentialPlace> {
  const store = await openStore(host, registryHost, options, "store");
  const { source, key, helper } = store;
  // An entry that cannot be understood is not overwritten.
  const held = findAuth(store.config, registryHost, source.name);
  if (helper === undefined) {
    await writeEntry(host, store, formatEntry(credential), options);
    return { path: source.name, helper: undefined };
  }
  const { username, secret } = credential.kind === "password"
    ? { username: credential.username, secret: credential.password }
    : { username: IDENTITY_TOKEN_USER, secret: credential.identityToken };
  await storeInHelper(host, helper, { serverUrl: key, username, secret }, options);
  try {
    // Docker's mark of a log-in that a helper keeps.
    await writeEntry(host, store, {}, options);
  } catch (error) {
    // Where the file is read-only the mark can be missed, but no secret may stay in it.
    const isFileAlone = error instanceof RegctlError && error.code === "CONFIG";
    if (held || !isFileAlone) throw error;
  }
  return { path: source.name, helper: helperProgram(helper) };
}

/** What {@linkcode eraseCredential} takes beside the registry. */
export interface EraseCredentialOptions extends CredentialStoreOptions {
  /** Erases what is for the repositories under this path alone. Default: for the registry. */
  readonly path?: string | undefined;
}

/**
 * Erases what {@linkcode storeCredential} stored: from the file first, then from the helper. Gives
 * undefined when there was nothing. Throws `CONFIG` when the helper or the file fails, or when the
 * file that the user named is not there.
 */
export async function eraseCredential(
  host: Host,
  registryHost: string,
  options: EraseCredentialOptions = {},
): Promise<CredentialPlace | undefined> {
  const { path } = options;
  const { source, config, key, helper } = await openStore(host, registryHost, options, "erase");
  const place = { source: source.name, registryHost, key, path };
  const wasInFile = findAuthKeys(config.auths.keys(), registryHost, path).length > 0;
  await host.updateFile(source.name, (old) => removeEntries(old, place), {
    maxBytes: MAX_CONFIG_BYTES,
    signal: options.signal,
  });
  // Helpers know registries alone.
  const wasInHelper = helper !== undefined && path === undefined &&
    await eraseListed(host, helper, { registryHost, key }, options);
  if (!wasInFile && !wasInHelper) return undefined;
  return { path: source.name, helper: helper && helperProgram(helper) };
}

/** Who else holds credentials of a registry, see {@linkcode findOtherHolders}. */
export interface OtherHolder {
  /** The file's path or the variable's name. */
  readonly name: string;
  /** What they are for: the registry, or a path there such as `quay.io/team`. */
  readonly registry: string;
  /** Whether it is asked before the file that log-ins are written to. */
  readonly goesFirst: boolean;
}

/**
 * What holds credentials of a registry beside the entry for the registry in the file that log-ins
 * are written to: other files, and entries for paths. Helpers are not asked.
 */
export async function findOtherHolders(
  host: Host,
  registryHost: string,
  options: ListSourcesOptions = {},
): Promise<readonly OtherHolder[]> {
  const holders: OtherHolder[] = [];
  const store = findStore(host, options);
  let goesFirst = true;
  for (const source of listSources(host, options)) {
    const isStore = source.name === store.name;
    if (isStore) goesFirst = false;
    for (const path of await listHeldPaths(host, source, registryHost)) {
      if (isStore && path === "") continue;
      const registry = path === "" ? registryHost : `${registryHost}/${path}`;
      holders.push({ name: source.name, registry, goesFirst });
    }
  }
  return holders;
}

/** The file for log-ins, and what it says of one registry. */
interface Store {
  readonly source: CredentialSource;
  readonly config: DockerConfig;
  readonly registryHost: string;
  readonly key: string;
  /** The name of the helper that keeps the registry's credentials. */
  readonly helper: string | undefined;
}

async function openStore(
  host: Host,
  registryHost: string,
  options: ListSourcesOptions,
  purpose: "store" | "erase",
): Promise<Store> {
  const source = findStore(host, options);
  // What is stored may go into a new file.
  const isRequired = source.isRequired && purpose === "erase";
  const config = await readSource(host, { ...source, isRequired }) ??
    { auths: new Map(), credHelpers: new Map(), credsStore: undefined };
  const helper = findHelperName(config, registryHost, source.name);
  return { source, config, registryHost, key: keyFor(source, registryHost), helper };
}

async function writeEntry(
  host: Host,
  { source: { name }, registryHost, key }: Store,
  entry: AuthEntry,
  { signal }: CredentialStoreOptions,
): Promise<void> {
  const change = (old: Uint8Array | undefined) =>
    setEntry(old, { source: name, registryHost, key }, entry);
  await host.updateFile(name, change, { maxBytes: MAX_CONFIG_BYTES, signal });
}

/** Gives false when the helper had nothing. Many do not say so when they erase, but they can list. */
async function eraseListed(
  host: Host,
  helper: string,
  { registryHost, key }: { readonly registryHost: string; readonly key: string },
  options: CredentialStoreOptions,
): Promise<boolean> {
  const listed = await listHelper(host, helper, options).catch(() => undefined);
  options.signal?.throwIfAborted();
  const isAbsent = listed && findAuthKeys(listed.keys(), registryHost).length === 0;
  try {
    return await eraseFromHelper(host, helper, key, options) && !isAbsent;
  } catch (error) {
    // Helpers of a cloud keep nothing, and refuse to erase.
    if (isAbsent) return false;
    throw error;
  }
}

/** The paths that a source itself holds credentials for; the empty one is the whole registry. */
async function listHeldPaths(
  host: Host,
  source: CredentialSource,
  registryHost: string,
): Promise<readonly string[]> {
  try {
    const config = await readSource(host, source);
    if (!config) return [];
    const paths = [...config.auths.keys()].map((key) => parseAuthKey(key).path);
    return [...new Set(paths)].filter((path) =>
      findAuthKeys(config.auths.keys(), registryHost, path)
        .some((key) => readAuth(config, key, source.name) !== undefined)
    );
  } catch {
    // Whoever needs it will be told.
    return [];
  }
}
