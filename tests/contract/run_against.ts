import assert from "node:assert/strict";
import { type CapturedRun, type CapturedRunOptions, runCaptured } from "../support/capture_host.ts";
import {
  type ScriptedRegistry,
  startScriptedRegistry,
  type Step,
} from "../support/scripted_registry.ts";
import type { Reply } from "../support/scripted_reply.ts";

/** What a run against a scripted registry left behind. */
export interface ContractRun extends CapturedRun {
  /** Each request that arrived, as `GET /v2/`. */
  readonly requests: readonly string[];
}

/**
 * Runs the program in this process against a registry that follows `script` to its end. `HOST`
 * stands for the registry's host and port: in the words, and in all that was written, where also
 * `N ms` stands for any time.
 */
export async function runAgainst(
  script: readonly Step[],
  words: readonly string[],
  options: CapturedRunOptions = {},
): Promise<ContractRun> {
  await using registry = await startScriptedRegistry(script);
  return await runOn(registry, words, options);
}

/** Does the same with a registry that runs already; of the requests, those of this run are given. */
export async function runOn(
  registry: ScriptedRegistry,
  words: readonly string[],
  options: CapturedRunOptions = {},
): Promise<ContractRun> {
  const { length } = registry.requests;
  const args = words.map((word) => word.replaceAll("HOST", registry.host));
  const run = await runCaptured(args, options);
  registry.assertDone();
  const generalize = (text: string) =>
    text.replaceAll(registry.host, "HOST").replace(/\b\d+ ms\b/g, "N ms");
  return {
    ...run,
    stdout: generalize(run.stdout),
    stderr: generalize(run.stderr),
    requests: registry.requests.slice(length).map(({ method, path }) => `${method} ${path}`),
  };
}

/** Holds what a run wrote, and how it ended, against what is expected. */
export function assertRun(
  run: CapturedRun,
  expected: { readonly exitCode: number; readonly stdout: string; readonly stderr: string },
): void {
  const { exitCode, stdout, stderr } = run;
  assert.deepEqual({ exitCode, stdout, stderr }, expected);
}

/** The words that list the tags of the scripted repository, with more behind them. */
export function tagsOf(...more: readonly string[]): string[] {
  return ["tags", "HOST/app", ...more];
}

/** What standard error says when the listing of `HOST/app` has no honest end. */
export function incomplete(reason: string): string {
  return `error: Cannot list the tags of "HOST/app" completely: ${reason}\n` +
    "hint: Tell who runs the registry; --sort none prints the names as they arrive\n";
}

/** The path of the first page of `HOST/app`. */
export const TAGS_PATH = "/v2/app/tags/list";

/** What {@linkcode page} takes beside the entries. */
export interface PageOptions {
  /** The `Link` header, in which `HOST` stands for the registry. Default: none. */
  readonly link?: string;
  /** Path and query of the request. Default: {@linkcode TAGS_PATH}. */
  readonly path?: string;
}

/** A page of tags. */
export function page(tags: readonly unknown[], options: PageOptions = {}): Step {
  return answer({ status: 200, body: { name: "app", tags } }, options);
}

/** Any answer to the request for a page of tags. */
export function answer(reply: Reply, { link, path = TAGS_PATH }: PageOptions = {}): Step {
  if (link === undefined) return { method: "GET", path, reply };
  return {
    method: "GET",
    path,
    replyWith: ({ headers }) => ({
      ...reply,
      headers: { ...reply.headers, link: link.replaceAll("HOST", headers["host"] ?? "") },
    }),
  };
}
