import { type ErrorCode, RegctlError } from "../errors.ts";
import type { Host } from "../host.ts";
import { isObject } from "../oci/json_object.ts";
import { shorten } from "../shorten.ts";
import { type Credential, IDENTITY_TOKEN_USER } from "./credential.ts";

// The protocol's own words for "there is none" (docker-credential-helpers, credentials/error.go).
const NOT_FOUND_MESSAGE = "credentials not found in native keychain";

// A helper may wait for the user to unlock a keychain, or for a cloud's token.
const HELPER_TIMEOUT_MS = 30_000;
const SIGNAL_GRACE_MS = 200;
const MAX_HELPER_BYTES = 1024 * 1024;

/** What every function here takes beside the helper. */
export interface HelperOptions {
  /** Ends the helper early; its reason is thrown. Default: nothing does. */
  readonly signal?: AbortSignal | undefined;
}

/** What a helper keeps. */
export interface HelperSecret {
  readonly serverUrl: string;
  /** `IDENTITY_TOKEN_USER` where the secret is an identity token. */
  readonly username: string;
  readonly secret: string;
}

/** The program of the helper `name`. */
export function helperProgram(name: string): string {
  return `docker-credential-${name}`;
}

/**
 * Asks the program `docker-credential-<name>` for the credential of `serverUrl`. Gives undefined
 * when the helper says it has none.
 *
 * Any other failure throws: `CONFIG` for an unfit name or a missing program, `UNAUTHORIZED` when
 * the helper fails. Going on anonymously would turn it into a puzzling "not found" later.
 */
export async function askCredentialHelper(
  host: Host,
  name: string,
  serverUrl: string,
  options: HelperOptions = {},
): Promise<Credential | undefined> {
  const call = { name, action: "get", about: serverUrl, code: "UNAUTHORIZED" } as const;
  const stdout = await runHelper(host, call, serverUrl, options);
  if (stdout === undefined) return undefined;
  const { Username: username, Secret: secret } = parseObject(stdout) ?? {};
  if (typeof username !== "string" || typeof secret !== "string") throw notUnderstood(call);
  // Some helpers say so that they have none, instead of with the protocol's words.
  if (username === "" && secret === "") return undefined;
  const source = `the helper ${helperProgram(name)}`;
  return username === IDENTITY_TOKEN_USER
    ? { kind: "identityToken", identityToken: secret, source }
    : { kind: "password", username, password: secret, source };
}

/** Gives a helper a secret to keep; throws `CONFIG` when it does not take it. */
export async function storeInHelper(
  host: Host,
  name: string,
  { serverUrl, username, secret }: HelperSecret,
  options: HelperOptions = {},
): Promise<void> {
  const call = { name, action: "store", about: serverUrl, code: "CONFIG" } as const;
  const stdin = JSON.stringify({ ServerURL: serverUrl, Username: username, Secret: secret });
  const stdout = await runHelper(host, call, stdin, options);
  if (stdout === undefined) throw failure(call, NOT_FOUND_MESSAGE);
}

/**
 * Has a helper forget the secret of `serverUrl`. Gives false when it was gone already; throws
 * `CONFIG` when the helper fails.
 */
export async function eraseFromHelper(
  host: Host,
  name: string,
  serverUrl: string,
  options: HelperOptions = {},
): Promise<boolean> {
  const call = { name, action: "erase", about: serverUrl, code: "CONFIG" } as const;
  return await runHelper(host, call, serverUrl, options) !== undefined;
}

/** The user name by server URL of all that a helper keeps; throws `CONFIG` when it fails. */
export async function listHelper(
  host: Host,
  name: string,
  options: HelperOptions = {},
): Promise<ReadonlyMap<string, string>> {
  const call = { name, action: "list", about: "", code: "CONFIG" } as const;
  // Docker's own client sends this word; helpers do not read it.
  const stdout = await runHelper(host, call, "unused", options);
  if (stdout === undefined) return new Map();
  const answer = parseObject(stdout);
  if (!answer) throw notUnderstood(call);
  return new Map(
    Object.entries(answer).map(([url, username]) => {
      if (typeof username !== "string") throw notUnderstood(call);
      return [url, username];
    }),
  );
}

/** One call of a helper. */
interface HelperCall {
  readonly name: string;
  readonly action: "get" | "store" | "erase" | "list";
  /** The server URL, for error messages. */
  readonly about: string;
  /** The code of its failures. */
  readonly code: ErrorCode;
}

/** What the helper printed; undefined when it says that it has no such credentials. */
async function runHelper(
  host: Host,
  call: HelperCall,
  stdin: string,
  { signal }: HelperOptions,
): Promise<string | undefined> {
  const { name, action } = call;
  // The name comes from a file and ends up in a path: anything but a plain word could run
  // another program than the one on PATH.
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name)) {
    throw new RegctlError("CONFIG", `Refused the credential helper name ${JSON.stringify(name)}`, {
      hint: "Write the part behind docker-credential- alone, such as pass or ecr-login",
    });
  }
  const program = helperProgram(name);
  const { exitCode, stdout } = await host.run(program, [action], {
    stdin,
    timeoutMs: HELPER_TIMEOUT_MS,
    maxBytes: MAX_HELPER_BYTES,
    signal,
  }).catch((error: unknown) => {
    if (!(error instanceof RegctlError) || error === signal?.reason) throw error;
    if (error.code !== "NOT_FOUND") throw failure(call, error.message);
    throw new RegctlError("CONFIG", `The credential helper ${program} is not on PATH`, {
      hint:
        `Install it, or remove "${name}" from credHelpers and credsStore in Docker's config.json`,
    });
  });
  if (exitCode === 0) return stdout;
  // A Ctrl-C that ended it is on its way to us, too.
  if (exitCode < 0) await host.clock.sleep(SIGNAL_GRACE_MS, signal);
  // Errors come on standard output, where a success prints its secret.
  const message = stdout.trim();
  if (message === NOT_FOUND_MESSAGE) return undefined;
  // One that fails after it has answered must not have its answer told.
  const said = /^\s*[[{]|"Secret"/i.test(message) ? "" : message.split("\n")[0] ?? "";
  throw failure(call, shorten(said, 200) || `exit code ${exitCode}`);
}

function failure({ name, action, about, code }: HelperCall, reason: string): RegctlError {
  const helper = `he credential helper ${helperProgram(name)} failed`;
  const message = {
    get: `T${helper} for ${about}`,
    store: `Cannot store the credentials of ${about}: t${helper}`,
    erase: `Cannot erase the credentials of ${about}: t${helper}`,
    list: `Cannot list credentials: t${helper}`,
  }[action];
  return new RegctlError(code, `${message}: ${reason}`);
}

function notUnderstood(call: HelperCall): RegctlError {
  return failure(call, "its answer is not understood");
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
