import { tryParseDateTime } from "../date_time.ts";
import { RegctlError } from "../errors.ts";
import { artifactTypeOf, type Descriptor, type Manifest } from "../oci/manifest.ts";
import { isImageConfigType, isImageType, isIndexType } from "../oci/media_types.ts";
import { formatPlatform, type Platform, rankPlatform, tryParsePlatform } from "../oci/platform.ts";
import { ifThere } from "../registry/if_there.ts";
import type { ConfigFacts, ContentReader, ManifestPointer } from "./content_reader.ts";
import { type ListedManifests, tells } from "./listed_manifests.ts";
import { once } from "./once.ts";
import { readAge } from "./select_facts.ts";
import type { Fact, TagFacts } from "./tag_facts.ts";

/** Official images of Docker Hub have some ten; each is fetched. */
const MAX_IMAGES = 200;
const CREATED_ANNOTATION = "org.opencontainers.image.created";

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

/** What is known of an image. */
interface ImageFacts {
  readonly created: string | undefined;
  readonly size: number | undefined;
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
  readonly #options: FactsReaderOptions;
  /** What is wanted of an image whose platform is known. */
  readonly #imageWants: ReadonlySet<Fact>;
  readonly #facts = new Map<string, Promise<ManifestFacts | undefined>>();
  readonly #images = new Map<string, Promise<ImageFacts | undefined>>();
  readonly #configs = new Map<string, Promise<ConfigFacts>>();

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
    return once(this.#facts, pointer.digest, async () => {
      // An image that an index lists, too, is read for both.
      const isImage = isImageType(manifest?.mediaType ?? pointer.mediaType);
      const found = manifest ?? (isImage ? undefined : await this.#reader.manifest(pointer));
      const { mediaType } = found ?? pointer;
      const facts = found && isIndexType(mediaType)
        ? await this.#readIndex(found)
        : await this.#readImage(pointer, found);
      return facts && { mediaType, ...facts };
    });
  }

  /** What of the images of an index has to be read for its facts. */
  async listNeeded(index: Manifest): Promise<readonly Descriptor[]> {
    const { platforms } = this.#options;
    const listed = await this.#listImages(index);
    const chosen = platforms ? [choose(listed, platforms)] : listed;
    if (platforms && this.#imageWants.size === 0) return [];
    return chosen.flatMap((image) => image ? [image.descriptor] : [])
      .filter(({ digest }) => !this.#isTold(digest));
  }

  async #listImages(index: Manifest): Promise<readonly ListedImage[]> {
    const images = (await this.#reader.listAll(index))
      .filter(({ mediaType }) => isImageType(mediaType))
      .map((descriptor) => ({ descriptor, platform: tryParsePlatform(descriptor.platform) }))
      // Build tools list what belongs to an image beside it, for a platform of that name.
      .filter(({ platform }) => platform?.os !== "unknown");
    if (images.length <= MAX_IMAGES) return images;
    throw new RegctlError("INVALID_RESPONSE", `It lists more than ${MAX_IMAGES} images`);
  }

  async #readImage(
    pointer: ManifestPointer,
    manifest?: Manifest,
  ): Promise<ManifestFacts | undefined> {
    const { digest } = pointer;
    const facts = await once(
      this.#images,
      digest,
      async () => await this.#describe(manifest ?? await this.#reader.manifest(pointer)),
    );
    // An index asked for it before, and did not mind.
    if (!facts) throw new RegctlError("NOT_FOUND", `Its manifest ${digest} is not there`);
    const { created, size, platform, artifactType } = facts;
    const wishes = this.#options.platforms;
    if (wishes && (!platform || rankPlatform(platform, wishes) === undefined)) return undefined;
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
    const artifactType = artifactTypeOf(index);
    const { platforms: wishes } = this.#options;
    if (wishes) {
      const chosen = choose(listed, wishes);
      if (!chosen) return undefined;
      const { digest } = chosen.descriptor;
      const image = { platform: formatPlatform(chosen.platform), digest };
      const common = { platforms: namePlatforms(listed), artifactType, image };
      if (this.#imageWants.size === 0) return common;
      const facts = await this.#imageOf(chosen);
      if (!facts) throw new RegctlError("NOT_FOUND", `Its image ${digest} is not there`);
      return { ...common, created: facts.created, size: facts.size };
    }
    const all = await Promise.all(
      listed.map(async (image) => ({ ...image, facts: await this.#imageOf(image) })),
    );
    // An index need not have all that it lists.
    const there = all.flatMap((one) => one.facts ? [{ ...one, facts: one.facts }] : []);
    if (listed.length > 0 && there.length === 0) {
      throw new RegctlError("NOT_FOUND", "None of the images that it lists is there");
    }
    return {
      created: this.#newest(there.map(({ facts }) => facts.created)) ??
        readDate(index.annotations?.[CREATED_ANNOTATION]),
      size: there.reduce((sum, { facts }) => sum + (facts.size ?? 0), 0),
      platforms: there.length === 0 ? undefined : namePlatforms(
        there.map(({ platform, facts }) => ({ platform: platform ?? facts.platform })),
      ),
      artifactType,
    };
  }

  #isTold(digest: string): boolean {
    const told = this.#listed.get(digest);
    return told !== undefined && tells(told, this.#imageWants);
  }

  /** Undefined where the image is not there. */
  #imageOf({ descriptor, platform }: ListedImage): Promise<ImageFacts | undefined> {
    return once(this.#images, descriptor.digest, async () => {
      if (this.#isTold(descriptor.digest)) {
        const { createdAt, size } = this.#listed.get(descriptor.digest) ?? {};
        return { created: toDate(createdAt), size, platform, artifactType: undefined };
      }
      const manifest = await ifThere(this.#reader.manifest(descriptor));
      return manifest && await this.#describe(manifest, platform);
    });
  }

  /** @param known the platform, where an index tells it */
  async #describe(manifest: Manifest, known?: Platform): Promise<ImageFacts> {
    const { config, layers, annotations } = manifest;
    const size = layers.reduce((sum, layer) => sum + layer.size, 0);
    if (!config || !isImageConfigType(config.mediaType)) {
      const created = readDate(annotations?.[CREATED_ANNOTATION]);
      return { created, size, platform: undefined, artifactType: artifactTypeOf(manifest) };
    }
    const { artifactType } = manifest;
    const { wants } = this.#options;
    if (!wants.has("created") && (known || !wants.has("platforms"))) {
      return { created: undefined, size, platform: known, artifactType };
    }
    const facts = await once(this.#configs, config.digest, () => this.#reader.config(config));
    return { created: readDate(facts.created), size, platform: facts.platform, artifactType };
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

function namePlatforms(images: readonly Pick<ListedImage, "platform">[]): readonly string[] {
  const names = images.flatMap(({ platform }) => platform ? [formatPlatform(platform)] : []);
  return [...new Set(names)];
}

/** Any value as a date of RFC 3339, if it is one. */
function readDate(value: unknown): string | undefined {
  return typeof value === "string" && tryParseDateTime(value) !== undefined ? value : undefined;
}
