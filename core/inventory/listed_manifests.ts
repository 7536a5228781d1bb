import { isIndexType } from "../oci/media_types.ts";
import {
  type ListedManifest,
  readChildren,
  tryReadListedManifests,
} from "../registry/google_manifests.ts";
import type { ListingPage } from "../registry/listing.ts";
import { shorten } from "../shorten.ts";
import type { Fact } from "./tag_facts.ts";

/** More than any repository is known to have; what is beyond is read as elsewhere. */
const MAX_MANIFESTS = 200_000;
const MAX_CHILDREN = 1_000;
const MAX_NAME_LENGTH = 255;

/** What a listing of tags tells of manifests beside their tags, as those of Google's registries do. */
export class ListedManifests {
  readonly #byDigest = new Map<string, ListedManifest>();
  readonly #byTag = new Map<string, ListedManifest>();
  readonly #children = new Set<string>();

  /** The pages as they come, looked at on the way. */
  async *watch(pages: AsyncIterable<ListingPage>): AsyncGenerator<ListingPage> {
    for await (const page of pages) {
      for (const one of tryReadListedManifests(page.document) ?? []) {
        if (this.#byDigest.size >= MAX_MANIFESTS) break;
        this.#byDigest.set(one.digest, one);
        for (const tag of one.tags) this.#byTag.set(tag, one);
      }
      for (const child of readChildren(page.document)) {
        if (this.#children.size < MAX_CHILDREN) this.#children.add(shorten(child, MAX_NAME_LENGTH));
      }
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
  const { mediaType = "", createdAt, uploadedAt, size = 0 } = manifest;
  // Google writes 0 for what it does not know, as of an index; of an image whose size it knows, it
  // is the date that reproducible builds write.
  const isParsed = size > 0 && !isIndexType(mediaType);
  const known: Readonly<Record<Fact, boolean>> = {
    created: createdAt !== undefined && (createdAt > 0 || isParsed),
    pushed: uploadedAt !== undefined,
    size: size > 0,
    platforms: false,
  };
  return [...facts].every((fact) => known[fact]);
}
