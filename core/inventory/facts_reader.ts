import { RegctlError } from "../errors.ts";
import { CREATED_ANNOTATION } from "../oci/image_date.ts";
import { artifactTypeOf, type Descriptor, type Manifest } from "../oci/manifest.ts";
import { isImageConfigType, isImageType, isIndexType } from "../oci/media_types.ts";
import {
  formatPlatform,
  isPlaceholder,
  type Platform,
  rankPlatform,
  tryParsePlatform,
} from "../oci/platform.ts";
import { ifThere } from "../registry/if_there.ts";
import {
  type ConfigFacts,
  type ContentReader,
  type ManifestPointer,
  readDate,
} from "./content_reader.ts";
import { type ListedManifests, tells } from "./listed_manifests.ts";
import { Memo } from "./memo.ts";
import { readAge } from "./select_facts.ts";
import type { Fact, TagFacts } from "./tag_facts.ts";

/** Official images of Docker Hub have some ten; each is fetched. */
const MAX_IMAGES = 200;

/** How {@linkcode FactsReader} reads. */
export interface FactsReaderOptions {
  /** What is wanted; what costs no request more is told, too. */
  readonly wants: ReadonlySet<Fact>;
  /** Tells of this image of an index alone: what is wished for, the best first. Default: of all. */
  readonly platforms?: readonly Platform[] | undefined;
  /** In milliseconds since the epoch. */
  readonly now: number;
}

/** What is known of a manifest, whatever tag it has. */
export type ManifestFacts = Omit<TagFacts, "tag" | "digest" | "pushed">;

/** What the manifest of an image says. */
interface ImageManifest {
  readonly size: number;
  /** Of an image to be run. */
  readonly config: Descriptor | undefined;
  /** The date in its annotations. */
  readonly annotated: string | undefined;
  readonly artifactType: string | undefined;
}

/** What is known of an image inside of an index. */
type InnerFacts = Pick<TagFacts, "created" | "size"> & Pick<ListedImage, "platform">;

/** An image that an index lists. */
interface ListedImage {
  readonly pointer: Required<ManifestPointer>;
  /** As the index says. */
  readonly platform: Platform | undefined;
}

/** What an index says. */
interface Index {
  readonly mediaType: string;
  readonly images: readonly ListedImage[];
  /** The date in its annotations. */
  readonly annotated: string | undefined;
  readonly artifactType: string | undefined;
}

/** As many manifests, and configurations, are remembered; more would take too much memory. */
const MAX_REMEMBERED = 20_000;

/** Finds out facts of manifests: of each once, with one request for each manifest and configuration. */
export class FactsReader {
  readonly #reader: ContentReader;
  readonly #listed: ListedManifests;
  readonly #options: FactsReaderOptions;
  /** What is wanted of an image whose platform is known. */
  readonly #imageWants: ReadonlySet<Fact>;
  readonly #facts = new Memo<ManifestFacts | undefined>({ max: MAX_REMEMBERED });
  readonly #images = new Memo<ImageManifest>({ max: MAX_REMEMBERED });
  readonly #configs = new Memo<ConfigFacts>({ max: MAX_REMEMBERED });
  /** Those that were read ahead of their turn. */
  readonly #indexes = new Map<string, Promise<Index>>();

  constructor(reader: ContentReader, listed: ListedManifests, options: FactsReaderOptions) {
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
    const { digest } = pointer;
    return this.#facts.get(digest, async () => {
      const ahead = this.#indexes.get(digest);
      this.#indexes.delete(digest);
      if (ahead) return await this.#readIndex(await ahead);
      // An image that an index lists, too, is read for both.
      if (isImageType(manifest?.mediaType ?? pointer.mediaType)) {
        return await this.#readImage(pointer, manifest);
      }
      const found = manifest ?? await this.#reader.manifest(pointer);
      return isIndexType(found.mediaType)
        ? await this.#readIndex(await this.#describeIndex(found))
        : await this.#readImage({ ...pointer, mediaType: found.mediaType }, found);
    });
  }

  /** The images of an index that have to be read for its facts; it is remembered until then. */
  async listNeeded(pointer: ManifestPointer): Promise<readonly ManifestPointer[]> {
    const reading = this.#reader.manifest(pointer).then((found) => this.#describeIndex(found));
    this.#indexes.set(pointer.digest, reading);
    const { images } = await reading;
    const { platforms } = this.#options;
    if (platforms && this.#imageWants.size === 0) return [];
    const chosen = platforms ? [choose(images, platforms)] : images;
    return chosen.flatMap((image) => image ? [image.pointer] : [])
      .filter(({ digest }) => !this.#isTold(digest));
  }

  async #describeIndex(index: Manifest): Promise<Index> {
    const images = (await this.#reader.listAll(index)).flatMap((descriptor) => {
      const { digest, mediaType, size } = descriptor;
      const platform = tryParsePlatform(descriptor.platform);
      const isImage = isImageType(mediaType) && !(platform && isPlaceholder(platform));
      return isImage ? [{ pointer: { digest, mediaType, size }, platform }] : [];
    });
    if (images.length > MAX_IMAGES) {
      throw new RegctlError("INVALID_RESPONSE", `It lists more than ${MAX_IMAGES} images`);
    }
    return {
      mediaType: index.mediaType,
      images,
      annotated: readDate(index.annotations?.[CREATED_ANNOTATION]),
      artifactType: artifactTypeOf(index),
    };
  }

  async #readImage(
    pointer: ManifestPointer,
    manifest?: Manifest,
  ): Promise<ManifestFacts | undefined> {
    const { digest, mediaType } = pointer;
    const { platforms: wishes, wants } = this.#options;
    const { size, config, annotated, artifactType } = await this.#imageOf(pointer, manifest);
    const isWanted = wants.has("created") || wants.has("platforms");
    const facts = config && isWanted ? await this.#configOf(config) : undefined;
    const { platform } = facts ?? {};
    if (wishes && (!platform || rankPlatform(platform, wishes) === undefined)) return undefined;
    const name = platform && formatPlatform(platform);
    return {
      mediaType,
      created: config ? facts?.created : annotated,
      size,
      platforms: name === undefined ? undefined : [name],
      artifactType,
      ...(wishes && name !== undefined && { image: { platform: name, digest } }),
    };
  }

  async #readIndex(
    { mediaType, images, annotated, artifactType }: Index,
  ): Promise<ManifestFacts | undefined> {
    const { platforms: wishes } = this.#options;
    if (wishes) {
      const chosen = choose(images, wishes);
      if (!chosen) return undefined;
      const { digest } = chosen.pointer;
      const image = { platform: formatPlatform(chosen.platform), digest };
      const common = { mediaType, platforms: namePlatforms(images), artifactType, image };
      if (this.#imageWants.size === 0) return common;
      const facts = await this.#readInner(chosen);
      if (!facts) throw new RegctlError("NOT_FOUND", `Its image ${digest} is not there`);
      return { ...common, created: facts.created, size: facts.size };
    }
    const all = await Promise.all(images.map((image) => this.#readInner(image)));
    // An index need not have all that it lists.
    const there = all.filter((facts) => facts !== undefined);
    if (images.length > 0 && there.length === 0) {
      throw new RegctlError("NOT_FOUND", "None of the images that it lists is there");
    }
    return {
      mediaType,
      created: this.#newest(there.map(({ created }) => created)) ?? annotated,
      size: there.reduce((sum, { size }) => sum + (size ?? 0), 0),
      platforms: there.length === 0 ? undefined : namePlatforms(there),
      artifactType,
    };
  }

  #isTold(digest: string): boolean {
    const told = this.#listed.get(digest);
    return told !== undefined && tells(told, this.#imageWants);
  }

  /** Undefined where the image is not there. */
  async #readInner({ pointer, platform }: ListedImage): Promise<InnerFacts | undefined> {
    if (this.#isTold(pointer.digest)) {
      const { createdAt, size } = this.#listed.get(pointer.digest) ?? {};
      return { created: toDate(createdAt), size, platform };
    }
    const image = await ifThere(this.#imageOf(pointer));
    if (!image) return undefined;
    const { size, config, annotated } = image;
    const { wants } = this.#options;
    const isWanted = wants.has("created") || (wants.has("platforms") && !platform);
    const facts = config && isWanted ? await this.#configOf(config) : undefined;
    return {
      created: config ? facts?.created : annotated,
      size,
      platform: platform ?? facts?.platform,
    };
  }

  #imageOf(pointer: ManifestPointer, known?: Manifest): Promise<ImageManifest> {
    return this.#images.get(pointer.digest, async () => {
      const manifest = known ?? await this.#reader.manifest(pointer);
      const { config, layers, annotations } = manifest;
      const isRunnable = config !== undefined && isImageConfigType(config.mediaType);
      return {
        size: layers.reduce((sum, layer) => sum + layer.size, 0),
        config: isRunnable ? config : undefined,
        annotated: readDate(annotations?.[CREATED_ANNOTATION]),
        artifactType: isRunnable ? manifest.artifactType : artifactTypeOf(manifest),
      };
    });
  }

  #configOf(config: Descriptor): Promise<ConfigFacts> {
    return this.#configs.get(config.digest, () => this.#reader.config(config));
  }

  #newest(dates: readonly (string | undefined)[]): string | undefined {
    let newest: { readonly at: number; readonly text: string } | undefined;
    for (const text of dates) {
      if (text === undefined) continue;
      // One that says nothing about age is told where there is no other.
      const at = readAge(text, this.#options.now) ?? -Infinity;
      if (!newest || at > newest.at) newest = { at, text };
    }
    return newest?.text;
  }
}

/** RFC 3339 of milliseconds since the epoch. */
export function toDate(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}

function choose(images: readonly ListedImage[], wishes: readonly Platform[]) {
  let best: ListedImage & { readonly platform: Platform } | undefined;
  let bestRank = Infinity;
  for (const { pointer, platform } of images) {
    const rank = platform && rankPlatform(platform, wishes);
    if (!platform || rank === undefined || rank >= bestRank) continue;
    best = { pointer, platform };
    bestRank = rank;
  }
  return best;
}

function namePlatforms(images: readonly Pick<ListedImage, "platform">[]): readonly string[] {
  const names = images.flatMap(({ platform }) => platform ? [formatPlatform(platform)] : []);
  return [...new Set(names)];
}
