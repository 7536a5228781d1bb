import { Command, Option } from "commander";
import { RegctlError } from "../core/errors.ts";
import { isIndexType } from "../core/oci/media_types.ts";
import { formatPlatform } from "../core/oci/platform.ts";
import { tryParseJson } from "../core/oci/try_parse_json.ts";
import { formatReference, type Reference } from "../core/reference/reference.ts";
import { getBlob, MAX_CONFIG_BYTES } from "../core/registry/blobs.ts";
import type { RegistryClient } from "../core/registry/client.ts";
import { getManifest, type ManifestContent } from "../core/registry/manifests.ts";
import { findPlatform } from "../core/registry/platforms.ts";
import { formatJson } from "../core/render/json.ts";
import { formatRaw } from "../core/render/raw.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import {
  createPlatformOption,
  readPlatforms,
  type RegistryOptions,
  withRegistryOptions,
} from "./options.ts";
import { readReference } from "./references.ts";

interface ConfigOptions extends RegistryOptions {
  readonly platform?: string;
  readonly output: "json" | "raw";
}

/** `regctl config REF` */
export function createConfigCommand(context: Context): Command {
  return withRegistryOptions(
    new Command("config")
      .description("Print the configuration of an image")
      .argument("<ref>", "an image, such as busybox:1.36 or quay.io/team/app@sha256:…")
      .addOption(createPlatformOption())
      .addOption(
        new Option("-o, --output <format>", "json: indented; raw: the very bytes")
          .choices(["json", "raw"]).default("json"),
      ),
  ).action((text: string, options: ConfigOptions) => run(context, text, options));
}

async function run(context: Context, text: string, options: ConfigOptions): Promise<void> {
  const reference = readReference(context, text);
  const client = await connect(context, reference.repository, options);
  const { manifest: { config } } = await getImage(context, client, reference, options);
  if (!config) {
    throw new RegctlError("NOT_FOUND", `"${formatReference(reference)}" has no configuration`);
  }
  const bytes = await getBlob(client, reference.repository, config, MAX_CONFIG_BYTES);
  const { stdout } = context.host;
  if (options.output === "raw") return await stdout.write(formatRaw(bytes, stdout.isTerminal));
  const document = tryParseJson(bytes);
  if (document === undefined) {
    throw new RegctlError(
      "INVALID_RESPONSE",
      `The configuration of "${formatReference(reference)}" is not JSON, or nested too deeply`,
      { hint: "Print it as it is with -o raw" },
    );
  }
  await stdout.write(formatJson(document));
}

/** The image for `--platform`; of an index without that flag, the one for this machine. */
async function getImage(
  { host, diagnostics }: Context,
  client: RegistryClient,
  reference: Reference,
  { platform }: ConfigOptions,
): Promise<ManifestContent> {
  const given = readPlatforms(host, platform);
  const content = given ? undefined : await getManifest(client, reference);
  if (content && !isIndexType(content.descriptor.mediaType)) return content;
  const platforms = given ?? host.platforms;
  const image = await findPlatform(client, reference, platforms, content);
  if (!given) {
    const names = platforms.map(formatPlatform).join(" or ");
    diagnostics.note(`It is an index: this is its image for ${names}; --platform chooses another`);
  }
  const { descriptor } = image;
  return image.content ?? await getManifest(client, image.reference, { descriptor });
}
