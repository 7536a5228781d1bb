import { Command } from "commander";
import { eraseCredential, findOtherHolders } from "../core/auth/credential_store.ts";
import { parseRegistry } from "../core/reference/registry.ts";
import { escapeText } from "../core/render/escape.ts";
import type { Context } from "./context.ts";
import { createAuthFileOption } from "./options.ts";

interface LogoutOptions {
  readonly authFile?: string;
}

/** `regctl logout [REGISTRY]` */
export function createLogoutCommand(context: Context): Command {
  return new Command("logout")
    .description("Forget the credentials of a registry; it is not asked")
    .argument("[registry]", "a registry, such as localhost:5000", "docker.io")
    .addOption(createAuthFileOption("forget what is in this file alone"))
    .action(async (text: string, { authFile }: LogoutOptions) => {
      const { host, diagnostics, abort } = context;
      const registry = parseRegistry(text);
      const options = { authFile, signal: abort.signal };
      const place = await eraseCredential(host, registry.host, options);
      const what = place ? "Logged out of" : "Not logged in to";
      await host.stdout.write(`${escapeText(`${what} ${registry.host}`)}\n`);
      for (const { name } of await findOtherHolders(host, registry.host, options)) {
        diagnostics.note(`${name} still holds credentials of ${registry.host}`);
      }
    });
}
