import { RegctlError } from "../errors.ts";
import { tryParseDigest } from "../oci/digest.ts";
import { isObject } from "../oci/json_object.ts";
import { parseRepository, type Repository } from "../reference/repository.ts";
import { isTag } from "../reference/tag.ts";
import { shorten } from "../shorten.ts";
import type { Plan, PlannedManifest, PlannedTag, RepositoryPlan } from "./plan.ts";
import { nameRepository } from "../registry/repository_name.ts";
import { normalizeHost } from "./used_digests.ts";

/** What a plan calls itself. */
const KIND = "regctl.plan";
const VERSION = 1;

/**
 * A plan as a JSON document of version 1:
 * `{kind, version, createdAt, repositories: [{repository, keep, delete, freedBytes, tags: [{tag,
 * digest, created, action, rule, reason}], manifests: [{digest, mediaType, size, tags, after}]}]}`.
 */
export function toPlanDocument({ createdAt, repositories }: Plan): object {
  return {
    kind: KIND,
    version: VERSION,
    createdAt,
    repositories: repositories.map((plan) => ({
      repository: nameRepository(plan.repository),
      keep: plan.tags.filter(({ action }) => action === "keep").length,
      delete: plan.tags.filter(({ action }) => action === "delete").length,
      freedBytes: plan.freedBytes,
      tags: plan.tags.map(({ tag, digest = null, createdAt, action, rule, reason }) => ({
        ...{ tag, digest, created: formatDate(createdAt), action, rule, reason },
      })),
      manifests: plan.manifests,
    })),
  };
}

function formatDate(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}

/**
 * Reads a plan, which may have been edited: an action turned into `keep` is honoured. Throws
 * `CONFIG` for what is no plan of this version.
 *
 * @param name of the file, for the error
 */
export function parsePlan(text: string, name: string): Plan {
  const refuse: Refuse = (reason, hint) =>
    new RegctlError("CONFIG", `Cannot use the plan ${name}: ${reason}`, { hint });
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw refuse("it is not JSON", "Write it with regctl prune … -o json >plan.json");
  }
  if (!isObject(document) || document["kind"] !== KIND) {
    throw refuse("it is not a plan", "Write it with regctl prune … -o json >plan.json");
  }
  const { version, createdAt, repositories } = document;
  if (version !== VERSION) {
    const found = shorten(JSON.stringify(version) ?? "not there", 40);
    throw refuse(`its version is ${found}, not ${VERSION}`);
  }
  if (typeof createdAt !== "string" || !Array.isArray(repositories)) {
    throw refuse("it is incomplete");
  }
  const plans = repositories.map((one, i) => toRepositoryPlan(one, `repositories[${i}]`, refuse));
  assertOnce(plans.map(({ repository }) => normalizeName(repository)), refuse);
  return { createdAt, repositories: plans };
}

/** Makes the error for a plan that cannot be used. */
type Refuse = (reason: string, hint?: string) => RegctlError;

function toRepositoryPlan(value: unknown, where: string, refuse: Refuse): RepositoryPlan {
  const { repository, tags, manifests, freedBytes } = isObject(value) ? value : {};
  if (typeof repository !== "string" || !Array.isArray(tags) || !Array.isArray(manifests)) {
    throw refuse(`${where} is not as regctl writes it`);
  }
  const readAll = <T>(items: readonly unknown[], name: string, read: (item: unknown) => T) =>
    items.map((item, i) => {
      const found = read(item);
      if (found !== undefined) return found;
      throw refuse(`${where}.${name}[${i}] is not as regctl writes it`);
    });
  const plannedTags = readAll(tags, "tags", tryToTag);
  const plannedManifests = readAll(manifests, "manifests", tryToManifest);
  assertOnce(plannedTags.map(({ tag }) => tag), refuse);
  assertOnce(plannedManifests.map(({ digest }) => digest), refuse);
  return {
    repository: toRepository(repository, where, refuse),
    tags: plannedTags,
    manifests: plannedManifests,
    freedBytes: typeof freedBytes === "number" ? freedBytes : 0,
  };
}

function toRepository(name: string, where: string, refuse: Refuse): Repository {
  try {
    return parseRepository(name);
  } catch (error) {
    if (!(error instanceof RegctlError)) throw error;
    throw refuse(`${where}: ${error.message}`, error.hint);
  }
}

/** Two names of one repository would have two limits. */
function normalizeName({ registry, path }: Repository): string {
  return `${normalizeHost(registry)}/${path}`;
}

/** Throws where a name is there twice: which of the two counts? */
function assertOnce(names: readonly string[], refuse: Refuse): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw refuse(`it has ${shorten(name, 200)} twice`);
    seen.add(name);
  }
}

function tryToTag(value: unknown): PlannedTag | undefined {
  if (!isObject(value)) return undefined;
  const { tag, digest, created, action, rule, reason } = value;
  if (typeof tag !== "string" || (action !== "keep" && action !== "delete")) return undefined;
  // Of a tag that stays nothing is sent but what the registry listed.
  const isSound = isDigest(digest) ? isTag(tag) : digest === null && action === "keep";
  if (!isSound) return undefined;
  const at = typeof created === "string" ? Date.parse(created) : NaN;
  return {
    ...{ tag, action, rule: toText(rule), reason: toText(reason) },
    digest: isDigest(digest) ? digest : undefined,
    createdAt: Number.isNaN(at) ? undefined : at,
  };
}

function tryToManifest(value: unknown): PlannedManifest | undefined {
  if (!isObject(value)) return undefined;
  const { digest, mediaType, size, tags, after } = value;
  const isSound = isDigest(digest) && typeof mediaType === "string" && typeof size === "number" &&
    isListOf(tags, isTag) && isListOf(after, isDigest);
  return isSound ? { digest, mediaType, size, tags, after } : undefined;
}

function isDigest(value: unknown): value is string {
  return typeof value === "string" && tryParseDigest(value) !== undefined;
}

function isListOf(value: unknown, fits: (item: string) => boolean): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string" && fits(item));
}

/** What is only shown may be missing. */
function toText(value: unknown): string {
  return typeof value === "string" ? value : "";
}
