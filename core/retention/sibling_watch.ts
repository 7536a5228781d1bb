import { RegctlError } from "../errors.ts";
import { formatReference } from "../reference/reference.ts";
import type { Repository } from "../reference/repository.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { ManifestContent } from "../registry/manifests.ts";
import { assertManifestStays } from "./assert_manifest_stays.ts";
import type { Journal } from "./journal.ts";
import type { Removal } from "./removal.ts";

/** What {@linkcode SiblingWatch} goes by. */
export interface SiblingWatchOptions {
  /** All tags there were, with their digests where they are known. */
  readonly tags: ReadonlyMap<string, string | undefined>;
  /** Whether {@linkcode tags} are all that there are. */
  readonly isListed: boolean;
  /** Where what was lost is written down before it is put back. Default: nowhere. */
  readonly journal?: Journal | undefined;
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

  constructor(
    client: RegistryClient,
    repository: Repository,
    removals: readonly Removal[],
    options: SiblingWatchOptions,
  ) {
    this.#client = client;
    this.#repository = repository;
    this.#options = options;
    const going = new Set(removals.flatMap((it) => it.kind === "tag" ? [it.tag] : it.tags));
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
   * go. Throws as {@linkcode assertManifestStays} does.
   */
  async check(tag: string, content: ManifestContent): Promise<void> {
    this.#isTried = true;
    const { digest } = content.descriptor;
    const holders = this.#countHolders(digest) - 1;
    this.#goingHolders.set(digest, holders);
    const isHeld = this.#keptDigests.has(digest);
    const { journal, isListed } = this.#options;
    if (this.#isProven || isHeld && this.#sparesSiblings) return;
    if (isListed && this.#kept.size + this.#stayed.size === 0) return;
    const repository = this.#repository;
    try {
      const stays = await assertManifestStays(this.#client, repository, {
        ...{ tag, content, isListed },
        // Not those that are yet to go: they may be going at this moment.
        others: [...this.#kept.keys(), ...this.#stayed],
        onLost: journal && (async (tags, manifest) => {
          await journal.add({ repository, content, tags, manifest });
        }),
      });
      this.#sparesSiblings ||= stays;
      const isAlone = isListed && holders === 0 && !isHeld && !this.#keptDigests.has(undefined);
      this.#isProven ||= stays && isAlone;
    } catch (error) {
      const isVerdict = !(error instanceof RegctlError) ||
        ["UNSUPPORTED", "PARTIAL"].includes(error.code);
      if (isVerdict) throw error;
      const name = formatReference({ repository, tag });
      const message = `"${name}" was deleted, but whether it went alone is not known: `;
      throw new RegctlError("PARTIAL", message + error.message, { cause: error });
    }
  }

  #countHolders(digest: string): number {
    return this.#goingHolders.get(digest) ?? 0;
  }
}
