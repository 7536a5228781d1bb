import { Buffer } from "node:buffer";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { sha256 } from "./stored_content.ts";

/** An image of {@linkcode makeImages}. */
export interface ManyImage {
  /** One or more, all of the same manifest; an image inside of an index has none. */
  readonly tags: readonly string[];
  readonly digest: string;
  readonly manifest: string;
  /** Of an image; an index has none. */
  readonly config?: string;
  /** Milliseconds since the epoch. No two images of {@linkcode makeImages} have the same. */
  readonly createdAt: number;
  /** The images that an index lists. */
  readonly images?: readonly ManyImage[];
}

/** What {@linkcode makeImages} makes. */
export interface ManyImagesOptions {
  /** How many. */
  readonly count: number;
  /** Of the image of this number. Default: one, `build-17`. */
  readonly tagsOf?: (i: number) => readonly string[];
}

const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";
const HOUR_MS = 3_600_000;
/** A prime, so that the steps meet each of fewer numbers once. */
const STEP = 7919;

/** What all images share. */
const LAYERS = [1, 2, 3].map((blocks) => Buffer.from(gzipSync(Buffer.alloc(blocks * 1024))));
const DIFF_IDS = [1, 2, 3].map((blocks) => sha256(Buffer.alloc(blocks * 1024)));

/** Images that differ in their configurations alone. Neither their order nor their tags tell their age. */
export function makeImages(
  { count, tagsOf = (i) => [`build-${i}`] }: ManyImagesOptions,
): readonly ManyImage[] {
  return Array.from({ length: count }, (_, i) => {
    const createdAt = Date.UTC(2024, 0, 1) + (i * STEP % count) * HOUR_MS;
    const config = JSON.stringify({
      created: new Date(createdAt).toISOString(),
      architecture: "amd64",
      os: "linux",
      config: { Labels: { number: String(i) } },
      rootfs: { type: "layers", diff_ids: DIFF_IDS },
    });
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: describe(CONFIG_TYPE, Buffer.from(config)),
      layers: LAYERS.map((bytes) => describe(LAYER_TYPE, bytes)),
    });
    return { tags: tagsOf(i), digest: sha256(manifest), manifest, config, createdAt };
  });
}

/** What {@linkcode makeMixedTags} makes. */
export interface MixedTagsOptions {
  /** How many, each with a manifest of its own. */
  readonly count: number;
  /** Each tag of so many is an index of four platforms. */
  readonly indexEvery: number;
  /** How many configurations each platform has, which the images share. */
  readonly configs: number;
}

const ARCHITECTURES = ["amd64", "arm64", "s390x", "ppc64le"];

/** Tags of images and of indexes, as a repository has them that is built into for long. */
export function makeMixedTags(
  { count, indexEvery, configs }: MixedTagsOptions,
): readonly ManyImage[] {
  const makeImage = (i: number, architecture: string): Required<Omit<ManyImage, "images">> => {
    const createdAt = Date.UTC(2024, 0, 1) + i % configs * HOUR_MS;
    const config = JSON.stringify({
      created: new Date(createdAt).toISOString(),
      architecture,
      os: "linux",
      rootfs: { type: "layers", diff_ids: DIFF_IDS },
    });
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: describe(CONFIG_TYPE, Buffer.from(config)),
      layers: LAYERS.slice(i % 3).map((bytes) => describe(LAYER_TYPE, bytes)),
      annotations: { "test.number": `${i} ${architecture}` },
    });
    return { tags: [], digest: sha256(manifest), manifest, config, createdAt };
  };
  return Array.from({ length: count }, (_, i) => {
    const tags = [`build-${i}`];
    if (i % indexEvery !== 0) return { ...makeImage(i, "amd64"), tags };
    const images = ARCHITECTURES.map((architecture) => makeImage(i, architecture));
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: INDEX_TYPE,
      manifests: images.map((image, j) => ({
        ...describe(MANIFEST_TYPE, Buffer.from(image.manifest)),
        platform: { os: "linux", architecture: ARCHITECTURES[j] },
      })),
    });
    const [{ createdAt } = { createdAt: 0 }] = images;
    return { tags, digest: sha256(manifest), manifest, createdAt, images };
  });
}

/** The newest images first. */
export function newestFirst(images: readonly ManyImage[]): readonly ManyImage[] {
  return images.toSorted((a, b) => b.createdAt - a.createdAt);
}

/**
 * Writes images into the storage of a `docker-registry`, as pushing them would leave it: that takes
 * a tenth of the time.
 *
 * @param folder its `rootdirectory`; the registry may run already
 */
export function writeDockerStorage(
  folder: string,
  repository: string,
  images: readonly ManyImage[],
): void {
  const root = join(folder, "docker/registry/v2");
  const home = join(root, "repositories", repository);
  const writeBlob = (bytes: string | Uint8Array) => {
    const hex = hexOf(sha256(bytes));
    write(join(root, "blobs/sha256", hex.slice(0, 2), hex), "data", bytes);
    return hex;
  };
  const writeLink = (path: string, hex: string) => write(join(home, path), "link", `sha256:${hex}`);
  for (const bytes of LAYERS) {
    const hex = writeBlob(bytes);
    writeLink(`_layers/sha256/${hex}`, hex);
  }
  for (const { tags, manifest, config } of images.flatMap(withInner)) {
    if (config !== undefined) {
      const configHex = writeBlob(config);
      writeLink(`_layers/sha256/${configHex}`, configHex);
    }
    const hex = writeBlob(manifest);
    writeLink(`_manifests/revisions/sha256/${hex}`, hex);
    for (const tag of tags) {
      writeLink(`_manifests/tags/${tag}/current`, hex);
      writeLink(`_manifests/tags/${tag}/index/sha256/${hex}`, hex);
    }
  }
}

/** Writes images as an OCI image layout, such as one of `regctl serve --dir`. */
export function writeLayout(folder: string, images: readonly ManyImage[]): void {
  const writeBlob = (bytes: string | Uint8Array) =>
    write(join(folder, "blobs/sha256"), hexOf(sha256(bytes)), bytes);
  for (const bytes of LAYERS) writeBlob(bytes);
  for (const { manifest, config } of images.flatMap(withInner)) {
    if (config !== undefined) writeBlob(config);
    writeBlob(manifest);
  }
  const manifests = images.flatMap(({ tags, manifest, images }) =>
    tags.map((tag) => ({
      ...describe(images ? INDEX_TYPE : MANIFEST_TYPE, Buffer.from(manifest)),
      annotations: { "org.opencontainers.image.ref.name": tag },
    }))
  );
  write(folder, "index.json", JSON.stringify({ schemaVersion: 2, manifests }));
  write(folder, "oci-layout", JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}

function withInner(image: ManyImage): readonly ManyImage[] {
  return [...image.images ?? [], image];
}

function write(folder: string, name: string, content: string | Uint8Array): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), content);
}

function describe(mediaType: string, bytes: Uint8Array) {
  return { mediaType, digest: sha256(bytes), size: bytes.length };
}

function hexOf(digest: string): string {
  return digest.slice("sha256:".length);
}
