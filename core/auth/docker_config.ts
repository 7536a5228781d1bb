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
  const value = parseConfigObject(text, source);
  return {
    auths: readEntries(value, "auths", source),
    credHelpers: readEntries(value, "credHelpers", source),
    credsStore: readText(value, "credsStore", source) || undefined,
  };
}

/** The JSON object of a configuration, its fields not yet checked; throws as the above. */
export function parseConfigObject(text: string, source: string): Record<string, unknown> {
  const trimmed = text.replace(/^\uFEFF/, "").trim();
  let value: unknown;
  try {
    value = trimmed === "" ? {} : JSON.parse(trimmed);
  } catch {
    // The parser's message quotes the text, which holds passwords.
    throw new RegctlError("CONFIG", `Cannot read ${source}: it is not JSON`);
  }
  if (isObject(value)) return value;
  throw new RegctlError("CONFIG", `Cannot read ${source}: it is not a JSON object`);
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

/**
 * The credential that `auths` itself holds for a repository of `host`. The most specific key wins:
 * `host/a/b`, `host/a`, `host`; last come keys with a scheme or an old `/v1/` behind the host.
 *
 * @param path the repository's path; without it only what is meant for the whole registry counts
 */
export function findAuth(
  config: DockerConfig,
  host: string,
  source: string,
  path = "",
): Credential | undefined {
  for (const prefix of prefixesOf(path)) {
    for (const key of findAuthKeys(config.auths.keys(), host, prefix)) {
      const credential = readAuth(config, key, source);
      // Docker leaves an empty entry where a helper keeps the secret.
      if (credential) return credential;
    }
  }
  return undefined;
}

/**
 * The keys of `auths` that stand for `host`, or for what is under `prefix` there, the usual
 * spelling first.
 */
export function findAuthKeys(keys: Iterable<string>, host: string, prefix = ""): string[] {
  const all = [...keys];
  const exact = lookupKeys(host).map((key) => prefix === "" ? key : `${key}/${prefix}`)
    .filter((key) => all.includes(key));
  const hosts = lookupKeys(host).map((key) => parseAuthKey(key).host);
  const others = all.filter((key) => {
    const parsed = parseAuthKey(key);
    return parsed.path === prefix && hosts.includes(parsed.host) && !exact.includes(key);
  });
  return [...exact, ...others];
}

/** What a key of `auths` is for. */
export interface AuthKey {
  /** In lower case; empty for a key that can be for none. */
  readonly host: string;
  /** The path of a repository, or of those above it; empty for the whole registry. */
  readonly path: string;
}

/**
 * Reads a key of `auths`: `https://Quay.io/v1/` is from old times and means `quay.io`, and
 * `quay.io/team` is for the repositories of that team (containers-auth.json(5)).
 */
export function parseAuthKey(key: string): AuthKey {
  const rest = key.replace(/^https?:\/\//, "");
  // Who asks is not part of a key, and may be a secret.
  if (rest.includes("@")) return { host: "", path: "" };
  const slash = rest.indexOf("/");
  if (slash < 0) return { host: rest.toLowerCase(), path: "" };
  const path = rest.slice(slash + 1);
  // Without a scheme and an ending slash, v1 is a repository's name like any other.
  const isOld = /^v[12]\/?$/.test(path) && (rest !== key || path.endsWith("/"));
  return {
    host: rest.slice(0, slash).toLowerCase(),
    path: isOld ? "" : path.replace(/\/$/, ""),
  };
}

/** What one entry of `auths` holds; throws `CONFIG` when it cannot be understood. */
export function readAuth(
  config: DockerConfig,
  key: string,
  source: string,
): Credential | undefined {
  const entry = config.auths.get(key);
  const where = `auths["${key}"]`;
  if (!isObject(entry)) {
    throw new RegctlError("CONFIG", `Cannot use ${source}: ${where} is not an object`);
  }
  const identityToken = readText(entry, "identitytoken", source, where);
  if (identityToken) return { kind: "identityToken", identityToken, source };
  const registryToken = readText(entry, "registrytoken", source, where);
  if (registryToken && !/^[\x21-\x7e]+$/.test(registryToken)) {
    throw new RegctlError("CONFIG", `Cannot use ${source}: ${where}.registrytoken is not valid`);
  }
  if (registryToken) return { kind: "registryToken", registryToken, source };
  const auth = readText(entry, "auth", source, where);
  if (auth) return { kind: "password", ...decodeAuth(auth, where, source), source };
  const username = readText(entry, "username", source, where);
  const password = readText(entry, "password", source, where);
  if (!username && !password) return undefined;
  return { kind: "password", username, password, source };
}

/** Under which keys a registry's credentials may stand, the usual one of Docker's first. */
export function lookupKeys(host: string): string[] {
  if (host === DOCKER_HUB.host || host === "registry-1.docker.io") {
    return [DOCKER_HUB_CONFIG_KEY, "index.docker.io", "docker.io", "registry-1.docker.io"];
  }
  return [host.toLowerCase()];
}

/** `a/b` -> `a/b`, `a` and the empty one, which stands for the whole registry. */
function prefixesOf(path: string): string[] {
  const parts = path === "" ? [] : path.split("/");
  return [...parts.map((_, i) => parts.slice(0, parts.length - i).join("/")), ""];
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
