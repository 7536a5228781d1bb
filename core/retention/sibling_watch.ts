import { RegctlError } from "../errors.ts";
import { formatReference } from "../reference/reference.ts";
import { formatRepository, type Repository } from "../reference/repository.ts";
import type { RegistryClient } from "../registry/client.ts";
import { findManifest } from "../registry/find_manifest.ts";
import { listTags } from "../registry/list_tags.ts";
import type { ManifestContent } from "../registry/manifests.ts";
import type { Journal } from "./journal.ts";
import { putBack } from "./put_back.ts";
import { type Removal, tagsOf } from "./removal.ts";
import { lookAtTags, type TagLook } from "./tag_look.ts";

/** What {@linkcode SiblingWatch} goes by. */
export interface SiblingWatchOptions {
  /** All tags there were, with their digests where they are known. */
  readonly tags: ReadonlyMap<string, string | undefined>;
  /** Whether {@linkcode tags} are all that there are. */
  readonly isListed: boolean;
  /** Where what was lost is written down before it is put back. Default: nowhere. */
  readonly journal?: Journal | undefined;
}

/** What went with a tag that was to go alone. */
interface Harm {
  /** Tags that are known to have pointed to its manifest. */
  readonly lost: readonly string[];
  /** Tags of indexes that list its manifest. */
  readonly needing: readonly string[];
  /** Tags that are gone, of which nobody knows where they pointed. */
  readonly missing: readonly string[];
}

/**
 * Looks, after a tag was deleted alone, whether more went than that, until it is known that this does
 * not happen: some registries take a manifest for its tag, or delete it with its last one.
 */
export class SiblingWatch {
  readonly #client: RegistryClient;
  readonly #repository: Repository;
  readonly #options: SiblingWatchOptions;
  /** Tags that are to stay, with what they point to where that is known. */
  readonly #kept: ReadonlyMap<string, string | undefined>;
  readonly #keptDigests: ReadonlySet<string | undefined>;
  /** Tags that were to go, and are known to stay after all. */
  readonly #stayed = new Set<string>();
  /** How many of the tags that are to go still hold a manifest, by its digest. */
  readonly #goingHolders = new Map<string, number>();
  #isTried = false;
  /** The registry has left a manifest without any tag. */
  #isProven = false;
  /** The registry has left a manifest that other tags had, too. */
  #sparesSiblings = false;
  /** What the other tags led to when a manifest had gone for the first time. */
  #looks: Promise<ReadonlyMap<string, TagLook>> | undefined;

  constructor(
    client: RegistryClient,
    repository: Repository,
    removals: readonly Removal[],
    options: SiblingWatchOptions,
  ) {
    this.#client = client;
    this.#repository = repository;
    this.#options = options;
    const going = new Set(removals.flatMap(tagsOf));
    this.#kept = new Map([...options.tags].filter(([tag]) => !going.has(tag)));
    this.#keptDigests = new Set(this.#kept.values());
    for (const { kind, digest } of removals) {
      if (kind === "tag") this.#goingHolders.set(digest, this.#countHolders(digest) + 1);
    }
  }

  /** Whether a tag was deleted already. */
  get isTried(): boolean {
    return this.#isTried;
  }

  /** A tag that was to go stays after all. */
  keep(tag: string): void {
    this.#stayed.add(tag);
  }

  /**
   * To be called when a tag was deleted. It is known what the registry does once a manifest stays
   * which no other tag holds: none that is to stay, as far as that is known, nor one that is yet to
   * go.
   *
   * Where the manifest went, which is right with its last tag alone, the others are looked at. What
   * is known to have gone with it is put back, and the tag with it: `UNSUPPORTED`, or `PARTIAL` where
   * that fails, or where it is not known whether a tag that is missing pointed there. All of it is in
   * the journal first, so that it can be put back by hand.
   *
   * @param entry the number of the tag's removal in the journal
   */
  async check(tag: string, content: ManifestContent, entry: number | undefined): Promise<void> {
    this.#isTried = true;
    const { digest } = content.descriptor;
    const holders = this.#countHolders(digest) - 1;
    this.#goingHolders.set(digest, holders);
    const isHeld = this.#keptDigests.has(digest);
    const { isListed } = this.#options;
    if (this.#isProven || isHeld && this.#sparesSiblings) return;
    if (isListed && this.#kept.size + this.#stayed.size === 0) return;
    const harm = await this.#findHarm(tag, content);
    if (harm === "none") {
      this.#sparesSiblings = true;
      this.#isProven ||= isListed && holders === 0 && !isHeld && !this.#keptDigests.has(undefined);
    } else if (harm) await this.#repair(tag, content, entry, harm);
  }

  /** `none` where the manifest is still there; undefined where it went, and nobody needs it. */
  async #findHarm(tag: string, content: ManifestContent): Promise<Harm | "none" | undefined> {
    const client = this.#client;
    const repository = this.#repository;
    const { digest } = content.descriptor;
    try {
      if (await findManifest(client, { repository, digest })) return "none";
      // Not those that are yet to go: they may be going at this moment.
      const others = [...this.#kept.keys(), ...this.#stayed];
      const isFirst = this.#looks === undefined;
      const looks = await (this.#looks ??= lookAtTags(client, repository, others));
      const holders = others.filter((one) => this.#digestOf(one, looks) === digest);
      const lost: string[] = [];
      for (const one of holders) {
        if (!await findManifest(client, { repository, tag: one })) lost.push(one);
      }
      const needing = others.filter((one) => {
        const look = looks.get(one);
        return look?.digest !== digest && look?.parts.has(digest);
      });
      const missing = isFirst ? await this.#findMissing(others, looks) : [];
      const isHarmed = lost.length + needing.length + missing.length > 0;
      if (!isHarmed && this.#options.isListed) return undefined;
      return { lost: lost.sort(), needing: needing.sort(), missing: missing.sort() };
    } catch (error) {
      if (!(error instanceof RegctlError)) throw error;
      const name = formatReference({ repository, tag });
      const message = `"${name}" was deleted, but whether it went alone is not known: `;
      throw new RegctlError("PARTIAL", message + error.message, { cause: error });
    }
  }

  /** Tags that lead to nothing, and of which nobody knows where they pointed. */
  async #findMissing(
    tags: readonly string[],
    looks: ReadonlyMap<string, TagLook>,
  ): Promise<string[]> {
    const missing = tags.filter((tag) =>
      this.#kept.get(tag) === undefined && looks.has(tag) &&
      looks.get(tag)?.digest === undefined
    );
    if (missing.length === 0) return [];
    // One that is listed and leads to nothing did so before.
    const listed = new Set(await listTags(this.#client, this.#repository));
    return missing.filter((tag) => !listed.has(tag));
  }

  #digestOf(tag: string, looks: ReadonlyMap<string, TagLook>): string | undefined {
    return this.#kept.get(tag) ?? looks.get(tag)?.digest;
  }

  async #repair(
    tag: string,
    content: ManifestContent,
    entry: number | undefined,
    { lost, needing, missing }: Harm,
  ): Promise<void> {
    const repository = this.#repository;
    const { journal, isListed } = this.#options;
    const tags = [...lost, ...missing];
    const isNeeded = needing.length > 0;
    const added = tags.length > 0 || isNeeded
      ? await journal?.add({ repository, content, tags, manifest: isNeeded })
      : undefined;
    const failure = await putBack(this.#client, repository, content, [tag, ...lost]);
    if (!failure && entry !== undefined) await journal?.addKept(entry, [tag], false);
    if (!failure && added !== undefined) await journal?.addKept(added, lost, true);
    const what = [
      ...(lost.length > 0 ? [`and so ${lost.join(", ")} too`] : []),
      ...(isNeeded ? [`${lost.length > 0 ? "and " : ""}which ${needing.join(", ")} needs`] : []),
      ...(missing.length > 0 ? [`and ${missing.join(", ")} went too, or by other hands`] : []),
      ...(isListed ? [] : ["and which other tags it had is not known"]),
    ].join(", ");
    const said = `Cannot delete "${formatReference({ repository, tag })}" alone: the registry ` +
      `deleted its manifest, ${what}`;
    const undo = journal && "Put it back with regctl undo";
    if (failure) {
      const message = `${said}; not all was put back: ${failure.message}`;
      throw new RegctlError("PARTIAL", message, { hint: undo, cause: failure });
    }
    if (missing.length > 0) {
      const message = `${said}; all but ${missing.join(", ")} was put back`;
      throw new RegctlError("PARTIAL", message, {
        hint: journal && `If ${missing[0]} was the same image, put it back with regctl undo`,
      });
    }
    throw new RegctlError("UNSUPPORTED", `${said}; all was put back`, {
      hint: `To delete all of it, name the digest: ${
        formatRepository(repository)
      }@${content.descriptor.digest}`,
    });
  }

  #countHolders(digest: string): number {
    return this.#goingHolders.get(digest) ?? 0;
  }
}
