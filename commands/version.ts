import { Command } from "commander";
import { VERSION } from "../core/version.ts";
import type { Context } from "./context.ts";

/** `regctl version` */
export function createVersionCommand({ host }: Context): Command {
  return new Command("version")
    .description("Print the version")
    .action(() => host.stdout.write(`regctl ${VERSION}\n`));
}
