import type { Descriptor } from "../oci/manifest.ts";
import type { Repository } from "../reference/repository.ts";

/** A part of an image, by which its size is counted. */
export type Blob = Pick<Descriptor, "digest" | "size">;

/** A manifest, as far as it matters for what can go. */
export interface ManifestNode {
  readonly digest: string;
  readonly mediaType: string;
  /** Of the manifest itself, in bytes. */
  readonly size: number;
  /** What an index lists, by digest; empty for an image. */
  readonly children: readonly string[];
  /** Those of {@linkcode children} that have a platform of their own, or name none. */
  readonly images: readonly string[];
  /** Configuration and layers of an image; empty for an index. */
  readonly blobs: readonly Blob[];
  /** The configuration, where it is that of an image to be run. */
  readonly config?: Descriptor;
  /** The manifest that it is about, by digest. */
  readonly subject?: string;
  /** `org.opencontainers.image.created`, which may be any text. */
  readonly createdAnnotation?: string;
}

/** What a repository holds, as far as it can be reached. */
export interface Snapshot {
  readonly repository: Repository;
  /** Each tag with the digest that it points to. */
  readonly tags: ReadonlyMap<string, string>;
  /** Tags that have no manifest which can be read, and why. */
  readonly unreadable: ReadonlyMap<string, string>;
  /** All manifests that tags lead to, and those of {@linkcode untagged}, by digest. */
  readonly manifests: ReadonlyMap<string, ManifestNode>;
  /** Manifests without a tag, where the registry tells of them. */
  readonly untagged: readonly string[];
  /** When manifests were pushed, in milliseconds since the epoch, where the registry tells. */
  readonly uploadedAt: ReadonlyMap<string, number>;
}
