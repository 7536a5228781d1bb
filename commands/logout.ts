import { Command } from "commander";
import { eraseCredential, findOtherHolders } from "../core/auth/credential_store.ts";
import { DOCKER_HUB_CONFIG_KEY, parseRegistry, type Registry } from "../core/reference/registry.ts";
import { parseRepository } from "../core/reference/repository.ts";
import { escapeText } from "../core/render/escape.ts";
import { beginCall } from "./call.ts";
import type { Context } from "./context.ts";
import { createAuthFileOption } from "./options.ts";

interface LogoutOptions {
  readonly authFile?: string;
}

/** `regctl logout [REGISTRY]` */
export function createLogoutCommand(context: Context): Command {
  return new Command("logout")
    .description("Forget the credentials of a registry; it is not asked")
    .argument(
      "[registry]",
      "a registry, such as localhost:5000, or what credentials are for there: quay.io/team",
      "docker.io",
    )
    .addOption(createAuthFileOption("forget what is in this file alone"))
    .action(async (text: string, { authFile }: LogoutOptions) => {
      const { host, diagnostics, abort } = context;
      const { registry, path } = parseScope(text);
      beginCall(context);
      const name = path === undefined ? registry.host : `${registry.host}/${path}`;
      const options = { authFile, path, signal: abort.signal };
      const place = await eraseCredential(host, registry.host, options);
      const what = place ? "Logged out of" : "Not logged in to";
      await host.stdout.write(`${escapeText(`${what} ${name}`)}\n`);
      for (const holder of await findOtherHolders(host, registry.host, options)) {
        diagnostics.note(`${holder.name} still holds credentials of ${holder.registry}`);
      }
    });
}

/** A registry, or a repository of one that is named, too. */
function parseScope(text: string): { readonly registry: Registry; readonly path?: string } {
  const slash = text.replace(/^https?:\/\//, "").replace(/\/$/, "").indexOf("/");
  return slash > 0 && text !== DOCKER_HUB_CONFIG_KEY
    ? parseRepository(text)
    : { registry: parseRegistry(text) };
}
