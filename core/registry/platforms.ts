import { RegctlError } from "../errors.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { isImageConfigType, isImageType, isIndexType } from "../oci/media_types.ts";
import {
  formatPlatform,
  isPlaceholder,
  type Platform,
  rankPlatform,
  tryParsePlatform,
} from "../oci/platform.ts";
import { tryParseJson } from "../oci/try_parse_json.ts";
import { formatReference, type Reference } from "../reference/reference.ts";
import { joinSome } from "../shorten.ts";
import { getBlob, MAX_CONFIG_BYTES } from "./blobs.ts";
import type { RegistryClient } from "./client.ts";
import { getManifest, type ManifestContent } from "./manifests.ts";

// An index may list indexes. Nobody builds deeper ones, and a registry must not lead us on and on.
const MAX_DEPTH = 3;
/** Far more than there are platforms. */
const MAX_CHILDREN = 10_000;
/** Each is fetched. */
const MAX_INDEXES = 32;
/** A longer list of what there is helps nobody. */
const MAX_NAMED = 20;

/** An image chosen for a platform. */
export interface PlatformImage {
  /** Names it, by its digest where an index lists it. */
  readonly reference: Reference;
  /** Points to it. */
  readonly descriptor: Descriptor;
  /** Its manifest, where it had to be got on the way. */
  readonly content?: ManifestContent;
}

/**
 * Finds the image for a platform: the one that an index lists for it, or the image itself where its
 * configuration says that it is for that platform. Of several wishes the first that can be met
 * counts. Images inside of the index are described, not got.
 *
 * Throws `NOT_FOUND`, naming the platforms there are.
 *
 * @param known the manifest of the reference, where it is at hand already
 */
export async function findPlatform(
  client: RegistryClient,
  reference: Reference,
  wishes: readonly Platform[],
  known?: ManifestContent,
): Promise<PlatformImage> {
  const content = known ?? await getManifest(client, reference);
  if (isIndexType(content.descriptor.mediaType)) {
    const search = new Search(client, reference, wishes);
    await search.visit(content, 1);
    return search.finish();
  }
  const platform = await readPlatform(client, reference, content);
  if (platform && rankPlatform(platform, wishes) !== undefined) {
    return { reference, descriptor: content.descriptor, content };
  }
  throw notFound(reference, wishes, platform ? [platform] : []);
}

/** The platform in an image's configuration; undefined for what is no image to be run. */
async function readPlatform(
  client: RegistryClient,
  { repository }: Reference,
  { manifest: { config } }: ManifestContent,
): Promise<Platform | undefined> {
  if (!config || !isImageConfigType(config.mediaType)) return undefined;
  const bytes = await getBlob(client, repository, config, MAX_CONFIG_BYTES);
  return tryParsePlatform(tryParseJson(bytes));
}

/** A walk through an index and the indexes in it. */
class Search {
  readonly #client: RegistryClient;
  readonly #reference: Reference;
  readonly #wishes: readonly Platform[];
  readonly #found: Platform[] = [];
  readonly #visited = new Set<string>();
  #children = 0;
  #best: { readonly descriptor: Descriptor; readonly rank: number } | undefined;

  constructor(client: RegistryClient, reference: Reference, wishes: readonly Platform[]) {
    this.#client = client;
    this.#reference = reference;
    this.#wishes = wishes;
  }

  async visit({ manifest: { manifests } }: ManifestContent, depth: number): Promise<void> {
    this.#children += manifests.length;
    if (depth > MAX_DEPTH) throw this.#refuse("indexes in indexes without end");
    if (this.#children > MAX_CHILDREN) throw this.#refuse("too many manifests");
    for (const child of manifests) {
      if (isIndexType(child.mediaType)) {
        if (this.#visited.has(child.digest)) continue;
        this.#visited.add(child.digest);
        if (this.#visited.size > MAX_INDEXES) throw this.#refuse("too many indexes");
        const { repository } = this.#reference;
        const reference = { repository, digest: child.digest };
        await this.visit(
          await getManifest(this.#client, reference, { descriptor: child }),
          depth + 1,
        );
      } else if (isImageType(child.mediaType)) this.#consider(child);
    }
  }

  #refuse(what: string): RegctlError {
    const name = formatReference(this.#reference);
    return new RegctlError(
      "INVALID_RESPONSE",
      `Cannot find a platform of "${name}": it lists ${what}`,
    );
  }

  #consider(descriptor: Descriptor): void {
    const platform = tryParsePlatform(descriptor.platform);
    if (!platform || isPlaceholder(platform)) return;
    this.#found.push(platform);
    const rank = rankPlatform(platform, this.#wishes);
    if (rank !== undefined && rank < (this.#best?.rank ?? Infinity)) {
      this.#best = { descriptor, rank };
    }
  }

  finish(): PlatformImage {
    if (!this.#best) throw notFound(this.#reference, this.#wishes, this.#found);
    const { descriptor } = this.#best;
    const { repository } = this.#reference;
    return { reference: { repository, digest: descriptor.digest }, descriptor };
  }
}

function notFound(
  reference: Reference,
  wishes: readonly Platform[],
  found: readonly Platform[],
): RegctlError {
  const [wish] = wishes;
  const names = [...new Set(found.map(formatPlatform))];
  return new RegctlError(
    "NOT_FOUND",
    `"${formatReference(reference)}" has no image for ${wish ? formatPlatform(wish) : "that"}: ` +
      (names.length > 0 ? `there is ${joinSome(names, MAX_NAMED)}` : "it names no platform at all"),
    { hint: names.length > 0 ? "Choose one of these with --platform" : undefined },
  );
}
