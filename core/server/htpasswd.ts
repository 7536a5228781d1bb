import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { RegctlError } from "../errors.ts";
import { Problem } from "./problem.ts";
import { Turns } from "./turns.ts";

/**
 * Says whether an `Authorization` header is that of a known user. Throws `TOOMANYREQUESTS` when too
 * many wait for the answer already.
 */
export type Authenticate = (authorization: string | undefined) => Promise<boolean>;

const MAX_REMEMBERED = 1000;
/** Behind more than these nobody waits, so that guessing takes no more than it is given. */
const MAX_WAITING = 16;

/**
 * Reads a htpasswd file and checks Basic credentials (RFC 7617) against it. Takes bcrypt alone, as
 * distribution does. Throws `CONFIG`, naming the line, for anything else.
 */
export async function createAuthenticate(text: string, path: string): Promise<Authenticate> {
  const hashes = readHashes(text, path);
  // Who asks for an unknown user waits as long as for a known one.
  const [decoy = ""] = hashes.values();
  const { compare } = await import("bcryptjs");
  // Checking a password takes long on purpose, and clients send it with every request.
  const remembered = new Map<string, Buffer>();
  // One after another: guessing must not take the whole machine.
  const turns = new Turns();
  let waiting = 0;
  return async (authorization) => {
    const credential = readBasic(authorization);
    if (credential === undefined) return false;
    const [user, password] = credential;
    const print = createHash("sha256").update(password).digest();
    const known = remembered.get(user);
    if (known && timingSafeEqual(known, print)) return true;
    const hash = hashes.get(user);
    if (waiting >= MAX_WAITING) {
      throw new Problem("TOOMANYREQUESTS", "too many passwords are being checked", {
        headers: { "retry-after": "1" },
      });
    }
    waiting += 1;
    const fits = await turns.take(() => compare(password, hash ?? decoy)).finally(() =>
      waiting -= 1
    );
    const isRight = fits && hash !== undefined;
    if (isRight && remembered.size < MAX_REMEMBERED) remembered.set(user, print);
    return isRight;
  };
}

function readHashes(text: string, path: string): ReadonlyMap<string, string> {
  const hashes = new Map<string, string>();
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, user, hash] =
      /^([^:]+):(\$2[aby]\$(?:0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53})\s*$/.exec(line) ?? [];
    if (user === undefined || hash === undefined) {
      throw new RegctlError("CONFIG", `Cannot read ${path}: line ${i + 1} has no bcrypt hash`, {
        hint: "Make the file with htpasswd -B",
      });
    }
    hashes.set(user, hash);
  }
  if (hashes.size > 0) return hashes;
  throw new RegctlError("CONFIG", `Cannot read ${path}: it names no user`, {
    hint: "Make the file with htpasswd -B",
  });
}

function readBasic(authorization = ""): readonly [string, string] | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : [text.slice(0, colon), text.slice(colon + 1)];
}
