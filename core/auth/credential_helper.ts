import { RegctlError } from "../errors.ts";
import type { Host } from "../host.ts";
import { type Credential, IDENTITY_TOKEN_USER } from "./credential.ts";

// The protocol's own words for "there is none" (docker-credential-helpers, credentials/error.go).
const NOT_FOUND_MESSAGE = "credentials not found in native keychain";

// A helper may wait for the user to unlock a keychain, or for a cloud's token.
const HELPER_TIMEOUT_MS = 30_000;
const MAX_HELPER_BYTES = 1024 * 1024;

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
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Credential | undefined> {
  // The name comes from a file and ends up in a path: anything but a plain word could run
  // another program than the one on PATH.
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name)) {
    throw new RegctlError("CONFIG", `Refused the credential helper name ${JSON.stringify(name)}`, {
      hint: "Write the part behind docker-credential- alone, such as pass or ecr-login",
    });
  }
  const program = `docker-credential-${name}`;
  const fail = (reason: string) =>
    new RegctlError(
      "UNAUTHORIZED",
      `The credential helper ${program} failed for ${serverUrl}: ${reason}`,
    );
  const { exitCode, stdout } = await host.run(program, ["get"], {
    stdin: serverUrl,
    timeoutMs: HELPER_TIMEOUT_MS,
    maxBytes: MAX_HELPER_BYTES,
    signal,
  }).catch((error: unknown) => {
    if (!(error instanceof RegctlError) || error === signal?.reason) throw error;
    if (error.code !== "NOT_FOUND") throw fail(error.message);
    throw new RegctlError("CONFIG", `The credential helper ${program} is not on PATH`, {
      hint:
        `Install it, or remove "${name}" from credHelpers and credsStore in Docker's config.json`,
    });
  });
  if (exitCode !== 0) {
    // Errors come on standard output, where a success prints its secret.
    const message = stdout.trim();
    if (message === NOT_FOUND_MESSAGE) return undefined;
    throw fail(message.split("\n")[0]?.slice(0, 200) || `exit code ${exitCode}`);
  }
  const { username, secret } = parseAnswer(stdout) ?? {};
  if (username === undefined || secret === undefined) throw fail("its answer is not understood");
  // Some helpers say so that they have none, instead of with the protocol's words.
  if (username === "" && secret === "") return undefined;
  const source = `the helper ${program}`;
  return username === IDENTITY_TOKEN_USER
    ? { kind: "identityToken", identityToken: secret, source }
    : { kind: "password", username, password: secret, source };
}

function parseAnswer(text: string): { username: string; secret: string } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { Username: username, Secret: secret } = value as Record<string, unknown>;
    return typeof username === "string" && typeof secret === "string"
      ? { username, secret }
      : undefined;
  } catch {
    return undefined;
  }
}
