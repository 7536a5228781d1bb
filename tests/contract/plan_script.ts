import assert from "node:assert/strict";
import type { CapturedRunOptions } from "../support/capture_host.ts";
import type { Step } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import {
  blobStep,
  CONFIG_TYPE,
  type Content,
  content,
  image,
  LAYER_TYPE,
  manifestStep,
  pointTo,
  serve,
} from "./oci_content.ts";
import { type ContractRun, page, runAgainst, TAGS_PATH } from "./run_against.ts";

/** An image manifest with what it points to. */
export interface Image extends Content {
  readonly config: Content;
  readonly layer: Content;
}

/**
 * An image that no other is like.
 *
 * @param created the date in its configuration, left out where it is undefined
 * @param fields of the manifest, over the usual ones
 */
export function makeImage(name: string, created?: unknown, fields: object = {}): Image {
  const config = content({ os: "linux", architecture: "amd64", name, created }, CONFIG_TYPE);
  const layer = content(`the layer of ${name}`, LAYER_TYPE);
  const manifest = image({ config: pointTo(config), layers: [pointTo(layer)], ...fields });
  return { ...manifest, config, layer };
}

/** A date of RFC 3339 so many days before now. */
export function daysAgo(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString();
}

/** What is read to make a plan, each exactly once. */
export interface Reading {
  readonly tags: Readonly<Record<string, Content>>;
  /** What indexes list, and else has no tag. */
  readonly untagged?: readonly Content[];
  /** Images whose configuration is read. */
  readonly dated?: readonly Image[];
}

/** The requests of a plan: a page, a GET a tag, a manifest without a tag, and a configuration. */
export function reading({ tags, untagged = [], dated = [] }: Reading): Step[] {
  return [
    page(Object.keys(tags)),
    ...Object.entries(tags).map(([tag, manifest]) => manifestStep(tag, serve(manifest))),
    ...untagged.map((manifest) => manifestStep(manifest.digest, serve(manifest))),
    ...dated.map(({ config }) => blobStep(config)),
  ];
}

/** The same for a registry of Google's kind, which lists manifests beside the tags. */
export function googleReading(
  { tags, untagged = [], dated = [] }: Reading,
  facts: (manifest: Content) => object = () => ({}),
): Step[] {
  const manifests = new Map(
    [...Object.values(tags), ...untagged].map((one) => [one.digest, one]),
  );
  const manifest = Object.fromEntries(
    [...manifests].map(([digest, one]) => [digest, {
      mediaType: one.mediaType,
      tag: Object.keys(tags).filter((tag) => tags[tag]?.digest === digest),
      ...facts(one),
    }]),
  );
  return [
    {
      method: "GET",
      path: TAGS_PATH,
      reply: { status: 200, body: { name: "app", tags: Object.keys(tags), manifest } },
    },
    ...[...manifests.values()].map((one) => manifestStep(one.digest, serve(one))),
    ...dated.map(({ config }) => blobStep(config)),
  ];
}

/** Runs `prune HOST/app` with these words behind it; the script must be used to its end. */
export async function prune(
  script: readonly Step[],
  words: readonly string[],
  options: CapturedRunOptions = {},
): Promise<ContractRun> {
  return await runAtHome(script, ["prune", "HOST/app", ...words], options);
}

/** Runs any words against a script, with an empty home. */
export async function runAtHome(
  script: readonly Step[],
  words: readonly string[],
  options: CapturedRunOptions = {},
): Promise<ContractRun> {
  await using folder = await createTempFolder();
  const env = { HOME: folder.join("home"), XDG_STATE_HOME: folder.join("state"), ...options.env };
  const run = await runAgainst(script, words, { ...options, env });
  for (const request of run.requests) assert.match(request, /^(GET|HEAD) /);
  return run;
}

/** A plan as `-o json` prints it. */
export interface PlanDocument {
  readonly kind: string;
  readonly version: number;
  readonly createdAt: string;
  readonly repositories: readonly {
    readonly repository: string;
    readonly keep: number;
    readonly delete: number;
    readonly freedBytes: number;
    readonly tags: readonly TagDocument[];
    readonly manifests: readonly ManifestDocument[];
  }[];
}

/** A tag of a plan. */
export interface TagDocument {
  readonly tag: string;
  readonly digest: string | null;
  readonly created: string | null;
  readonly action: string;
  readonly rule: string;
  readonly reason: string;
}

/** A manifest of a plan. */
export interface ManifestDocument {
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  readonly tags: readonly string[];
  readonly after: readonly string[];
}

/** Plans with `-o json`, which must succeed and say nothing else, and gives the plan. */
export async function planFor(
  script: readonly Step[],
  words: readonly string[],
  options: CapturedRunOptions = {},
): Promise<PlanDocument> {
  const run = await prune(script, [...words, "-o", "json"], options);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  return JSON.parse(run.stdout);
}

/** The decisions of a plan in short: `1 delete keep: beyond the newest`. */
export function decisions({ repositories }: PlanDocument): string[] {
  return repositories.flatMap(({ tags }) =>
    tags.map(({ tag, action, rule, reason }) => `${tag} ${action} ${rule}: ${reason}`)
  );
}

/** The digests of the manifests that go, in the plan's order. */
export function goingManifests({ repositories }: PlanDocument): string[] {
  return repositories.flatMap(({ manifests }) => manifests.map(({ digest }) => digest));
}

/** The tags that go. */
export function goingTags({ repositories }: PlanDocument): string[] {
  return repositories.flatMap(({ tags }) =>
    tags.flatMap(({ tag, action }) => action === "delete" ? [tag] : [])
  );
}

/** A plan failed: nothing is on standard output, and nothing but GET was sent. */
export function assertNoPlan(run: ContractRun, exitCode: number, stderr: RegExp | string): void {
  assert.equal(run.stdout, "");
  if (typeof stderr === "string") assert.equal(run.stderr, stderr);
  else assert.match(run.stderr, stderr);
  assert.equal(run.exitCode, exitCode);
}
