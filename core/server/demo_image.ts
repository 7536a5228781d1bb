import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import type { Descriptor } from "../oci/manifest.ts";
import { CREATED_ANNOTATION } from "../oci/image_date.ts";
import { OCI_MANIFEST } from "../oci/media_types.ts";

const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";

/** A platform of an image (image-spec, image-index.md, "platform"). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** What an image is made from. */
export interface ImageParts {
  readonly platform: Platform;
  readonly created: Date;
  readonly labels: Readonly<Record<string, string>>;
  /** Each becomes a layer: file names and their texts. Layers with equal files are equal. */
  readonly layers: readonly Readonly<Record<string, string>>[];
}

/** Bytes and what points to them. */
export interface Content {
  readonly bytes: Uint8Array;
  readonly descriptor: Descriptor;
}

/** An image, whole. */
export interface DemoImage {
  readonly blobs: readonly Content[];
  readonly manifest: Content;
}

/** Makes a small but real image: tar layers with files, their true digests, a config that fits. */
export async function makeImage(parts: ImageParts): Promise<DemoImage> {
  const { platform, created, labels } = parts;
  const archives = await Promise.all(parts.layers.map(packFiles));
  const layers = archives.map((tar) => makeContent(gzipSync(tar), LAYER_TYPE));
  const config = makeJson({
    created: created.toISOString(),
    ...platform,
    config: { Cmd: ["/bin/sh"], Labels: labels },
    rootfs: { type: "layers", diff_ids: archives.map(digestOf) },
    history: parts.layers.map((files) => ({
      created: created.toISOString(),
      created_by: `COPY ${Object.keys(files).join(" ")} /`,
    })),
  }, CONFIG_TYPE);
  const manifest = makeJson({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
    annotations: { [CREATED_ANNOTATION]: created.toISOString() },
  }, OCI_MANIFEST);
  return { blobs: [...layers, config], manifest };
}

/** A JSON document and its descriptor. */
export function makeJson(document: object, mediaType: string): Content {
  return makeContent(Buffer.from(JSON.stringify(document)), mediaType);
}

/** Bytes and their descriptor. */
export function makeContent(bytes: Uint8Array, mediaType: string): Content {
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength } };
}

async function packFiles(files: Readonly<Record<string, string>>): Promise<Uint8Array> {
  return await packTar(
    Object.entries(files).map(([name, text]) => ({
      // The same time for all: equal files make equal layers.
      header: { name, size: Buffer.byteLength(text), mode: 0o644, mtime: new Date(0) },
      body: text,
    })),
  );
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
