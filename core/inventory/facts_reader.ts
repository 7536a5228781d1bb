import { tryParseDateTime } from "../date_time.ts";
import { RegctlError } from "../errors.ts";
import { readImageDate } from "../oci/image_date.ts";
import { artifactTypeOf, type Descriptor, type Manifest } from "../oci/manifest.ts";
import { isImageConfigType, isImageType, isIndexType } from "../oci/media_types.ts";
import { formatPlatform, type Platform, rankPlatform, tryParsePlatform } from "../oci/platform.ts";
import { ifThere } from "../registry/if_there.ts";
import type { ConfigFacts, ContentReader, ManifestPointer } from "./content_reader.ts";
import { type ListedManifests, tells } from "./listed_manifests.ts";
import type { Fact, TagFacts } from "./tag_facts.ts";

// Nobody nests indexes deeper, and a registry must not lead us on and on.
const MAX_DEPTH = 3;
/** Official images of Docker Hub have some ten; each is fetched. */
const MAX_IMAGES = 200;
const CREATED_ANNOTATION = "org.opencontainers.image.created";

/** How {@linkcode FactsReader} reads. */
export interface FactsOptions {
  /** What is wanted; what costs no request more is told, too. */
  readonly wants: ReadonlySet<Fact>;
  /** Tells of this image of an index alone: what is wished for, the best first. Default: of all. */
  readonly platforms?: readonly Platform[] | undefined;
  /** In milliseconds since the epoch. */
  readonly now: number;
}

/** What is known of a manifest, whatever tag it has. */
export type ManifestFacts = Omit<TagFacts, "tag" | "digest" | "pushed">;

/** What is known of an image; a platform is left out where nobody says. */
interface ImageFacts {
  readonly created: string | undefined;
  readonly size: number;
  readonly platform: Platform | undefined;
  readonly artifactType: string | undefined;
}

/** An image that an index lists. */
interface ListedImage {
  readonly descriptor: Descriptor;
  readonly platform: Platform | undefined;
}

/** Finds out facts of manifests: of each once, with one request for each manifest and configuration. */
export class FactsReader {
  readonly #reader: ContentReader;
  readonly #listed: ListedManifests;
  readonly #options: FactsOptions;
  /** What is wanted of an image whose platform is known. */
  readonly #imageWants: ReadonlySet<Fact>;
  readonly #facts = new Map<string, Promise<ManifestFacts | undefined>>();
  readonly #images = new Map<string, Promise<ImageFacts | undefined>>();
  /** Those that were read ahead of their turn. */
  readonly #indexes = new Map<string, Promise<Manifest>>();
  readonly #configs = new Map<string, Promise<ConfigFacts>>();

  constructor(reader: ContentReader, listed: ListedManifests, options: FactsOptions) {
    this.#reader = reader;
    this.#listed = listed;
    this.#options = options;
    this.#imageWants = new Set([...options.wants].filter((fact) => fact !== "platforms"));
  }

  /**
   * The facts of a manifest; undefined where it has no image for the platform.
   *
   * @param manifest where it is at hand already
   */
  read(pointer: ManifestPointer, manifest?: Manifest): Promise<ManifestFacts | undefined> {
    return once(this.#facts, pointer.digest, async () => {
      const { digest } = pointer;
      const found = manifest ?? await (this.#indexes.get(digest) ?? this.#reader.manifest(pointer));
      const { mediaType } = found;
      const facts = isIndexType(mediaType)
        ? await this.#readIndex(found)
        : await this.#readImage(digest, found);
      return facts && { mediaType, ...facts };
    });
  }

  /** The images whose manifests the facts of an index need; reads the index, and keeps it for them. */
  async listNeeded(pointer: ManifestPointer): Promise<readonly Descriptor[]> {
    const index = await once(this.#indexes, pointer.digest, () => this.#reader.manifest(pointer));
    const { platforms } = this.#options;
    const listed = await this.#listImages(index);
    const chosen = platforms ? [choose(listed, platforms)] : listed;
    return chosen.flatMap((image) => image ? [image.descriptor] : []).filter(({ digest }) => {
      const told = this.#listed.get(digest);
      return !told || !tells(told, this.#imageWants);
    });
  }

  /** The images that an index lists, and the indexes in it, which are read for that. */
  async #listImages({ manifests }: Manifest, depth = 1): Promise<readonly ListedImage[]> {
    const images: ListedImage[] = [];
    for (const descriptor of manifests) {
      const platform = tryParsePlatform(descriptor.platform);
      // Build tools list what belongs to an image beside it, for a platform of that name.
      if (platform?.os === "unknown") continue;
      if (isImageType(descriptor.mediaType)) images.push({ descriptor, platform });
      if (isIndexType(descriptor.mediaType)) {
        if (depth >= MAX_DEPTH) throw refuse("It lists indexes in indexes without end");
        const inner = await ifThere(this.#reader.manifest(descriptor));
        for (const image of inner ? await this.#listImages(inner, depth + 1) : []) {
          images.push(image);
        }
      }
      if (images.length > MAX_IMAGES) throw refuse(`It lists more than ${MAX_IMAGES} images`);
    }
    return images;
  }

  async #readImage(digest: string, manifest: Manifest): Promise<ManifestFacts | undefined> {
    const facts = await this.#describe(manifest);
    const { created, size, platform, artifactType } = facts;
    const wishes = this.#options.platforms;
    if (wishes && !(platform && rankPlatform(platform, wishes) !== undefined)) return undefined;
    const name = platform && formatPlatform(platform);
    return {
      created,
      size,
      platforms: name === undefined ? undefined : [name],
      artifactType,
      ...(wishes && name !== undefined && { image: { platform: name, digest } }),
    };
  }

  async #readIndex(index: Manifest): Promise<ManifestFacts | undefined> {
    const listed = await this.#listImages(index);
    const platforms = listed.flatMap(({ platform }) => platform ? [formatPlatform(platform)] : []);
    const common = {
      platforms: listed.length > 0 ? [...new Set(platforms)] : undefined,
      artifactType: artifactTypeOf(index),
    };
    const { platforms: wishes } = this.#options;
    if (wishes) {
      const chosen = choose(listed, wishes);
      if (!chosen) return undefined;
      const { digest } = chosen.descriptor;
      const facts = await this.#imageOf(chosen);
      if (!facts) throw new RegctlError("NOT_FOUND", `Its image ${digest} is not there`);
      const { created, size } = facts;
      const image = { platform: formatPlatform(chosen.platform), digest };
      return { ...common, created, size, image };
    }
    // An index need not have all that it lists.
    const each = new Map(listed.map((image) => [image.descriptor.digest, image])).values();
    const images = (await Promise.all(each.map((image) => this.#imageOf(image))))
      .filter((facts) => facts !== undefined);
    return {
      ...common,
      created: this.#newest(images) ?? readText(index.annotations?.[CREATED_ANNOTATION]),
      size: images.reduce((sum, { size }) => sum + size, 0),
    };
  }

  /** Undefined where the image is not there. */
  #imageOf({ descriptor, platform }: ListedImage): Promise<ImageFacts | undefined> {
    return once(this.#images, descriptor.digest, async () => {
      const told = this.#listed.get(descriptor.digest);
      if (told && tells(told, this.#imageWants)) {
        const created = toDate(told.createdAt);
        return { created, size: told.size ?? 0, platform, artifactType: undefined };
      }
      const manifest = await ifThere(this.#reader.manifest(descriptor));
      return manifest && await this.#describe(manifest);
    });
  }

  async #describe(manifest: Manifest): Promise<ImageFacts> {
    const { config, layers, annotations } = manifest;
    const size = layers.reduce((sum, layer) => sum + layer.size, 0);
    if (!config || !isImageConfigType(config.mediaType)) {
      const created = readText(annotations?.[CREATED_ANNOTATION]);
      return { created, size, platform: undefined, artifactType: artifactTypeOf(manifest) };
    }
    const { artifactType } = manifest;
    const { wants, platforms } = this.#options;
    if (!wants.has("created") && !platforms) {
      return { created: undefined, size, platform: undefined, artifactType };
    }
    const { created, platform } = await once(
      this.#configs,
      config.digest,
      () => this.#reader.config(config),
    );
    return { created: readText(created), size, platform, artifactType };
  }

  #newest(images: readonly ImageFacts[]): string | undefined {
    let newest: { readonly at: number; readonly text: string } | undefined;
    for (const { created: text } of images) {
      if (text === undefined) continue;
      const date = readImageDate(text, this.#options.now);
      // One that says nothing about age is told where there is no other.
      const at = "at" in date ? date.at : -Infinity;
      if (!newest || at > newest.at) newest = { at, text };
    }
    return newest?.text;
  }
}

/** RFC 3339 of milliseconds since the epoch. */
export function toDate(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}

function choose(listed: readonly ListedImage[], wishes: readonly Platform[]) {
  let best: { readonly descriptor: Descriptor; readonly platform: Platform } | undefined;
  let bestRank = Infinity;
  for (const { descriptor, platform } of listed) {
    const rank = platform && rankPlatform(platform, wishes);
    if (!platform || rank === undefined || rank >= bestRank) continue;
    best = { descriptor, platform };
    bestRank = rank;
  }
  return best;
}

/** It is not said to be one of RFC 3339 where it is none. */
function readText(created: unknown): string | undefined {
  return typeof created === "string" && tryParseDateTime(created) !== undefined
    ? created
    : undefined;
}

function refuse(reason: string): RegctlError {
  return new RegctlError("INVALID_RESPONSE", reason);
}

/** What a task gives that is done once for each key; one that failed is not tried again. */
function once<T>(done: Map<string, Promise<T>>, key: string, task: () => Promise<T>): Promise<T> {
  const known = done.get(key);
  if (known) return known;
  const begun = task();
  done.set(key, begun);
  // Thrown where it is waited for.
  begun.catch(() => {});
  return begun;
}
