import { RegctlError } from "../errors.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { Repository } from "../reference/repository.ts";
import { isTag } from "../reference/tag.ts";
import type { RegistryClient } from "../registry/client.ts";
import { listTags } from "../registry/list_tags.ts";
import { collectParts } from "./collect_parts.ts";
import { findKnown } from "./find_known.ts";
import { forEach } from "../for_each.ts";

/**
 * What tags have come to need while others were on their way out: no manifest of these goes. Where
 * that cannot be found out, none goes at all.
 */
export class NewNeeds {
  readonly #client: RegistryClient;
  readonly #repository: Repository;
  readonly #digests = new Set<string>();
  #isInDoubt = false;
  #failure: RegctlError | undefined;

  constructor(client: RegistryClient, repository: Repository) {
    this.#client = client;
    this.#repository = repository;
  }

  /** Adds a manifest that a tag has moved to, and all that it lists. */
  async add(descriptor: Descriptor): Promise<void> {
    await this.orDoubt(
      collectParts(this.#client, this.#repository, descriptor, this.#digests),
    );
  }

  /** Adds what tags that were not there before point to; what fails is told by {@linkcode find}. */
  async addNewTags(
    known: ReadonlyMap<string, unknown>,
    concurrency: number,
  ): Promise<void> {
    const repository = this.#repository;
    try {
      const listed = await listTags(this.#client, repository);
      const added = listed.filter((tag) => isTag(tag) && !known.has(tag));
      await forEach(added, concurrency, async (tag) => {
        const found = await findKnown(this.#client, { repository, tag });
        if (found) await collectParts(this.#client, repository, found, this.#digests);
      });
    } catch (error) {
      if (!(error instanceof RegctlError)) throw error;
      this.#failure ??= error;
    }
  }

  /** What a reading gives; where it fails, it may have been of a tag that needs any manifest. */
  async orDoubt<T>(reading: Promise<T>): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      this.#isInDoubt = true;
      throw error;
    }
  }

  /** Why a manifest has to stay; undefined where nothing is known to need it. */
  find(digest: string): RegctlError | undefined {
    if (this.#failure) return this.#failure;
    if (this.#isInDoubt) {
      const reason = `a tag could not be read again, and may have come to need ${digest}`;
      return new RegctlError("PARTIAL", reason);
    }
    if (!this.#digests.has(digest)) return undefined;
    return new RegctlError("PARTIAL", `a tag has come to need ${digest} meanwhile`);
  }
}
