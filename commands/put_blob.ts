import { Command, InvalidArgumentError, Option } from "commander";
import { parseByteSize } from "../core/byte_size.ts";
import { formatRepository } from "../core/reference/repository.ts";
import { pushBlob } from "../core/registry/push_blob.ts";
import { formatJson } from "../core/render/json.ts";
import { formatProgress } from "../core/render/progress.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import { assertOneInput, openInput } from "./input.ts";
import { type RegistryOptions, withRegistryOptions } from "./options.ts";
import { readRepository } from "./references.ts";

interface PutBlobOptions extends RegistryOptions {
  readonly algorithm: "sha256" | "sha512";
  readonly chunkSize?: number;
  readonly output: "text" | "json";
}

/** `regctl put-blob REPO FILE` */
export function createPutBlobCommand(context: Context): Command {
  return withRegistryOptions(
    new Command("put-blob")
      .description("Upload a blob, unless it is there, and print its digest")
      .argument("<repo>", "a repository, such as quay.io/team/app")
      .argument("<file>", "the content; - is standard input")
      .addOption(
        new Option("--algorithm <name>", "of the digest").choices(["sha256", "sha512"])
          .default("sha256"),
      )
      .addOption(
        new Option(
          "--chunk-size <size>",
          "send pieces of this size, e.g. 8MiB; 0 sends one piece (default: 16MiB above 64MiB)",
        ).argParser(parseChunkSize),
      )
      .addOption(
        new Option("-o, --output <format>", "how to print").choices(["text", "json"])
          .default("text"),
      ),
  ).action(async (name: string, file: string, options: PutBlobOptions) => {
    const { host, diagnostics } = context;
    const repository = readRepository(context, name);
    assertOneInput(file, options);
    const client = await connect(context, repository, options);
    const content = await openInput(context, file);
    const startedAt = host.clock.now();
    const pushed = await pushBlob(client, repository, content, {
      ...options,
      clock: host.clock,
      notify: (note) => diagnostics.note(note),
      onProgress: (bytes) => {
        const elapsedMs = host.clock.now() - startedAt;
        diagnostics.progress(formatProgress({ bytes, totalBytes: content.size, elapsedMs }));
      },
    });
    diagnostics.clearProgress();
    if (pushed.alreadyThere) diagnostics.note("It is there already: nothing was sent");
    await host.stdout.write(
      options.output === "json"
        ? formatJson({ repository: formatRepository(repository), ...pushed })
        : `${pushed.digest}\n`,
    );
  });
}

function parseChunkSize(value: string): number {
  try {
    return parseByteSize(value);
  } catch {
    throw new InvalidArgumentError("Write 8MiB, 512KiB, 1GiB, or a number of bytes.");
  }
}
