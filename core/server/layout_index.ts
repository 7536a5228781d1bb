import type { Descriptor } from "../oci/manifest.ts";
import { isTag } from "../reference/tag.ts";

/** Where a layout keeps a tag (image-spec, annotations.md). */
const REF_NAME = "org.opencontainers.image.ref.name";

/**
 * The manifests and tags of a repository, as the `index.json` of an image layout has them: an entry
 * a tag, and one without for each manifest that has none. Never changes; what changes it gives
 * another one, or itself where there is nothing to change. Each is linear in the entries.
 */
export class LayoutIndex {
  readonly entries: readonly Descriptor[];
  readonly #byTag = new Map<string, Descriptor>();
  readonly #byDigest = new Map<string, Descriptor>();
  #sortedTags: readonly string[] | undefined;

  constructor(entries: readonly Descriptor[]) {
    this.entries = entries;
    for (const entry of entries) {
      this.#byDigest.set(entry.digest, entry);
      const tag = tagOf(entry);
      if (tag !== undefined) this.#byTag.set(tag, entry);
    }
  }

  /** Tags in ASCII order. */
  get tags(): readonly string[] {
    return this.#sortedTags ??= [...this.#byTag.keys()].sort();
  }

  /** Every manifest once. */
  get manifests(): Iterable<Descriptor> {
    return this.#byDigest.values();
  }

  /** The manifest that a tag or a digest stands for. */
  find(reference: string): Descriptor | undefined {
    return this.#byDigest.get(reference) ?? this.#byTag.get(reference);
  }

  /** With a manifest, under these tags too; each is taken from where it was. */
  with(manifest: Descriptor, tags: readonly string[] = []): LayoutIndex {
    const { digest, mediaType } = manifest;
    const isAs = (entry?: Descriptor) => entry?.digest === digest && entry.mediaType === mediaType;
    const moved = [...new Set(tags)].filter((tag) => !isAs(this.#byTag.get(tag)));
    if (moved.length === 0 && isAs(this.#byDigest.get(digest))) return this;
    const entries = this.#entriesWithout(new Set(moved));
    const isNameless = (entry: Descriptor) =>
      entry.digest === digest && nameOf(entry) === undefined;
    const plain = { ...entries.find(isNameless), ...manifest };
    const named = moved.map((tag) => ({
      ...plain,
      annotations: { ...plain.annotations, [REF_NAME]: tag },
    }));
    const others = entries.filter((entry) => !isNameless(entry))
      .map((entry) => entry.digest === digest ? { ...entry, mediaType } : entry);
    const isListed = named.length > 0 || others.some((entry) => entry.digest === digest);
    return new LayoutIndex([...others, ...(isListed ? named : [plain])]);
  }

  /** Without a tag; its manifest stays. */
  withoutTag(tag: string): LayoutIndex {
    return this.#byTag.has(tag) ? new LayoutIndex(this.#entriesWithout(new Set([tag]))) : this;
  }

  /** Without a manifest, and so without its tags. */
  withoutManifest(digest: string): LayoutIndex {
    if (!this.#byDigest.has(digest)) return this;
    return new LayoutIndex(this.entries.filter((entry) => entry.digest !== digest));
  }

  /** A manifest whose last tag goes is listed without one. */
  #entriesWithout(tags: ReadonlySet<string>): Descriptor[] {
    const isTagged = (entry: Descriptor) => tags.has(tagOf(entry) ?? "");
    const kept = this.entries.filter((entry) => !isTagged(entry));
    const listed = new Set(kept.map(({ digest }) => digest));
    for (const entry of this.entries) {
      if (!isTagged(entry) || listed.has(entry.digest)) continue;
      kept.push(withoutName(entry));
      listed.add(entry.digest);
    }
    return kept;
  }
}

function tagOf(entry: Descriptor): string | undefined {
  const name = nameOf(entry);
  return name !== undefined && isTag(name) ? name : undefined;
}

function nameOf({ annotations }: Descriptor): string | undefined {
  return annotations?.[REF_NAME];
}

function withoutName({ annotations = {}, ...entry }: Descriptor): Descriptor {
  const { [REF_NAME]: _, ...others } = annotations;
  return Object.keys(others).length > 0 ? { ...entry, annotations: others } : entry;
}
