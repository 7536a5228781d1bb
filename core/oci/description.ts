import type { Descriptor } from "./manifest.ts";

/** What people want to know of a manifest. */
export interface ManifestDescription {
  readonly reference: string;
  readonly descriptor: Descriptor;
  readonly artifactType?: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  /** The digest of the manifest that it is about. */
  readonly subject?: string | undefined;
  /** Of an image. */
  readonly image?: ImageDescription;
  /** Of an index: what it lists. */
  readonly children?: readonly ChildDescription[];
}

/** What people want to know of an image. */
export interface ImageDescription {
  /** `linux/arm64/v8`; undefined where the configuration does not say. */
  readonly platform?: string | undefined;
  /** As the configuration has it, which may be any text. */
  readonly created?: string | undefined;
  readonly config?: Descriptor | undefined;
  readonly layers: readonly Descriptor[];
  /** Of the configuration and all layers, in bytes. */
  readonly totalBytes: number;
}

/** One manifest that an index lists. */
export interface ChildDescription extends Descriptor {
  readonly platformName: string | undefined;
}
