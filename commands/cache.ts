import { Argument, Command, Option } from "commander";
import { RegctlError } from "../core/errors.ts";
import { cachePath, ContentCache, MAX_CACHE_BYTES } from "../core/inventory/content_cache.ts";
import { formatFields } from "../core/render/fields.ts";
import { formatJson } from "../core/render/json.ts";
import { formatSize } from "../core/render/size.ts";
import type { Context } from "./context.ts";

const ACTIONS = ["info", "clear"] as const;

interface CacheOptions {
  readonly output: "text" | "json";
}

/** `regctl cache [info|clear]` */
export function createCacheCommand(context: Context): Command {
  return new Command("cache")
    .description(
      "Show, or empty, what is kept of manifests and configurations that were read: content by " +
        "its digest, which never changes; where a tag points is asked each time",
    )
    .addArgument(new Argument("[action]", "what to do").choices(ACTIONS).default("info"))
    .addOption(
      new Option("-o, --output <format>", "how to print").choices(["text", "json"]).default("text"),
    )
    .action((action: typeof ACTIONS[number], options: CacheOptions) =>
      action === "info" ? showInfo(context, options) : clear(context, options)
    );
}

async function showInfo({ host }: Context, { output }: CacheOptions): Promise<void> {
  const path = cachePath(host);
  const { files, bytes } = (await open({ host })).measure();
  await host.stdout.write(
    output === "json"
      ? formatJson({ path, files, bytes, maxBytes: MAX_CACHE_BYTES })
      : formatFields([
        ["path", path],
        ["files", String(files)],
        ["size", `${formatSize(bytes)} of at most ${formatSize(MAX_CACHE_BYTES)}`],
      ]),
  );
}

async function clear({ host }: Context, { output }: CacheOptions): Promise<void> {
  const path = cachePath(host);
  const { files, bytes, failed } = (await open({ host })).clear();
  await host.stdout.write(
    output === "json"
      ? formatJson({ path, files, bytes })
      : `removed: ${formatSize(bytes)}, files: ${files}\n`,
  );
  if (failed === 0) return;
  throw new RegctlError("PARTIAL", `Cannot remove ${failed} of ${files + failed} files in ${path}`);
}

async function open({ host }: Pick<Context, "host">): Promise<ContentCache> {
  const cache = await ContentCache.open(host);
  if (cache) return cache;
  throw new RegctlError(
    "CONFIG",
    `Cannot use ${cachePath(host)} as a cache: it is no folder, or belongs to another user`,
  );
}
