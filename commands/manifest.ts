import { Command, Option } from "commander";
import type { Descriptor } from "../core/oci/manifest.ts";
import { formatReference, type Reference } from "../core/reference/reference.ts";
import type { RegistryClient } from "../core/registry/client.ts";
import { describeManifest } from "../core/registry/description.ts";
import { getManifest, headManifest, type ManifestContent } from "../core/registry/manifests.ts";
import { findPlatform } from "../core/registry/platforms.ts";
import { formatFields } from "../core/render/fields.ts";
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

interface ManifestOptions extends RegistryOptions {
  readonly platform?: string;
  readonly head?: true;
  readonly output: "raw" | "json" | "table";
}

/** `regctl manifest REF` */
export function createManifestCommand(context: Context): Command {
  return withRegistryOptions(
    new Command("manifest")
      .description("Print the manifest of an image, or of an index of images")
      .argument("<ref>", "an image, such as busybox:1.36 or quay.io/team/app@sha256:…")
      .addOption(createPlatformOption())
      .option("--head", "print digest, media type and size, without fetching it")
      .addOption(
        new Option("-o, --output <format>", "raw: the very bytes; table: for people")
          .choices(["raw", "json", "table"]).default("raw"),
      ),
  ).action((text: string, options: ManifestOptions) => run(context, text, options));
}

async function run(context: Context, text: string, options: ManifestOptions): Promise<void> {
  const { stdout } = context.host;
  const { head, output } = options;
  const reference = readReference(context, text);
  const client = await connect(context, reference.repository, options);
  const platforms = readPlatforms(context.host, options.platform);
  const chosen = platforms && await findPlatform(client, reference, platforms);
  if (head) {
    const descriptor = chosen?.descriptor ?? await headManifest(client, reference);
    await stdout.write(formatHead(reference, descriptor, output));
    return;
  }
  const content = chosen?.content ??
    await getManifest(client, chosen?.reference ?? reference, { descriptor: chosen?.descriptor });
  await stdout.write(await format(client, reference, content, output, stdout.isTerminal));
}

async function format(
  client: RegistryClient,
  reference: Reference,
  content: ManifestContent,
  output: ManifestOptions["output"],
  isTerminal: boolean,
): Promise<string | Uint8Array> {
  switch (output) {
    case "raw":
      return formatRaw(content.bytes, isTerminal);
    case "json":
      return formatJson(JSON.parse(new TextDecoder().decode(content.bytes)));
    case "table": {
      const { formatManifest } = await import("../core/render/manifest.ts");
      return await formatManifest(await describeManifest(client, reference, content));
    }
  }
}

function formatHead(
  reference: Reference,
  { digest, mediaType, size }: Descriptor,
  output: ManifestOptions["output"],
): string {
  return output === "json"
    ? formatJson({ reference: formatReference(reference), digest, mediaType, size })
    : formatFields([["digest", digest], ["media type", mediaType], ["size", String(size)]]);
}
