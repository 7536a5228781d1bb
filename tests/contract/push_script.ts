import { createHash } from "node:crypto";
import { type CapturedRun, type CapturedRunOptions, runCaptured } from "../support/capture_host.ts";
import {
  type RecordedRequest,
  type ScriptedRegistry,
  startScriptedRegistry,
  type Step,
} from "../support/scripted_registry.ts";
import type { Reply } from "../support/scripted_reply.ts";
import { createTempFolder } from "../support/temp_folder.ts";

/** What is pushed in most tests: every byte tells where it stood. */
export const CONTENT = "0123456789";
/** Its digest. */
export const DIGEST = sha256(CONTENT);
/** Where an upload begins. */
export const UPLOADS = "/v2/app/blobs/uploads/";

/** The digest of text or bytes. */
export function sha256(content: string | Uint8Array): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

/** The question for the blob, and that it is not there. */
export function absent(digest = DIGEST): Step {
  return { method: "HEAD", path: `/v2/app/blobs/${digest}`, reply: { status: 404 } };
}

/** The begin of an upload that goes on at `location`, in which `HOST` is the registry. */
export function begin(location: string, headers: Readonly<Record<string, string>> = {}): Step {
  return {
    method: "POST",
    path: UPLOADS,
    replyWith: (request) => ({
      status: 202,
      headers: { ...headers, location: location.replaceAll("HOST", request.headers["host"] ?? "") },
    }),
  };
}

/** A chunk, and where the next one goes. */
export function chunk(path: string, location: string, more: Partial<Step> = {}): Step {
  return { method: "PATCH", path, reply: { status: 202, headers: { location } }, ...more };
}

/** The question how much is there: the last byte, or an answer of another kind. */
export function received(path: string, last: number | Reply, location = path): Step {
  const reply = typeof last === "number"
    ? { status: 204, headers: { location, range: `0-${last}` } }
    : last;
  return { method: "GET", path, reply };
}

/** The end of an upload at `path`, to which the digest is added. */
export function finish(path: string, reply: Reply = { status: 201 }, digest = DIGEST): Step {
  return { method: "PUT", path: `${path}${path.includes("?") ? "&" : "?"}digest=${digest}`, reply };
}

/** The end that a client asks for when it gives up. */
export function cancel(path: string): Step {
  return { method: "DELETE", path, reply: { status: 204 } };
}

/** What a push left behind. `HOST` stands for the registry. */
export interface PushRun extends CapturedRun {
  /** `PATCH /up/1 0-3 0123`: method, path, Content-Range, body. */
  readonly log: readonly string[];
  readonly requests: readonly RecordedRequest[];
}

/** What {@linkcode push} takes beside the script. */
export interface PushOptions extends CapturedRunOptions {
  /** Words behind the file. Default: none. */
  readonly words?: readonly string[];
  /** What the file holds. Default: {@linkcode CONTENT}. */
  readonly content?: string | Uint8Array;
}

/** Pushes a file with `put-blob` to `app` of a registry that follows the script to its end. */
export async function push(script: readonly Step[], options: PushOptions = {}): Promise<PushRun> {
  await using folder = await createTempFolder();
  const file = await folder.write("content", options.content ?? CONTENT);
  return await runScript(script, ["put-blob", "HOST/app", file, ...options.words ?? []], options);
}

/** Runs any words against a registry that follows the script to its end. */
export async function runScript(
  script: readonly Step[],
  words: readonly string[],
  options: CapturedRunOptions = {},
): Promise<PushRun> {
  await using registry = await startScriptedRegistry(script);
  const args = words.map((word) => word.replaceAll("HOST", registry.host));
  const run = await runCaptured(args, options);
  registry.assertDone();
  const generalize = (text: string) => text.replaceAll(registry.host, "HOST");
  return {
    ...run,
    stdout: generalize(run.stdout),
    stderr: generalize(run.stderr),
    log: formatLog(registry),
    requests: registry.requests,
  };
}

/** The requests a registry had, as {@linkcode PushRun.log} has them. */
export function formatLog({ requests }: ScriptedRegistry): string[] {
  return requests.map(({ method, path, headers, body }) =>
    [method, path, headers["content-range"], body].filter(Boolean).join(" ")
  );
}
