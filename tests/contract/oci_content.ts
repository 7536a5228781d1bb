import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { OCI_INDEX, OCI_MANIFEST } from "../../core/oci/media_types.ts";
import type { Step } from "../support/scripted_registry.ts";
import type { Reply } from "../support/scripted_reply.ts";

/** Bytes with what points to them. */
export interface Content {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
export const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";

/** Text, bytes, or an object as its JSON, with its descriptor. */
export function content(value: string | Uint8Array | object, mediaType: string): Content {
  const isData = typeof value === "string" || value instanceof Uint8Array;
  const bytes = Buffer.from(isData ? value : JSON.stringify(value));
  return { bytes, mediaType, digest: digestOf(bytes), size: bytes.length };
}

/** `sha256:…` */
export function digestOf(bytes: Uint8Array, algorithm: "sha256" | "sha512" = "sha256"): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

/** What points to the content. */
export function pointTo({ mediaType, digest, size }: Content, more: object = {}): object {
  return { mediaType, digest, size, ...more };
}

export const CONFIG = content(
  { os: "linux", architecture: "amd64", created: "2024-05-06T07:08:09Z" },
  CONFIG_TYPE,
);
export const LAYER = content("a layer", LAYER_TYPE);

/** An image manifest with these fields over the usual ones. */
export function image(fields: object = {}): Content {
  return content({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: pointTo(CONFIG),
    layers: [pointTo(LAYER)],
    ...fields,
  }, OCI_MANIFEST);
}

/** An index of these descriptors. */
export function index(manifests: readonly object[], fields: object = {}): Content {
  return content({ schemaVersion: 2, mediaType: OCI_INDEX, manifests, ...fields }, OCI_INDEX);
}

/** How a registry serves content, with the headers it should have. */
export function serve({ bytes, mediaType, digest }: Content, headers: object = {}): Reply {
  return {
    status: 200,
    headers: { "content-type": mediaType, "docker-content-digest": digest, ...headers },
    body: bytes,
  };
}

/** A request for a manifest of the repository `app`, and its answer. */
export function manifestStep(name: string, reply: Reply, more: Partial<Step> = {}): Step {
  return { method: "GET", path: `/v2/app/manifests/${name}`, reply, ...more };
}

/** A request for a blob of the repository `app`, and its answer. */
export function blobStep(blob: Content, more: Partial<Step> = {}): Step {
  return { method: "GET", path: `/v2/app/blobs/${blob.digest}`, reply: serve(blob), ...more };
}
