import { Command, Option } from "commander";
import { IDENTITY_TOKEN_USER } from "../core/auth/credential.ts";
import { findOtherHolders, storeCredential } from "../core/auth/credential_store.ts";
import { listCredentials, type StoredCredential } from "../core/auth/list_credentials.ts";
import { RegctlError } from "../core/errors.ts";
import { DOCKER_HUB, parseRegistry, type Registry } from "../core/reference/registry.ts";
import { checkCredential } from "../core/registry/login.ts";
import { escapeText } from "../core/render/escape.ts";
import { formatJson } from "../core/render/json.ts";
import { formatTable } from "../core/render/table.ts";
import { beginCall, untilCallEnds } from "./call.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import { readCredentialFlags } from "./credential_flags.ts";
import { type RegistryOptions, withRegistryOptions } from "./options.ts";

interface LoginOptions extends RegistryOptions {
  readonly list?: true;
  readonly output: "table" | "json";
}

const KINDS: Readonly<Record<StoredCredential["kind"], string>> = {
  password: "",
  identityToken: " (identity token)",
  registryToken: " (registry token)",
};

/** `regctl login [REGISTRY]` */
export function createLoginCommand(context: Context): Command {
  return withRegistryOptions(
    new Command("login")
      .description("Check credentials with a registry, and store them where Docker does")
      .argument("[registry]", "a registry, such as localhost:5000 (default: docker.io)")
      .addOption(
        new Option("--list", "list what is stored, and where, without any secret")
          .conflicts(["username", "password", "passwordStdin"]),
      )
      .addOption(
        new Option("-o, --output <format>", "how to print").choices(["table", "json"])
          .default("table"),
      ),
    { authFile: "keep credentials in this file alone" },
  ).action(async (text: string | undefined, options: LoginOptions) => {
    const registry = text === undefined ? undefined : parseRegistry(text);
    beginCall(context, options.timeout);
    if (options.list) await printList(context, registry, options);
    else await logIn(context, registry ?? DOCKER_HUB, options);
  });
}

async function logIn(context: Context, registry: Registry, options: LoginOptions): Promise<void> {
  const { host, diagnostics, abort } = context;
  const credential = await readCredentialFlags(context, {
    ...options,
    username: options.username ??
      await untilCallEnds(context, askUsername(context, registry, options)),
  });
  if (!credential) throw new TypeError("a user name makes a credential");
  const client = await connect(context, { registry }, options, { credential });
  if (!await checkCredential(client)) {
    diagnostics.warn(
      `${registry.host} asks for no credentials, so these could not be checked`,
    );
  }
  const stores = { authFile: options.authFile, signal: abort.signal };
  const { path, helper } = await storeCredential(host, registry.host, credential, stores);
  const username = credential.kind === "password" ? credential.username : IDENTITY_TOKEN_USER;
  await host.stdout.write(
    options.output === "json"
      ? formatJson({ registry: registry.host, username, source: path, helper: helper ?? null })
      : `${escapeText(`Logged in to ${registry.host} as ${username}`)}\n`,
  );
  diagnostics.note(
    helper === undefined
      ? `The ${
        credential.kind === "password" ? "password" : "token"
      } is in ${path}, not encrypted; ` +
        "a helper named there as credsStore or in credHelpers would keep it safer"
      : `${helper} keeps the credentials, as ${path} says`,
  );
  for (const holder of await findOtherHolders(host, registry.host, stores)) {
    if (!holder.goesFirst) continue;
    diagnostics.warn(`${holder.name} holds credentials of ${holder.registry}, too, and goes first`);
  }
}

async function askUsername(
  { host }: Context,
  registry: Registry,
  { password, passwordStdin }: LoginOptions,
): Promise<string | undefined> {
  // What is wrong with these flags is said where they are read.
  if (password !== undefined || passwordStdin) return undefined;
  if (!host.stdinIsTerminal) {
    throw new RegctlError("USAGE", "A log-in needs a user name", {
      hint: "Add -u USER --password-stdin",
    });
  }
  return await host.ask(`User name for ${registry.host}`);
}

async function printList(
  { host, diagnostics, abort }: Context,
  registry: Registry | undefined,
  { authFile, output }: LoginOptions,
): Promise<void> {
  const all = await listCredentials(host, {
    authFile,
    signal: abort.signal,
    onHelperFailure: ({ message }) => diagnostics.warn(message),
  });
  const prefix = registry?.host.toLowerCase();
  const credentials = all.filter((it) =>
    prefix === undefined || it.registry === prefix || it.registry.startsWith(`${prefix}/`)
  );
  if (output === "json") {
    const documents = credentials.map(({ username = null, helper = null, isUsed, ...more }) => ({
      registry: more.registry,
      username,
      kind: more.kind,
      source: more.source,
      helper,
      used: isUsed,
    }));
    await host.stdout.write(formatJson({ credentials: documents }));
    return;
  }
  const rows = credentials.filter(({ isUsed }) => isUsed).map((it) => [
    it.registry,
    it.username ?? "",
    `${it.helper ?? it.source}${KINDS[it.kind]}`,
  ]);
  await host.stdout.write(await formatTable(["REGISTRY", "USER", "SOURCE"], rows));
}
