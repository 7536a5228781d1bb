import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OCI_INDEX, OCI_MANIFEST } from "../../core/oci/media_types.ts";
import { content, descriptor, type TestContent } from "./embedded_registry.ts";
import type { Random } from "./random.ts";

/** A manifest, with all that a test has to know of it. */
export interface ModelManifest extends TestContent {
  /** The manifests that an index lists. */
  readonly children: readonly ModelManifest[];
  /** Configuration and layers. */
  readonly blobs: readonly TestContent[];
  /** What it refers to, by digest, there or not. */
  readonly subject?: string;
  /** When it was made, in milliseconds since the epoch; undefined where nothing usable says so. */
  readonly at: number | undefined;
}

/** What a repository holds. */
export interface ModelRepository {
  /** By digest; what others list comes before these. */
  readonly manifests: Map<string, ModelManifest>;
  readonly tags: Map<string, ModelManifest>;
}

export const DAY_MS = 86_400_000;
const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const EMPTY_TYPE = "application/vnd.oci.empty.v1+json";
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";
const CREATED = "org.opencontainers.image.created";
const WORDS = ["latest", "stable", "edge", "main", "nightly", "dev"];
const SUFFIXES = ["", "", "", "-alpine", "-slim2", "-rc1"];

/** True in `percent` of 100 cases. */
export function happens(random: Random, percent: number): boolean {
  return random.below(100) < percent;
}

/** A few of the items, each at most once. */
export function pickSome<Item>(random: Random, items: readonly Item[], max: number): Item[] {
  const left = [...items];
  const count = Math.min(left.length, 1 + random.below(max));
  return Array.from({ length: count }, () => left.splice(random.below(left.length), 1)).flat();
}

/** The tag, but for its ending, of what is about a manifest by its name (cosign). */
export function digestTag(digest: string): string {
  return digest.replace(":", "-");
}

/**
 * Makes up repositories: images, indexes in indexes, shared parts, tags of one digest, referrers by
 * subject and by tag, and some of all of it that nothing leads to.
 */
export class RepositoryGenerator {
  readonly manifests = new Map<string, ModelManifest>();
  readonly tags = new Map<string, ModelManifest>();
  readonly #random: Random;
  readonly #now: number;
  readonly #configs: { content: TestContent; at: number | undefined }[] = [];
  readonly #layers: readonly TestContent[];
  #number = 0;

  /** @param now in milliseconds since the epoch: dates are before it, or clearly behind it */
  constructor(random: Random, now: number) {
    this.#random = random;
    this.#now = now;
    this.#layers = Array.from({ length: 3 + random.below(6) }, (_, i) => {
      const text = random.text("abcdef", 1, 60);
      return content(`layer ${i} ${text}`, LAYER_TYPE);
    });
  }

  /** Fills an empty repository. */
  fill(): ModelRepository {
    const random = this.#random;
    for (let left = 2 + random.below(7); left > 0; left--) this.addImage();
    for (let left = random.below(5); left > 0; left--) this.addIndex();
    for (let left = 2 + random.below(6); left > 0; left--) this.#addTag();
    for (let left = random.below(5); left > 0; left--) this.addReferrer();
    for (let left = random.below(5); left > 0; left--) this.#addTag();
    for (let left = random.below(5); left > 0; left--) this.addSignature();
    return this;
  }

  /** An image, or an artifact, pushed by digest alone. */
  addImage(subject?: string): ModelManifest {
    const random = this.#random;
    if (happens(random, subject === undefined ? 10 : 60)) return this.#addArtifact(subject);
    const shared = this.#configs.length > 0 && happens(random, 20);
    const config = shared ? random.pick(this.#configs) : this.#newConfig();
    const layers = pickSome(random, this.#layers, 3);
    return this.#add(OCI_MANIFEST, {
      fields: {
        config: descriptor(config.content),
        layers: layers.map(descriptor),
        ...(happens(random, 20) && { annotations: { [CREATED]: "2001-01-01T00:00:00Z" } }),
      },
      ...{ children: [], blobs: [config.content, ...layers], subject, at: config.at },
    });
  }

  /** An index of manifests that are there. */
  addIndex(subject?: string, listed?: readonly ModelManifest[]): ModelManifest {
    const random = this.#random;
    const flat = [...this.manifests.values()].filter((one) => depthOf(one) < 2);
    const children = listed ?? pickSome(random, flat, 4);
    const stated = happens(random, 30) ? this.#newDate() : undefined;
    const ownDate = stated?.created === undefined ? undefined : String(stated.created);
    const images = children.filter(() => happens(random, 85));
    const entries = children.map((child) => ({
      ...descriptor(child),
      ...(images.includes(child)
        ? happens(random, 50) && { platform: { os: "linux", architecture: "amd64" } }
        : { platform: { os: "unknown", architecture: "unknown" } }),
    }));
    return this.#add(OCI_INDEX, {
      fields: {
        manifests: entries,
        ...(ownDate !== undefined && { annotations: { [CREATED]: ownDate } }),
      },
      ...{ children, blobs: [], subject },
      at: images.length > 0 ? newestDate(images) : stated?.at,
    });
  }

  /** Something with a subject: a manifest that is there, or one that nobody knows. */
  addReferrer(): ModelManifest {
    const random = this.#random;
    const digest = this.#pickSubject();
    return happens(random, 15) ? this.addIndex(digest) : this.addImage(digest);
  }

  /** A tag named after a manifest: a signature as cosign makes it, or a list of referrers. */
  addSignature(): string {
    const random = this.#random;
    const all = [...this.manifests.values()];
    const digest = this.#pickSubject();
    const referrers = all.filter(({ subject }) => subject === digest);
    const isList = referrers.length > 0 && happens(random, 40);
    const tag = `${digestTag(digest)}${isList ? "" : random.pick([".sig", ".att", ".sbom"])}`;
    const target = isList
      ? this.addIndex(undefined, referrers)
      : happens(random, 10)
      ? random.pick(all)
      : this.addImage();
    this.tags.set(tag, target);
    return tag;
  }

  /** A name that is not taken. */
  newTag(): string {
    const random = this.#random;
    for (;;) {
      const line = `${1 + random.below(2)}.${random.below(3)}`;
      const tag = random.pick([
        () => `${line}.${random.below(30)}${random.pick(SUFFIXES)}`,
        () => `${random.pick(["pr", "pr", "ci"])}-${random.below(99)}`,
        () => `${random.pick(WORDS)}${random.pick(["", "", "-1", "_x"])}`,
      ])();
      if (!this.tags.has(tag)) return tag;
    }
  }

  #addTag(): void {
    this.tags.set(this.newTag(), this.#random.pick([...this.manifests.values()]));
  }

  /** Mostly what a tag leads to, or what refers to something itself; now and then nothing at all. */
  #pickSubject(): string {
    const random = this.#random;
    const all = [...this.manifests.values()];
    const referring = all.filter(({ subject }) => subject !== undefined);
    const tagged = [...this.tags.values()];
    if (happens(random, 8)) return content(`nobody ${random.below(1000)}`).digest;
    if (referring.length > 0 && happens(random, 20)) return random.pick(referring).digest;
    return random.pick(happens(random, 60) ? tagged : all).digest;
  }

  #addArtifact(subject: string | undefined): ModelManifest {
    const random = this.#random;
    const config = content("{}", EMPTY_TYPE);
    const layers = pickSome(random, this.#layers, 2);
    const stated = happens(random, 50) ? this.#newDate() : undefined;
    const created = stated?.created === undefined ? undefined : String(stated.created);
    return this.#add(OCI_MANIFEST, {
      fields: {
        artifactType: "application/vnd.example.sbom",
        config: descriptor(config),
        layers: layers.map(descriptor),
        ...(created !== undefined && { annotations: { [CREATED]: created } }),
      },
      ...{ children: [], blobs: [config, ...layers], subject },
      at: created === undefined ? undefined : stated?.at,
    });
  }

  #add(
    mediaType: string,
    { fields, children, blobs, subject, at }: {
      readonly fields: object;
      readonly children: readonly ModelManifest[];
      readonly blobs: readonly TestContent[];
      readonly subject: string | undefined;
      readonly at: number | undefined;
    },
  ): ModelManifest {
    const document = {
      ...{ schemaVersion: 2, mediaType, ...fields },
      ...(subject !== undefined &&
        { subject: { mediaType: OCI_MANIFEST, digest: subject, size: 9 } }),
      // Each has a digest of its own.
      number: this.#number++,
    };
    const made = content(JSON.stringify(document), mediaType);
    const manifest = { ...made, children, blobs, at, ...(subject !== undefined && { subject }) };
    this.manifests.set(made.digest, manifest);
    return manifest;
  }

  #newConfig() {
    const random = this.#random;
    const { created, at } = this.#newDate();
    const fields = { architecture: "amd64", os: "linux", created, number: this.#number++ };
    const isBroken = happens(random, 4);
    const text = isBroken ? random.pick(["", "[]", "null", "{"]) : JSON.stringify(fields);
    const config = { content: content(text, CONFIG_TYPE), at: isBroken ? undefined : at };
    this.#configs.push(config);
    return config;
  }

  /** What an image states of its age, and what that is worth. */
  #newDate(): { readonly created: unknown; readonly at: number | undefined } {
    const random = this.#random;
    const ahead = (ms: number) => new Date(this.#now + ms).toISOString();
    if (happens(random, 12)) {
      const created = random.pick([
        ...[undefined, null, "", 1_700_000_000, "yesterday", "2024-02-30T00:00:00Z", "2024-05-06"],
        ...["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1980-01-01T00:00:00Z"],
        ...[ahead(3 * DAY_MS), ahead(400 * DAY_MS)],
      ]);
      return { created, at: undefined };
    }
    // In the middle of a day, so that the time that passes is of no matter; a clock may be wrong.
    const at = happens(random, 3)
      ? this.#now + DAY_MS / 12
      : this.#now - random.below(60) * DAY_MS - DAY_MS / 2 - random.below(60_000);
    return { created: new Date(at).toISOString(), at };
  }
}

/** All that manifests list, themselves included. */
export function withParts(roots: Iterable<ModelManifest>): Set<ModelManifest> {
  const found = new Set(roots);
  // It grows while it is read.
  for (const { children } of found) for (const child of children) found.add(child);
  return found;
}

/** Writes a repository into the folder of a registry, as an image layout. */
export function writeLayout(folder: string, name: string, repository: ModelRepository): void {
  const layout = join(folder, name);
  mkdirSync(join(layout, "blobs", "sha256"), { recursive: true });
  const write = ({ digest, bytes }: TestContent) =>
    writeFileSync(join(layout, "blobs", ...digest.split(":")), bytes);
  const manifests = [...repository.manifests.values()];
  for (const one of manifests) [one, ...one.blobs].forEach(write);
  const entries = manifests.flatMap(({ mediaType, digest, size }) => {
    const tags = [...repository.tags].flatMap(([tag, { digest: found }]) =>
      found === digest ? [tag] : []
    );
    const named = tags.map((tag) => ({
      annotations: { "org.opencontainers.image.ref.name": tag },
    }));
    return (named.length > 0 ? named : [{}]).map((more) => ({ mediaType, digest, size, ...more }));
  });
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    join(layout, "index.json"),
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: entries }),
  );
}

/** An index is as old as the newest of its images; unknown where one of them is. */
function newestDate(images: readonly ModelManifest[]): number | undefined {
  const newest = Math.max(...images.map(({ at }) => at ?? NaN));
  return Number.isNaN(newest) ? undefined : newest;
}

function depthOf({ children }: ModelManifest): number {
  return children.length === 0 ? 0 : 1 + Math.max(...children.map(depthOf));
}
