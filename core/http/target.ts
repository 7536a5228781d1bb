import { RegctlError } from "../errors.ts";

/** Where an address lies, the more internal the higher. */
const PUBLIC = 0, PRIVATE = 1, LOOPBACK = 2, FORBIDDEN = 3;

/**
 * Holds a URL that a registry names (the realm of its token server, a redirect) against what the
 * registry may ask for. Otherwise a registry could have its clients reach into their own network,
 * or send a password in the clear.
 *
 * Allowed is https, and http where the registry itself is reached by http; never user information;
 * never an internal address, unless it is the registry's own origin or no more internal than the
 * registry's own address. Names are not resolved: what they point at is up to the resolver.
 *
 * Throws `INVALID_RESPONSE`.
 */
export function assertAllowedTarget(target: URL, registry: URL, what: string): void {
  const refuse = (reason: string) =>
    new RegctlError(
      "INVALID_RESPONSE",
      `Refused to follow ${registry.host} to ${what} at ${target.protocol}//${target.host}: ${reason}`,
    );
  if (target.protocol !== "https:" && target.protocol !== "http:") {
    throw refuse("only http and https are allowed");
  }
  if (target.protocol === "http:" && registry.protocol !== "http:") {
    throw refuse("it would leave TLS");
  }
  if (target.username !== "" || target.password !== "") {
    throw refuse("it carries user information");
  }
  if (target.host === registry.host) return;
  const reach = classify(target.hostname);
  if (reach === FORBIDDEN || reach > classify(registry.hostname)) {
    throw refuse("the address is internal");
  }
}

/** Classifies a URL's host name, in which an IPv4 address stands in its canonical form. */
function classify(hostname: string): number {
  // A dot at the end, which means the DNS root, changes nothing.
  if (/(^|\.)localhost\.?$/.test(hostname)) return LOOPBACK;
  if (hostname.startsWith("[")) return classifyIPv6(hostname.slice(1, -1));
  const bytes = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.?$/.exec(hostname)?.slice(1).map(Number);
  return bytes ? classifyIPv4(bytes) : PUBLIC;
}

/** IANA's special-purpose registry, as far as it is about addresses that are not global. */
function classifyIPv4([a = 0, b = 0, c = 0]: readonly number[]): number {
  if (a === 127) return LOOPBACK;
  if (a === 0 || a >= 224 || (a === 169 && b === 254)) return FORBIDDEN;
  const isPrivate = a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) ||
    (a === 100 && b >= 64 && b < 128) || (a === 198 && (b === 18 || b === 19)) ||
    (a === 192 && b === 0 && c === 0);
  return isPrivate ? PRIVATE : PUBLIC;
}

function classifyIPv6(address: string): number {
  const words = expandIPv6(address);
  const [first = 0] = words;
  const tail = toBytes(words.slice(-2));
  const prefix = words.slice(0, 6);
  if (prefix.every((word) => word === 0)) {
    const low = ((words[6] ?? 0) << 16 | (words[7] ?? 0)) >>> 0;
    return low === 0 ? FORBIDDEN : low === 1 ? LOOPBACK : classifyIPv4(tail);
  }
  // Mapped (::ffff:0:0/96) and translated (64:ff9b::/96) addresses are IPv4 in disguise.
  if (prefix.slice(0, 5).every((word) => word === 0) && prefix[5] === 0xffff) {
    return classifyIPv4(tail);
  }
  if (first === 0x64 && words[1] === 0xff9b) return classifyIPv4(tail);
  // So are those of 6to4 (2002::/16), which hold it behind the prefix.
  if (first === 0x2002) return classifyIPv4(toBytes(words.slice(1, 3)));
  if (first >= 0xff00 || (first & 0xffc0) === 0xfe80) return FORBIDDEN;
  // Unique local, and site-local as it was before.
  return (first & 0xfe00) === 0xfc00 || (first & 0xffc0) === 0xfec0 ? PRIVATE : PUBLIC;
}

function toBytes(words: readonly number[]): number[] {
  return words.flatMap((word) => [word >> 8, word & 255]);
}

/** The eight words of an address as a URL writes it: in hexadecimal, at most one `::`. */
function expandIPv6(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const parse = (part: string) =>
    part === "" ? [] : part.split(":").map((word) => parseInt(word, 16));
  const left = parse(head);
  const right = parse(tail ?? "");
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}
