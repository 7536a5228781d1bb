import { isIndexType } from "../oci/media_types.ts";
import {
  type ListedManifest,
  readChildren,
  tryReadListedManifests,
} from "../registry/google_manifests.ts";
import type { ListingPage } from "../registry/listing.ts";
import type { Fact } from "./tag_facts.ts";

/** What a listing of tags tells of manifests beside their tags, as those of Google's registries do. */
export class ListedManifests {
  readonly #byDigest = new Map<string, ListedManifest>();
  readonly #byTag = new Map<string, ListedManifest>();
  readonly #children = new Set<string>();

  /** The pages as they come, looked at on the way. */
  async *watch(pages: AsyncIterable<ListingPage>): AsyncGenerator<ListingPage> {
    for await (const page of pages) {
      for (const one of tryReadListedManifests(page.document) ?? []) {
        this.#byDigest.set(one.digest, one);
        for (const tag of one.tags) this.#byTag.set(tag, one);
      }
      for (const child of readChildren(page.document)) this.#children.add(child);
      yield page;
    }
  }

  /** The names of repositories below this one, relative to it. */
  get children(): readonly string[] {
    return [...this.#children].sort();
  }

  /** Whether it tells of any manifest when it was pushed. */
  get tellsPushed(): boolean {
    return this.#byDigest.values().some(({ uploadedAt }) => uploadedAt !== undefined);
  }

  get(digest: string): ListedManifest | undefined {
    return this.#byDigest.get(digest);
  }

  ofTag(tag: string): ListedManifest | undefined {
    return this.#byTag.get(tag);
  }
}

/** True where a listing tells these facts of a manifest, so that nobody need read it. */
export function tells(manifest: ListedManifest, facts: Iterable<Fact>): boolean {
  const { mediaType = "", createdAt, uploadedAt, size } = manifest;
  // Of an index Google writes 0 for what it does not know.
  const isKnown = (value: number | undefined) =>
    value !== undefined && (value > 0 || !isIndexType(mediaType));
  const known: Readonly<Record<Fact, boolean>> = {
    created: isKnown(createdAt),
    pushed: uploadedAt !== undefined,
    size: isKnown(size),
    platforms: false,
  };
  return [...facts].every((fact) => known[fact]);
}
