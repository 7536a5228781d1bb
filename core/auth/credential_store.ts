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
import { type DockerConfig, findAuth, findAuthKeys, findHelperName } from "./docker_config.ts";

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
  const store = await openStore(host, registryHost, options);
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

/**
 * Erases what {@linkcode storeCredential} stored: from the file first, then from the helper. Gives
 * undefined when there was nothing. Throws `CONFIG` when the helper or the file fails.
 */
export async function eraseCredential(
  host: Host,
  registryHost: string,
  options: CredentialStoreOptions = {},
): Promise<CredentialPlace | undefined> {
  const { source, config, key, helper } = await openStore(host, registryHost, options);
  const place = { source: source.name, registryHost, key };
  const wasInFile = findAuthKeys(config.auths.keys(), registryHost).length > 0;
  await host.updateFile(source.name, (old) => removeEntries(old, place), {
    maxBytes: MAX_CONFIG_BYTES,
    signal: options.signal,
  });
  const wasInHelper = helper !== undefined &&
    await eraseListed(host, helper, { registryHost, key }, options);
  if (!wasInFile && !wasInHelper) return undefined;
  return { path: source.name, helper: helper && helperProgram(helper) };
}

/** Who else holds credentials of a registry, see {@linkcode findOtherHolders}. */
export interface OtherHolder {
  /** The file's path or the variable's name. */
  readonly name: string;
  /** Whether it is asked before the file that log-ins are written to. */
  readonly goesFirst: boolean;
}

/** The places beside the one for log-ins that hold credentials of a registry; helpers apart. */
export async function findOtherHolders(
  host: Host,
  registryHost: string,
  options: ListSourcesOptions = {},
): Promise<readonly OtherHolder[]> {
  const holders: OtherHolder[] = [];
  const store = findStore(host, options);
  let goesFirst = true;
  for (const source of listSources(host, options)) {
    if (source.name === store.name) goesFirst = false;
    else if (await holdsAuth(host, source, registryHost)) {
      holders.push({ name: source.name, goesFirst });
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
): Promise<Store> {
  const source = findStore(host, options);
  const config = await readSource(host, { ...source, isRequired: false }) ??
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

async function holdsAuth(
  host: Host,
  source: CredentialSource,
  registryHost: string,
): Promise<boolean> {
  try {
    const config = await readSource(host, source);
    return config !== undefined && findAuth(config, registryHost, source.name) !== undefined;
  } catch {
    // Whoever needs it will be told.
    return false;
  }
}
