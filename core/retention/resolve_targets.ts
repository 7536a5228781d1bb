import { type ErrorCode, RegctlError } from "../errors.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { formatReference } from "../reference/reference.ts";
import { formatRepository, type Repository } from "../reference/repository.ts";
import { isTag } from "../reference/tag.ts";
import type { RegistryClient } from "../registry/client.ts";
import { findManifest } from "../registry/find_manifest.ts";
import { ifThere } from "../registry/if_there.ts";
import { getManifest } from "../registry/manifests.ts";
import { referrers } from "../registry/referrers.ts";
import { compilePattern } from "../selection/pattern.ts";
import { tryParseDigestTag } from "./digest_tag.ts";
import { forEach } from "../for_each.ts";
import { listTags } from "../registry/list_tags.ts";
import type { ManifestRemoval, Removal, RemovalResult } from "./removal.ts";
import { TagMap } from "./tag_map.ts";
import type { Target } from "./target.ts";

/** Nothing else will be answered either. */
const FATAL: readonly ErrorCode[] = [
  "INTERRUPTED",
  "TERMINATED",
  "TIMEOUT",
  "UNAUTHORIZED",
  "NETWORK",
];

/** A signature of an SBOM of a signature: nobody goes further. */
const MAX_REFERRER_DEPTH = 5;

/** How {@linkcode resolveTargets} decides. */
export interface ResolveOptions {
  /** Signatures and other referrers of what goes, go too. */
  readonly withReferrers: boolean;
  /** A manifest goes even where a tagged index lists it. */
  readonly force: boolean;
  /** A glob may fit all tags. */
  readonly allowEmpty: boolean;
  /** Requests at a time. */
  readonly concurrency: number;
}

/** A target that there is nothing for. */
export interface MissingTarget {
  /** As it was written. */
  readonly text: string;
  /** What is missing, in a sentence. */
  readonly message: string;
}

/** What targets mean for one repository. */
export interface Resolution {
  readonly removals: readonly Removal[];
  /** All tags that there are, with the digests of those that were looked at. */
  readonly tags: ReadonlyMap<string, string | undefined>;
  /** Whether {@linkcode tags} are all: some registries cannot list them, or not to everybody. */
  readonly isListed: boolean;
  /** The targets that there is nothing for. */
  readonly missing: readonly MissingTarget[];
  /** Tags that point elsewhere than the target says, and those that cannot be looked at. */
  readonly failed: readonly RemovalResult[];
}

/**
 * Finds out what targets of one repository mean: globs become tags, and a digest becomes a manifest
 * with all tags that point to it. Changes nothing.
 *
 * Throws `REFUSED` for what would break or empty more than was said: a glob that fits all tags, and
 * a manifest that a tagged index needs.
 */
export async function resolveTargets(
  client: RegistryClient,
  repository: Repository,
  targets: readonly Target[],
  options: ResolveOptions,
): Promise<Resolution> {
  const listed = await list(client, repository, targets, options);
  const resolver = new Resolver(client, repository, listed, options);
  await resolver.expandGlobs(targets);
  await resolver.addTags(targets);
  await resolver.addDigests(targets);
  if (options.withReferrers) await resolver.addReferrers();
  return resolver.finish();
}

/** Where tags are named one by one, a registry that cannot list them keeps nobody from deleting. */
async function list(
  client: RegistryClient,
  repository: Repository,
  targets: readonly Target[],
  { withReferrers }: ResolveOptions,
): Promise<readonly string[]> {
  try {
    return await listTags(client, repository);
  } catch (error) {
    const isNeeded = withReferrers || targets.some(({ tag }) => tag === undefined);
    if (isNeeded || !(error instanceof RegctlError)) throw error;
    if (!["PARTIAL", "INVALID_RESPONSE", "UNSUPPORTED"].includes(error.code)) throw error;
    return [];
  }
}

class Resolver {
  readonly #client: RegistryClient;
  readonly #repository: Repository;
  /** What the registry lists, but for what is no tag: it could lead anywhere. */
  readonly #tagsListed: readonly string[];
  readonly #options: ResolveOptions;
  readonly #known = new Map<string, string | undefined>();
  readonly #wantedTags = new Set<string>();
  /** Manifests that were named. */
  readonly #wantedManifests: Descriptor[] = [];
  /** Tags that go, with what they point to. */
  readonly #tags = new Map<string, string>();
  readonly #manifests = new Map<string, ManifestRemoval>();
  readonly #missing: MissingTarget[] = [];
  readonly #failed: RemovalResult[] = [];
  #map: Promise<TagMap> | undefined;
  #parents: Promise<ReadonlyMap<string, ReadonlySet<string>>> | undefined;

  constructor(
    client: RegistryClient,
    repository: Repository,
    listed: readonly string[],
    options: ResolveOptions,
  ) {
    this.#client = client;
    this.#repository = repository;
    this.#tagsListed = listed.filter(isTag);
    this.#options = options;
    for (const tag of this.#tagsListed) this.#known.set(tag, undefined);
  }

  async expandGlobs(targets: readonly Target[]): Promise<void> {
    const wanted = new Set<string>();
    const texts: string[] = [];
    // Signatures go with what they sign, unless they are what is meant.
    const images = this.#tagsListed.filter((tag) => tryParseDigestTag(tag) === undefined);
    for (const { text, glob } of targets) {
      if (glob === undefined) continue;
      const matches = await compilePattern(glob);
      const found = (/^sha(256|512)-/.test(glob) ? this.#tagsListed : images).filter(matches);
      if (found.length === 0) this.#addMissing(text, `No tag fits "${text}"`);
      else texts.push(`"${text}"`);
      for (const tag of found) wanted.add(tag);
    }
    const isEmptied = wanted.size > 0 && images.every((tag) => wanted.has(tag));
    if (isEmptied && !this.#options.allowEmpty) {
      const name = formatRepository(this.#repository);
      const fits = texts.length === 1 ? "fits" : "fit";
      throw new RegctlError(
        "REFUSED",
        `${texts.join(" and ")} ${fits} every tag of "${name}": nothing was deleted`,
        { hint: "Add --allow-empty if that is what you want" },
      );
    }
    for (const tag of wanted) this.#wantedTags.add(tag);
  }

  #addMissing(text: string, message: string): void {
    this.#missing.push({ text, message });
  }

  async addTags(targets: readonly Target[]): Promise<void> {
    const named = new Map(targets.flatMap((one) => one.tag === undefined ? [] : [[one.tag, one]]));
    const wanted = new Set([...named.keys(), ...this.#wantedTags]);
    await forEach(wanted, this.#options.concurrency, async (tag) => {
      try {
        await this.#addTag(tag, named.get(tag));
      } catch (error) {
        if (!(error instanceof RegctlError) || FATAL.includes(error.code)) throw error;
        const { digest = "" } = named.get(tag) ?? {};
        this.#failed.push({ tag, digest, outcome: "failed", error });
      }
    });
  }

  async #addTag(tag: string, target: Target | undefined): Promise<void> {
    const repository = this.#repository;
    const digest = (await findManifest(this.#client, { repository, tag }))?.digest;
    if (digest === undefined) {
      const text = target?.text ?? formatReference({ repository, tag });
      return this.#addMissing(text, `"${text}" is not there`);
    }
    this.#known.set(tag, digest);
    const { digest: expected = digest } = target ?? {};
    if (expected === digest) this.#tags.set(tag, digest);
    else {
      const error = moved(target, digest);
      this.#failed.push({ tag, digest: expected, outcome: "moved", error });
    }
  }

  async addDigests(targets: readonly Target[]): Promise<void> {
    const repository = this.#repository;
    const digests = new Map<string, string>();
    for (const { tag, digest, text } of targets) {
      if (tag === undefined && digest !== undefined) digests.set(digest, text);
    }
    if (digests.size === 0) return;
    for (const [digest, text] of digests) {
      const found = await findManifest(this.#client, { repository, digest });
      if (found) this.#wantedManifests.push(found);
      else {
        this.#addMissing(text, `"${text}" is not there`);
        digests.delete(digest);
        if (this.#options.withReferrers) await this.#addReferrersOf(digest);
      }
    }
    await this.#addManifests([...digests.keys()]);
  }

  /** Manifests go with all their tags, indexes before what they list. */
  async #addManifests(digests: readonly string[]): Promise<void> {
    const map = await this.#readMap();
    const parents = await this.#readParents();
    for (const digest of digests) {
      const indexes = [...parents.get(digest) ?? []];
      const needing = indexes.filter((it) => !digests.includes(it) && !this.#manifests.has(it));
      if (needing.length > 0 && !this.#options.force) throw this.#neededBy(digest, needing, map);
      const after = indexes.filter((it) => !needing.includes(it));
      this.#addManifest({ kind: "manifest", digest, tags: map.tagsOf(digest), after });
    }
  }

  #neededBy(digest: string, indexes: readonly string[], map: TagMap): RegctlError {
    const tags = indexes.flatMap((index) => map.tagsOf(index));
    return new RegctlError(
      "REFUSED",
      `Cannot delete "${formatReference({ repository: this.#repository, digest })}": ` +
        `the index under ${tags.join(", ")} lists it, and would be broken`,
      { hint: "Delete the index first, or add --force" },
    );
  }

  #addManifest(removal: ManifestRemoval): void {
    this.#manifests.set(removal.digest, removal);
    for (const tag of removal.tags) {
      this.#known.set(tag, removal.digest);
      this.#tags.delete(tag);
    }
  }

  async addReferrers(): Promise<void> {
    const map = await this.#readMap();
    const parents = await this.#readParents();
    const bereft = new Set(
      [...this.#tags.values()].filter((digest) =>
        !parents.has(digest) && map.tagsOf(digest).every((tag) => this.#tags.has(tag))
      ),
    );
    await this.#addManifests([...bereft]);
    for (const digest of [...this.#manifests.keys()]) await this.#addReferrersOf(digest);
  }

  async #addReferrersOf(subject: string, depth = 1): Promise<void> {
    if (depth > MAX_REFERRER_DEPTH) {
      const name = formatRepository(this.#repository);
      throw new RegctlError("PARTIAL", `Cannot find all referrers in "${name}": they have no end`);
    }
    const map = await this.#readMap();
    const repository = this.#repository;
    const subjects = this.#manifests.has(subject) ? [subject] : [];
    const after = new Set(subjects);
    const found = new Set<string>();
    for (const tag of this.#tagsListed.filter((it) => tryParseDigestTag(it) === subject)) {
      const digest = map.digestOf(tag);
      if (digest === undefined || this.#manifests.has(digest)) continue;
      const tags = map.tagsOf(digest);
      // Two images with one signature would be a riddle; what is left of it stays.
      if (!tags.every((it) => tryParseDigestTag(it) === subject)) {
        this.#tags.set(tag, digest);
        continue;
      }
      this.#addManifest({ kind: "manifest", digest, tags, after: subjects });
      // A list of referrers goes before what it lists.
      after.add(digest);
      found.add(digest);
    }
    const parents = await this.#readParents();
    for await (const { digest } of referrers(this.#client, repository, subject)) {
      if (this.#manifests.has(digest)) continue;
      // Where the list is a tag, anybody can push what it says.
      if (await this.#readSubject(digest) !== subject) continue;
      const indexes = [...parents.get(digest) ?? []];
      if (!indexes.every((index) => this.#manifests.has(index))) continue;
      // Somebody gave it a name of its own, and has not named it here.
      const isNamed = (tag: string) => tryParseDigestTag(tag) === undefined && !this.#tags.has(tag);
      if (map.tagsOf(digest).some(isNamed)) continue;
      const all = [...after, ...indexes];
      this.#addManifest({ kind: "manifest", digest, tags: map.tagsOf(digest), after: all });
      found.add(digest);
    }
    for (const digest of found) await this.#addReferrersOf(digest, depth + 1);
  }

  /** Of a manifest; undefined where it is not there, or about nothing. */
  async #readSubject(digest: string): Promise<string | undefined> {
    const reference = { repository: this.#repository, digest };
    return (await ifThere(getManifest(this.#client, reference)))?.manifest.subject?.digest;
  }

  #readMap(): Promise<TagMap> {
    return this.#map ??= TagMap.read(
      this.#client,
      this.#repository,
      this.#tagsListed,
      this.#options.concurrency,
    );
  }

  async #readParents(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    const { concurrency } = this.#options;
    return await (this.#parents ??= (await this.#readMap())
      .readParents(concurrency, this.#wantedManifests));
  }

  finish(): Resolution {
    const listed = new Set(this.#tagsListed);
    const alone = [...this.#tags].map(([tag, digest]) => ({ kind: "tag" as const, tag, digest }));
    return {
      removals: [...alone, ...this.#manifests.values()],
      tags: this.#known,
      isListed: [...this.#known.keys()].every((tag) => listed.has(tag)),
      missing: this.#missing,
      failed: this.#failed,
    };
  }
}

function moved(target: Target | undefined, digest: string): RegctlError {
  return new RegctlError("PARTIAL", `"${target?.text}" points to ${digest}, and was left alone`);
}
