import { IDENTITY_TOKEN_USER, type LoginCredential } from "../core/auth/credential.ts";
import { RegctlError } from "../core/errors.ts";
import type { Registry } from "../core/reference/registry.ts";
import { escapeText } from "../core/render/escape.ts";
import { untilCallEnds } from "./call.ts";
import type { Context } from "./context.ts";
import type { RegistryOptions } from "./options.ts";

const MAX_PASSWORD_BYTES = 64 * 1024;

/** The flags that say who asks. */
export type CredentialFlags = Pick<RegistryOptions, "username" | "password" | "passwordStdin">;

/**
 * The credential of `-u` with `-p`, `--password-stdin` or a question; undefined without `-u`.
 * Throws `USAGE` when they do not fit together, or when nobody can be asked.
 */
export async function readCredentialFlags(
  context: Context,
  { username, password, passwordStdin }: CredentialFlags,
): Promise<LoginCredential | undefined> {
  const { diagnostics, secrets } = context;
  if (password !== undefined) {
    secrets.add(password);
    diagnostics.warn(
      "-p shows the password to other users of this machine; --password-stdin does not",
    );
    if (passwordStdin) throw new RegctlError("USAGE", "Give -p or --password-stdin, not both");
  }
  if (username === undefined) {
    if (password === undefined && !passwordStdin) return undefined;
    throw new RegctlError("USAGE", "A password needs a user name", { hint: "Add -u USER" });
  }
  if (username === "") throw new RegctlError("USAGE", "The user name is empty");
  if (username.includes(":")) {
    // The header cannot hold one (RFC 7617 §2).
    throw new RegctlError("USAGE", "A user name must not hold a colon");
  }
  const source = password !== undefined ? "-p" : passwordStdin ? "--password-stdin" : "the prompt";
  const secret = password ?? await readPassword(context, username, passwordStdin);
  if (secret === "") throw new RegctlError("USAGE", `The password from ${source} is empty`);
  secrets.add(secret);
  return username === IDENTITY_TOKEN_USER
    ? { kind: "identityToken", identityToken: secret, source }
    : { kind: "password", username, password: secret, source };
}

/** Throws `USAGE` where one user name would be sent to several registries. */
export function assertOneRegistry(
  registries: readonly Registry[],
  { username }: CredentialFlags,
): void {
  const hosts = new Set(registries.map(({ host }) => host));
  if (username === undefined || hosts.size < 2) return;
  throw new RegctlError("USAGE", `-u names one user, but there are ${hosts.size} registries`, {
    hint: "Log in to each with regctl login, or call it once for each",
  });
}

async function readPassword(
  context: Context,
  username: string,
  fromStdin: true | undefined,
): Promise<string> {
  const { host } = context;
  if (fromStdin && host.stdinIsTerminal) {
    throw new RegctlError("USAGE", "--password-stdin reads from a pipe, not from a terminal", {
      hint: "Leave it out to be asked",
    });
  }
  if (fromStdin) {
    const text = await untilCallEnds(context, host.readStdin(MAX_PASSWORD_BYTES));
    return text.replace(/\r?\n$/, "");
  }
  if (host.stdinIsTerminal) {
    const question = `Password for ${escapeText(username)}`;
    return await untilCallEnds(context, host.askPassword(question));
  }
  throw new RegctlError("USAGE", "A user name needs a password", {
    hint: "Pipe it in with --password-stdin",
  });
}
