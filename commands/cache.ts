import { Argument, Command, Option } from "commander";
import type { CacheSize } from "../core/host.ts";
import { cachePath, ContentCache, MAX_CACHE_BYTES } from "../core/inventory/content_cache.ts";
import { formatFields } from "../core/render/fields.ts";
import { formatJson } from "../core/render/json.ts";
import { formatSize } from "../core/render/size.ts";
import type { Context } from "./context.ts";

const ACTIONS = ["info", "clear"] as const;

/** `regctl cache info|clear` */
export function createCacheCommand(context: Context): Command {
  return new Command("cache")
    .description("Show, or empty, what is kept of manifests and configurations that were read")
    .addArgument(new Argument("<action>", "what to do").choices(ACTIONS))
    .addOption(
      new Option("-o, --output <format>", "how to print").choices(["text", "json"]).default("text"),
    )
    .action((action: typeof ACTIONS[number], { output }: { readonly output: "text" | "json" }) =>
      run(context, action, output)
    );
}

async function run(
  { host }: Context,
  action: typeof ACTIONS[number],
  output: "text" | "json",
): Promise<void> {
  const cache = await ContentCache.open(host);
  const path = cachePath(host);
  const size = (action === "clear" ? cache?.clear() : cache?.measure()) ?? { files: 0, bytes: 0 };
  await host.stdout.write(
    output === "json"
      ? formatJson(toDocument(action, path, size))
      : action === "clear"
      ? `removed ${size.files} files, ${formatSize(size.bytes)}\n`
      : formatFields([
        ["folder", path],
        ["files", String(size.files)],
        ["size", `${formatSize(size.bytes)} of at most ${formatSize(MAX_CACHE_BYTES)}`],
      ]),
  );
}

function toDocument(action: typeof ACTIONS[number], path: string, { files, bytes }: CacheSize) {
  return action === "clear"
    ? { path, removedFiles: files, removedBytes: bytes }
    : { path, files, bytes, maxBytes: MAX_CACHE_BYTES };
}
