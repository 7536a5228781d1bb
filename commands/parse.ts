import { Command, Option } from "commander";
import { RegctlError } from "../core/errors.ts";
import { bareRegistryHint, parseReference } from "../core/reference/reference.ts";
import { parseRegistry } from "../core/reference/registry.ts";
import { parseRepository } from "../core/reference/repository.ts";
import { referenceJson, registryJson, repositoryJson } from "../core/reference/client_json.ts";
import { formatJson } from "../core/render/json.ts";
import { formatTable } from "../core/render/table.ts";
import type { Context } from "./context.ts";

interface ParseOptions {
  readonly repo?: true;
  readonly index?: true;
  readonly defaultIndex: string;
  readonly output: "json" | "table";
}

/** `regctl parse [--repo | --index] INPUT` */
export function createParseCommand({ host, diagnostics }: Context): Command {
  return new Command("parse")
    .description("Show what a name means: registry, repository, tag and digest")
    .argument("<ref>", "a name, such as busybox, quay.io/team/app:1.2 or app@sha256:…")
    .addOption(new Option("--repo", "read a repository, without tag and digest").conflicts("index"))
    .addOption(new Option("--index", "read a registry"))
    .addOption(
      new Option("--default-index <registry>", "the registry of a name that names none")
        .default("docker.io"),
    )
    .addOption(
      new Option("-o, --output <format>", "how to print").choices(["json", "table"])
        .default("json"),
    )
    .action(async (input: string, options: ParseOptions) => {
      const parsed = parseAs(input, options);
      if (options.output === "json") await host.stdout.write(formatJson(parsed));
      else await host.stdout.write(await formatTable(["PART", "VALUE"], flatten(parsed)));
      const meant = options.index ? undefined : bareRegistryHint(input);
      if (meant !== undefined) diagnostics.note(meant);
    });
}

function parseAs(input: string, { repo, index, defaultIndex }: ParseOptions) {
  if (index) return registryJson(parseRegistry(input));
  const defaultRegistry = parseDefault(defaultIndex);
  return repo
    ? repositoryJson(parseRepository(input, { defaultRegistry }))
    : referenceJson(parseReference(input, { defaultRegistry }));
}

function parseDefault(text: string) {
  try {
    return parseRegistry(text);
  } catch (error) {
    if (!(error instanceof RegctlError)) throw error;
    throw new RegctlError("USAGE", `--default-index: ${error.message}`, { hint: error.hint });
  }
}

/** `{index: {name: "x"}, tag: "1"}` -> `[["index.name", "x"], ["tag", "1"]]` */
function flatten(value: object, prefix = ""): string[][] {
  return Object.entries(value).flatMap(([key, part]: [string, unknown]) =>
    typeof part === "object" && part !== null
      ? flatten(part, `${prefix}${key}.`)
      : [[`${prefix}${key}`, String(part)]]
  );
}
