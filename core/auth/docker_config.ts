import { RegctlError } from "../errors.ts";
import { isObject } from "../oci/json_object.ts";
import { DOCKER_HUB, DOCKER_HUB_CONFIG_KEY } from "../reference/registry.ts";
import type { Credential } from "./credential.ts";

/** What Docker's `config.json` says about credentials. */
export interface DockerConfig {
  /** Entries of `auths` by their key, not yet checked. */
  readonly auths: ReadonlyMap<string, unknown>;
  /** Names of credential helpers by registry. */
  readonly credHelpers: ReadonlyMap<string, unknown>;
  /** The name of the helper for all other registries. */
  readonly credsStore: string | undefined;
}

/**
 * Reads the text of a `config.json`, or of `DOCKER_AUTH_CONFIG`. Empty text is an empty
 * configuration, as it is for Docker. Throws `CONFIG` naming `source`, never its content.
 */
export function parseDockerConfig(text: string, source: string): DockerConfig {
  const trimmed = text.replace(/^\uFEFF/, "").trim();
  let value: unknown;
  try {
    value = trimmed === "" ? {} : JSON.parse(trimmed);
  } catch {
    // The parser's message quotes the text, which holds passwords.
    throw new RegctlError("CONFIG", `Cannot read ${source}: it is not JSON`);
  }
  if (!isObject(value)) {
    throw new RegctlError("CONFIG", `Cannot read ${source}: it is not a JSON object`);
  }
  return {
    auths: readEntries(value, "auths", source),
    credHelpers: readEntries(value, "credHelpers", source),
    credsStore: readText(value, "credsStore", source) || undefined,
  };
}

/** The name of the helper that keeps the credentials of `host`, or undefined when a file does. */
export function findHelperName(
  config: DockerConfig,
  host: string,
  source: string,
): string | undefined {
  for (const key of lookupKeys(host)) {
    const name = config.credHelpers.get(key);
    if (name === undefined) continue;
    if (typeof name !== "string") {
      throw new RegctlError("CONFIG", `Cannot use ${source}: credHelpers["${key}"] is not a text`);
    }
    // An empty name takes this one registry out of credsStore, as it does for Docker.
    return name || undefined;
  }
  return config.credsStore;
}

/** The credential that `auths` itself holds for `host`: exact key first, then the same host. */
export function findAuth(
  config: DockerConfig,
  host: string,
  source: string,
): Credential | undefined {
  const keys = lookupKeys(host);
  const hosts = keys.map(hostOfKey);
  const key = keys.find((candidate) => config.auths.has(candidate)) ??
    [...config.auths.keys()].find((candidate) => hosts.includes(hostOfKey(candidate)));
  if (key === undefined) return undefined;
  const entry = config.auths.get(key);
  if (!isObject(entry)) {
    throw new RegctlError("CONFIG", `Cannot use ${source}: auths["${key}"] is not an object`);
  }
  const where = `auths["${key}"]`;
  const identityToken = readText(entry, "identitytoken", source, where);
  if (identityToken) return { kind: "identityToken", identityToken, source };
  const registryToken = readText(entry, "registrytoken", source, where);
  if (registryToken) return { kind: "registryToken", registryToken, source };
  const auth = readText(entry, "auth", source, where);
  if (auth) return { kind: "password", ...decodeAuth(auth, where, source), source };
  const username = readText(entry, "username", source, where);
  const password = readText(entry, "password", source, where);
  // Docker leaves an empty entry where a helper keeps the secret.
  if (!username && !password) return undefined;
  return { kind: "password", username, password, source };
}

/** Under which keys a registry's credentials may stand, the usual one first. */
export function lookupKeys(host: string): string[] {
  if (host === DOCKER_HUB.host || host === "registry-1.docker.io") {
    return [DOCKER_HUB_CONFIG_KEY, "index.docker.io", "docker.io", "registry-1.docker.io"];
  }
  return [host.toLowerCase()];
}

/** `https://Quay.io/v1/` -> `quay.io`: old entries carry a scheme and a path. */
function hostOfKey(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/.*$/, "").toLowerCase();
}

/** Decodes base64 of `user:password`; the password may hold colons. */
function decodeAuth(auth: string, where: string, source: string) {
  const fail = () => new RegctlError("CONFIG", `Cannot use ${source}: ${where}.auth is not valid`);
  let text: string;
  try {
    const bytes = Uint8Array.from(atob(auth.trim()), (character) => character.charCodeAt(0));
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw fail();
  }
  const colon = text.indexOf(":");
  if (colon < 1) throw fail();
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
}

function readEntries(
  value: Record<string, unknown>,
  key: string,
  source: string,
): ReadonlyMap<string, unknown> {
  const entries = Object.hasOwn(value, key) ? value[key] : undefined;
  if (entries === undefined || entries === null) return new Map();
  if (!isObject(entries)) {
    throw new RegctlError("CONFIG", `Cannot use ${source}: ${key} is not an object`);
  }
  return new Map(Object.entries(entries));
}

function readText(
  value: Record<string, unknown>,
  key: string,
  source: string,
  where = "",
): string {
  const text = Object.hasOwn(value, key) ? value[key] : undefined;
  if (text === undefined || text === null) return "";
  if (typeof text === "string") return text;
  const path = where === "" ? key : `${where}.${key}`;
  throw new RegctlError("CONFIG", `Cannot use ${source}: ${path} is not a text`);
}
