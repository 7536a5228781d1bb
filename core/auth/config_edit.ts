import { RegctlError } from "../errors.ts";
import { isObject } from "../oci/json_object.ts";
import { type AmbiguousKey, findAmbiguousKey, findMember } from "../oci/json_scan.ts";
import { formatBasic, IDENTITY_TOKEN_USER, type LoginCredential } from "./credential.ts";
import { findAuthKeys, parseConfigObject } from "./docker_config.ts";

/** An entry of `auths`. */
export type AuthEntry = Readonly<Record<string, unknown>>;

// The fields of an entry that hold who asks. All others are left alone.
const CREDENTIAL_FIELDS = ["auth", "identitytoken", "registrytoken", "username", "password"];

/** The entry for a credential, as Docker writes it. */
export function formatEntry(credential: LoginCredential): AuthEntry {
  if (credential.kind === "password") {
    return { auth: encodeAuth(credential.username, credential.password) };
  }
  // Skopeo looks at no entry without `auth`.
  const auth = encodeAuth(IDENTITY_TOKEN_USER, "");
  return { auth, identitytoken: credential.identityToken };
}

/** Which entry {@linkcode setEntry} and {@linkcode removeEntries} are about. */
export interface EntryPlace {
  /** The file's path, for error messages. */
  readonly source: string;
  /** The host and port as in {@linkcode Registry.host}. */
  readonly registryHost: string;
  /** The key to write. */
  readonly key: string;
  /** Removes what is for this path there. Default: what is for the whole registry. */
  readonly path?: string | undefined;
}

/**
 * The bytes of a file with one entry of `auths` set, in place of those under other spellings of the
 * same registry; undefined when nothing changes. Everything else is kept, and in its order. Throws
 * `CONFIG` naming the file when it cannot be understood.
 */
export function setEntry(
  bytes: Uint8Array | undefined,
  { source, registryHost, key }: EntryPlace,
  entry: AuthEntry,
): Uint8Array | undefined {
  return editAuths(bytes, source, (auths) => {
    const keys = findAuthKeys(auths.keys(), registryHost);
    const replaced = auths.has(key) ? key : keys[0];
    const old = replaced === undefined ? {} : auths.get(replaced);
    if (!isObject(old)) {
      throw new RegctlError(
        "CONFIG",
        `Cannot use ${source}: auths["${replaced}"] is not an object`,
      );
    }
    // In place, so that the same credentials once more change nothing.
    const fields = new Map(Object.entries(old));
    CREDENTIAL_FIELDS.forEach((name) => Object.hasOwn(entry, name) || fields.delete(name));
    Object.entries(entry).forEach(([name, value]) => fields.set(name, value));
    const whole = Object.fromEntries(fields);
    if (replaced === undefined) return [...auths, [key, whole]];
    return [...auths].filter(([name]) => name === replaced || !keys.includes(name))
      .map(([name, value]) => name === replaced ? [key, whole] : [name, value]);
  });
}

/** The bytes of a file without the entries of a registry; undefined when there are none. */
export function removeEntries(
  bytes: Uint8Array | undefined,
  { source, registryHost, path }: EntryPlace,
): Uint8Array | undefined {
  return editAuths(bytes, source, (auths) => {
    const keys = findAuthKeys(auths.keys(), registryHost, path);
    return [...auths].filter(([name]) => !keys.includes(name));
  });
}

function editAuths(
  bytes: Uint8Array | undefined,
  source: string,
  edit: (auths: ReadonlyMap<string, unknown>) => (readonly [string, unknown])[],
): Uint8Array | undefined {
  const text = decode(bytes ?? new Uint8Array(), source).replace(/^\uFEFF/, "");
  const value = parseConfigObject(text, source);
  const twice = findTwice(text);
  if (twice) {
    // Which of them counts is for each reader to decide: nothing that is written would be safe.
    throw new RegctlError(
      "CONFIG",
      `Cannot use ${source}: it has ${JSON.stringify(twice.key)} twice`,
    );
  }
  const auths = (Object.hasOwn(value, "auths") ? value["auths"] : undefined) ?? {};
  if (!isObject(auths)) {
    throw new RegctlError("CONFIG", `Cannot use ${source}: auths is not an object`);
  }
  const edited = Object.fromEntries(edit(new Map(Object.entries(auths))));
  if (JSON.stringify(edited) === JSON.stringify(auths)) return undefined;
  return new TextEncoder().encode(replaceAuths(text, edited));
}

/** A key that the document or its `auths` has twice; what is beside them is not touched. */
function findTwice(text: string): AmbiguousKey | undefined {
  if (text.trim() === "") return undefined;
  const span = findMember(text, "auths");
  return findAmbiguousKey(text, { levels: 1 }) ??
    (span && findAmbiguousKey(text.slice(span.start, span.end)));
}

/** The text with another value of `auths`; all else stays as it was written. */
function replaceAuths(text: string, auths: Record<string, unknown>): string {
  const json = JSON.stringify(auths, null, "\t").replaceAll("\n", "\n\t");
  const span = findMember(text, "auths");
  if (span) return text.slice(0, span.start) + json + text.slice(span.end);
  const end = text.lastIndexOf("}");
  if (end < 0) return `{\n\t"auths": ${json}\n}${text.endsWith("\n") ? "\n" : ""}`;
  const before = text.slice(0, end).trimEnd();
  const comma = before.endsWith("{") ? "" : ",";
  return `${before}${comma}\n\t"auths": ${json}\n${text.slice(end)}`;
}

/** Bytes that are no text would not survive being written back. */
function decode(bytes: Uint8Array, source: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new RegctlError("CONFIG", `Cannot read ${source}: it is not UTF-8`);
  }
}

function encodeAuth(username: string, password: string): string {
  return formatBasic(username, password).slice("Basic ".length);
}
