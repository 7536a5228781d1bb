import assert from "node:assert/strict";
import type { CapturedRunOptions } from "../support/capture_host.ts";
import { startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { blobStep, type Content, manifestStep, serve } from "./oci_content.ts";
import { type ContractRun, page, runOn } from "./run_against.ts";

/** A home and a registry, so that one run finds what another one kept. */
export interface Home {
  readonly path: string;
  /** Where the cache is. */
  readonly cache: string;
  /** Runs the program in it, against a script that must be used to its end; the host stays the same. */
  run(
    script: readonly Step[],
    words: readonly string[],
    options?: CapturedRunOptions,
  ): Promise<ContractRun>;
}

/** Does something in a home of its own. */
export async function atHome(action: (home: Home) => Promise<void>): Promise<void> {
  await using folder = await createTempFolder();
  await using registry = await startScriptedRegistry([]);
  const path = folder.join("home");
  await action({
    path,
    cache: `${path}/.cache/regctl/content`,
    run: (script, words, options = {}) => {
      registry.extend(script);
      return runOn(registry, words, { ...options, env: { HOME: path, ...options.env } });
    },
  });
}

/** Runs `tags HOST/app` with these words behind it, in a home of its own. */
export async function tagsAlone(
  script: readonly Step[],
  words: readonly string[],
  options: CapturedRunOptions = {},
): Promise<ContractRun> {
  let run: ContractRun | undefined;
  await atHome(async (home) => {
    run = await home.run(script, ["tags", "HOST/app", ...words], options);
  });
  assert.ok(run);
  return run;
}

/** A HEAD request for a manifest, and its answer. */
export function headStep(name: string, manifest: Content, more: Partial<Step> = {}): Step {
  const { headers } = serve(manifest);
  const length = { "content-length": String(manifest.size) };
  return {
    method: "HEAD",
    path: `/v2/app/manifests/${name}`,
    reply: { status: 200, headers: { ...headers, ...length } },
    ...more,
  };
}

/** The requests of a first run: a page, a GET a tag, each further manifest and each configuration. */
export function firstRun(
  tags: Readonly<Record<string, Content>>,
  { inner = [], configs = [] }: {
    readonly inner?: readonly Content[];
    readonly configs?: readonly Content[];
  } = {},
): Step[] {
  return [
    page(Object.keys(tags)),
    ...Object.entries(tags).map(([tag, manifest]) => manifestStep(tag, serve(manifest))),
    ...inner.map((manifest) => manifestStep(manifest.digest, serve(manifest))),
    ...configs.map((config) => blobStep(config)),
  ];
}

/** The requests of a later run: a page, and a HEAD a tag. */
export function laterRun(tags: Readonly<Record<string, Content>>): Step[] {
  return [
    page(Object.keys(tags)),
    ...Object.entries(tags).map(([tag, manifest]) => headStep(tag, manifest)),
  ];
}

/** A row of `-l -o json`. */
export interface RowDocument {
  readonly tag: string;
  readonly reference: string;
  readonly digest?: string;
  readonly mediaType?: string;
  readonly created?: string;
  readonly pushed?: string;
  readonly size?: number;
  readonly platforms?: readonly string[];
  readonly artifactType?: string;
  readonly image?: { readonly platform: string; readonly digest: string };
  readonly error?: { readonly code: string; readonly message: string };
}

/** The rows of a run with `-o json` or `-o ndjson`. */
export function rowsOf({ stdout }: ContractRun): readonly RowDocument[] {
  if (stdout.startsWith("[")) return JSON.parse(stdout);
  return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

/** The tags of a run with `-o json` or `-o ndjson`, in order. */
export function tagsOfRows(run: ContractRun): readonly string[] {
  return rowsOf(run).map(({ tag }) => tag);
}
