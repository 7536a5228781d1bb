import { Command } from "commander";
import { headManifest } from "../core/registry/manifests.ts";
import { findPlatform } from "../core/registry/platforms.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import {
  createPlatformOption,
  readPlatforms,
  type RegistryOptions,
  withRegistryOptions,
} from "./options.ts";
import { readReference } from "./references.ts";

interface DigestOptions extends RegistryOptions {
  readonly platform?: string;
}

/** `regctl digest REF` */
export function createDigestCommand(context: Context): Command {
  return withRegistryOptions(
    new Command("digest")
      .description("Print the digest of a manifest")
      .argument("<ref>", "an image, such as busybox:1.36 or quay.io/team/app")
      .addOption(createPlatformOption()),
  ).action(async (text: string, options: DigestOptions) => {
    const reference = readReference(context, text);
    const platforms = readPlatforms(context.host, options.platform);
    const client = await connect(context, reference.repository, options);
    const { digest } = platforms
      ? (await findPlatform(client, reference, platforms)).descriptor
      : await headManifest(client, reference);
    await context.host.stdout.write(`${digest}\n`);
  });
}
