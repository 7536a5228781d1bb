import { Command, InvalidArgumentError, Option } from "commander";
import { RegctlError } from "../core/errors.ts";
import type { ByteRange } from "../core/http/range.ts";
import type { Reference } from "../core/reference/reference.ts";
import { formatRepository } from "../core/reference/repository.ts";
import { type BlobContent, headBlob, readBlob } from "../core/registry/blobs.ts";
import { formatFields } from "../core/render/fields.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import { type RegistryOptions, withRegistryOptions } from "./options.ts";
import { readReference } from "./references.ts";

// Often enough to look alive, too rarely to cost anything.
const PROGRESS_EVERY_MS = 200;

const STANDARD_OUTPUT = "-";

interface BlobOptions extends RegistryOptions {
  readonly output?: string;
  readonly head?: true;
  readonly range?: ByteRange;
}

/** `regctl blob REPO@DIGEST` */
export function createBlobCommand(context: Context): Command {
  return withRegistryOptions(
    new Command("blob")
      .description("Fetch a blob, such as a layer, and verify it")
      .argument("<blob>", "a repository and a digest: busybox@sha256:…")
      .addOption(
        // Without a letter: -o is the format everywhere else.
        new Option("--output <file>", "write it here, once it is whole and verified; - is a pipe")
          .argParser(parseFile),
      )
      .addOption(
        new Option("--head", "print digest and size, without fetching it")
          .conflicts(["output", "range"]),
      )
      .addOption(
        new Option(
          "--range <first-last>",
          "only these bytes, counted from 0, which are not verified",
        )
          .argParser(parseRange),
      ),
  ).action((text: string, options: BlobOptions) => run(context, text, options));
}

async function run(context: Context, text: string, options: BlobOptions): Promise<void> {
  const { stdout } = context.host;
  const reference = readReference(context, text);
  const { repository } = reference;
  const digest = digestOf(reference);
  const { head, output, range } = options;
  const isFile = output !== undefined && output !== STANDARD_OUTPUT;
  if (!head && !isFile && stdout.isTerminal) {
    throw new RegctlError("USAGE", "A blob is no text for a terminal", {
      hint: "Write it to a file with --output FILE, or send it through a pipe",
    });
  }
  const client = await connect(context, repository, options);
  if (head) {
    const { size } = await headBlob(client, repository, digest);
    await stdout.write(formatFields([["digest", digest], ["size", size?.toString() ?? "unknown"]]));
    return;
  }
  // Begun first: a file that cannot be written is known before anything is fetched.
  const file = isFile ? await context.host.createFile(output) : undefined;
  try {
    const content = await readBlob(client, repository, digest, { range });
    for await (const piece of withProgress(context, content)) {
      await (file ?? stdout).write(piece);
    }
    await file?.commit();
  } finally {
    file?.discard();
  }
}

function digestOf({ repository, tag, digest }: Reference): string {
  const name = formatRepository(repository);
  if (digest !== undefined && tag === undefined) return digest;
  throw new RegctlError("USAGE", "A blob is named by a repository and a digest alone", {
    hint: digest === undefined
      ? `Look for its digest with regctl manifest ${name}:${tag}, and write ${name}@sha256:…`
      : `Write ${name}@${digest}`,
  });
}

async function* withProgress(
  { diagnostics, host: { clock } }: Context,
  { pieces, size }: BlobContent,
): AsyncGenerator<Uint8Array> {
  const { formatProgress } = await import("../core/render/progress.ts");
  const startedAt = clock.now();
  let shownAt = startedAt;
  let bytes = 0;
  try {
    for await (const piece of pieces) {
      yield piece;
      bytes += piece.byteLength;
      const now = clock.now();
      if (now - shownAt < PROGRESS_EVERY_MS) continue;
      shownAt = now;
      const elapsedMs = now - startedAt;
      diagnostics.progress(formatProgress({ bytes, totalBytes: size, elapsedMs }));
    }
  } finally {
    diagnostics.clearProgress();
  }
}

function parseFile(value: string): string {
  if (value !== "") return value;
  throw new InvalidArgumentError("Name a file.");
}

/** Reads `first-last` or `first-`, both included. */
function parseRange(value: string): ByteRange {
  const [, first = "", last = ""] = /^(\d{1,15})-(\d{0,15})$/.exec(value) ?? [];
  if (first === "" || (last !== "" && Number(last) < Number(first))) {
    throw new InvalidArgumentError("Write the first and the last byte, as in 0-1023, or 1024-.");
  }
  return { first: Number(first), ...(last !== "" && { last: Number(last) }) };
}
