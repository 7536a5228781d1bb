import { Command, Option } from "commander";
import { MAX_MANIFEST_BYTES } from "../core/oci/manifest.ts";
import { formatReference } from "../core/reference/reference.ts";
import { pushManifest } from "../core/registry/push_manifest.ts";
import { formatJson } from "../core/render/json.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import { assertOneInput, openInput } from "./input.ts";
import { type RegistryOptions, withRegistryOptions } from "./options.ts";
import { readReference } from "./references.ts";

interface PutManifestOptions extends RegistryOptions {
  readonly mediaType?: string;
  readonly output: "text" | "json";
}

/** `regctl put-manifest REF FILE` */
export function createPutManifestCommand(context: Context): Command {
  return withRegistryOptions(
    new Command("put-manifest")
      .description("Upload a manifest as it is, and print its digest")
      .argument("<ref>", "where to: quay.io/team/app:1.0, or app@sha256:…")
      .argument("<file>", "an image manifest or an index; - is standard input")
      .addOption(
        new Option("--media-type <type>", "of a manifest that does not name its own"),
      )
      .addOption(
        new Option("-o, --output <format>", "how to print").choices(["text", "json"])
          .default("text"),
      ),
  ).action(async (text: string, file: string, options: PutManifestOptions) => {
    const { host, diagnostics } = context;
    const reference = readReference(context, text);
    assertOneInput(file, options);
    const client = await connect(context, reference.repository, options);
    const content = await openInput(context, file, { maxBytes: MAX_MANIFEST_BYTES });
    const bytes = new Uint8Array(await content.arrayBuffer());
    const { referrersTag, ...pushed } = await pushManifest(client, reference, bytes, options);
    if (referrersTag !== undefined) {
      diagnostics.note(`The registry keeps no list of referrers: it is in that of ${referrersTag}`);
    }
    await host.stdout.write(
      options.output === "json"
        ? formatJson({
          reference: formatReference(reference),
          ...pushed,
          ...(referrersTag !== undefined && { referrersTag }),
        })
        : `${pushed.digest}\n`,
    );
  });
}
