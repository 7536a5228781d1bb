import { createRefusal, type Refuse } from "./refusal.ts";

/** A registry as the user named it. */
export interface Registry {
  /** Present only when the user wrote it. */
  readonly scheme?: "http" | "https";
  /** `host[:port]` as written; "docker.io" for Docker Hub under any of its names. */
  readonly host: string;
  /** True for Docker Hub, under any of its names. */
  readonly isDockerHub: boolean;
}

/** Docker Hub, the registry of a name that names none. */
export const DOCKER_HUB: Registry = { host: "docker.io", isDockerHub: true };

/** Docker's configuration files store Docker Hub's credentials under this key. */
export const DOCKER_HUB_CONFIG_KEY = "https://index.docker.io/v1/";

const DOCKER_HUB_HOST = /^(?:index\.)?docker\.io$/i;

/** RFC 1035 §2.3.4: 255 octets on the wire, which is 253 characters in text. */
const MAX_HOST_LENGTH = 253;
const LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

const PORT = /^[1-9][0-9]{0,4}$/;
const MAX_PORT = 65535;

const IPV4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}$/;
const IPV6_CHARACTERS = /^\[[0-9A-Fa-f:.]+\]$/;
/** URL parsers take a host that ends in such a label for an IPv4 address (WHATWG URL §3.5). */
const NUMERIC_LABEL = /^(?:[0-9]+|0[Xx][0-9A-Fa-f]*)$/;

/**
 * Reads `[http[s]://]host[:port][/]`. The host is a DNS name, an IPv4 address or an IPv6 address in
 * brackets (RFC 3986 §3.2.2). A single word other than `localhost` needs a port, so that it cannot
 * be mistaken for a repository. `refuse` makes the error, by default a `USAGE`, that is thrown.
 */
export function parseRegistry(
  text: string,
  refuse: Refuse = createRefusal("registry", text),
): Registry {
  if (text === DOCKER_HUB_CONFIG_KEY) return DOCKER_HUB;
  if (text.includes("@")) {
    throw refuse(
      "a name must not hold a user or a password",
      "Leave them out and give -u USER --password-stdin",
    );
  }
  const { scheme, rest } = splitScheme(text);
  if (scheme !== undefined && scheme !== "http" && scheme !== "https") {
    throw refuse('the scheme must be "http" or "https"', "Leave out the scheme");
  }
  const host = rest.endsWith("/") ? rest.slice(0, -1) : rest;
  checkHostAndPort(host, refuse);
  const isDockerHub = DOCKER_HUB_HOST.test(host);
  if (isDockerHub && scheme === "http") {
    throw refuse("Docker Hub is reached over https only", 'Leave out "http://"');
  }
  return { ...(scheme && { scheme }), host: isDockerHub ? DOCKER_HUB.host : host, isDockerHub };
}

/** True when the first component of a name is meant for a registry, be it a valid one or not. */
export function looksLikeRegistry(component: string): boolean {
  return component === "localhost" || /[.:]/.test(component);
}

/**
 * True when `host[:port]` is this machine: `localhost`, 127.0.0.0/8 or `[::1]`, each spelled
 * plainly. Any other spelling is false, which is the safe answer: it never turns TLS off.
 */
export function isLoopbackHost(host: string): boolean {
  // No `u` flag below: with it, `i` would let the long s pass for an "s".
  const address = host.replace(/:[0-9]{1,5}$/, "");
  return /^localhost$/i.test(address) || address === "[::1]" ||
    (address.startsWith("127.") && IPV4.test(address));
}

/** Splits `scheme://rest`; no scheme when there is none. Judges neither. */
export function splitScheme(text: string): { readonly scheme?: string; readonly rest: string } {
  const end = text.indexOf("://");
  return end < 0 ? { rest: text } : { scheme: text.slice(0, end), rest: text.slice(end + 3) };
}

function checkHostAndPort(text: string, refuse: Refuse): void {
  if (text === "") throw refuse("the registry's host is missing");
  if (text.includes("/")) throw refuse("a registry must not have a path");
  const isBracketed = text.startsWith("[");
  const colon = text.indexOf(":", isBracketed ? text.indexOf("]") + 1 : 0);
  const host = colon < 0 ? text : text.slice(0, colon);
  const port = colon < 0 ? undefined : text.slice(colon + 1);
  if (host.length > MAX_HOST_LENGTH) {
    throw refuse(`a host must have at most ${MAX_HOST_LENGTH} characters`);
  }
  if (port?.includes(":")) {
    throw refuse(
      "a registry must not have two ports",
      "Put an IPv6 address in brackets, as in [::1]:5000",
    );
  }
  if (port !== undefined && !(PORT.test(port) && Number(port) <= MAX_PORT)) {
    throw refuse(`a port must be a number from 1 to ${MAX_PORT} without leading zeros`);
  }
  if (isBracketed) {
    checkIPv6(host, refuse);
  } else {
    checkHostName(host, refuse);
    if (!looksLikeRegistry(text)) {
      throw refuse("a registry needs a dot or a port in its name", "Add its domain or its port");
    }
  }
}

function checkIPv6(host: string, refuse: Refuse): void {
  // The URL parser alone is not enough: it drops tabs and line ends.
  if (!IPV6_CHARACTERS.test(host) || !URL.canParse(`https://${host}`)) {
    throw refuse("what stands in brackets must be an IPv6 address without a zone");
  }
}

function checkHostName(host: string, refuse: Refuse): void {
  const labels = host.split(".");
  if (!labels.every((label) => LABEL.test(label))) {
    throw refuse(
      "each part of a host must be 1 to 63 letters, digits and inner hyphens",
    );
  }
  if (NUMERIC_LABEL.test(labels.at(-1) ?? "") && !IPV4.test(host)) {
    throw refuse(
      "a host that ends in a number must be an IPv4 address of four decimal numbers, 0 to 255",
    );
  }
  // Letters and digits do not make an "xn--" label valid; only a URL parser can tell.
  if (!URL.canParse(`https://${host}`)) throw refuse("the host is not valid in a URL");
}
