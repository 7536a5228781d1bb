import assert from "node:assert/strict";
import type { CapturedRunOptions } from "../support/capture_host.ts";
import type { Step } from "../support/scripted_registry.ts";
import type { Reply } from "../support/scripted_reply.ts";
import { type ContractRun, runAgainst } from "./run_against.ts";

/** What is answered in place of what {@linkcode repositorySteps} would answer. */
export interface RepositoryReplies {
  readonly api?: Reply;
  /** To `n=2`. */
  readonly small?: Reply;
  /** To `n=10000`, `n=1000` and `n=100`, as far as they are asked for. */
  readonly large?: readonly Reply[];
  readonly deletion?: Reply;
  readonly referrers?: Reply;
  /** To the HEAD of the manifest. */
  readonly head?: Reply;
}

export const OPEN: Reply = {
  status: 200,
  headers: { "docker-distribution-api-version": "registry/2.0" },
  body: {},
};

const DIGEST = "sha256:[0-9a-f]{64}";

/** A page of tags `1`, `2`, …; with a link where there is more. */
export function tags(count: number, { more = false } = {}): Reply {
  const body = { name: "app", tags: Array.from({ length: count }, (_, i) => `${i + 1}`) };
  const link = '</v2/app/tags/list?last=2>; rel="next"';
  return { status: 200, ...(more && { headers: { link } }), body };
}

/** The answer of an error of the specification. */
export function refusal(status: number, code: string): Reply {
  return { status, body: { errors: [{ code, message: "no" }] } };
}

/** A repository `app` with five tags, in which all works and nobody is asked who they are. */
export function repositorySteps(replies: RepositoryReplies = {}): Step[] {
  const { small = tags(2, { more: true }), large = [tags(5)] } = replies;
  const sizes = [10_000, 1000, 100];
  return [
    { method: "GET", path: "/v2/", reply: replies.api ?? OPEN },
    { method: "GET", path: "/v2/app/tags/list?n=2", reply: small },
    ...large.map((reply, i) => ({
      method: "GET",
      path: `/v2/app/tags/list?n=${sizes[i]}`,
      reply,
    })),
    {
      method: "DELETE",
      path: new RegExp(`^/v2/app/manifests/${DIGEST}$`),
      reply: replies.deletion ?? refusal(404, "MANIFEST_UNKNOWN"),
    },
    {
      method: "GET",
      path: new RegExp(`^/v2/app/referrers/${DIGEST}$`),
      reply: replies.referrers ?? { status: 200, body: { schemaVersion: 2, manifests: [] } },
    },
    { method: "HEAD", path: "/v2/app/manifests/1", reply: replies.head ?? { status: 200 } },
  ];
}

/** The requests that {@linkcode repositorySteps} sees when all works. */
export const ALL_REQUESTS: readonly string[] = [
  "GET /v2/",
  "GET /v2/app/tags/list?n=2",
  "GET /v2/app/tags/list?n=10000",
  "DELETE /v2/app/manifests/DIGEST",
  "GET /v2/app/referrers/DIGEST",
  "HEAD /v2/app/manifests/1",
];

/** Runs `regctl doctor`; a random digest is `DIGEST` in the requests. */
export async function runDoctor(
  script: readonly Step[],
  words: readonly string[] = ["HOST/app"],
  options: CapturedRunOptions = {},
): Promise<ContractRun> {
  const run = await runAgainst(script, ["doctor", ...words], options);
  const requests = run.requests.map((line) => line.replace(new RegExp(DIGEST), "DIGEST"));
  return { ...run, requests };
}

/** The one line with this label of a report; fails where there is none, or more. */
export function lineOf({ stdout }: ContractRun, label: string): string {
  const lines = stdout.split("\n").filter((line) => line.startsWith(`${label}:`));
  assert.equal(lines.length, 1, `${label} in\n${stdout}`);
  return (lines[0] ?? "").slice(label.length + 1).trim();
}

/** The problems of a report, each with its remedy. */
export function problemsOf({ stdout }: ContractRun): string[][] {
  return [...stdout.matchAll(/^problem: (.*)\nremedy: {2}(.*)$/gm)].map((match) => match.slice(1));
}
