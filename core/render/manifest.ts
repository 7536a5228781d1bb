import type { ChildDescription, ManifestDescription } from "../oci/description.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { type Field, formatFields } from "./fields.ts";
import { formatSize } from "./size.ts";
import { formatTable } from "./table.ts";

/** What a manifest says, for people: its facts, then what it lists. */
export async function formatManifest(description: ManifestDescription): Promise<string> {
  const { reference, descriptor, artifactType, annotations, subject, image, children } =
    description;
  const facts = formatFields([
    ["reference", reference],
    ["digest", descriptor.digest],
    ["media type", descriptor.mediaType],
    ["size", formatSize(descriptor.size)],
    ["artifact type", image?.platform === undefined ? artifactType : undefined],
    ["platform", image?.platform],
    ["created", image?.created],
    ["config", image?.config && `${formatSize(image.config.size)}, ${image.config.digest}`],
    ["total", image && describeTotal(image.totalBytes, image.layers.length)],
    ["subject", subject],
    ...Object.entries(annotations).map(([key, value]): Field => ["annotation", `${key}=${value}`]),
  ]);
  const [titles, rows] = children
    ? [["PLATFORM", "DIGEST", "SIZE", "TYPE"], children.map(toChildRow)]
    : [["LAYER", "SIZE", "TYPE"], image?.layers.map(toLayerRow) ?? []];
  return rows.length > 0 ? `${facts}\n${await formatTable(titles, rows)}` : facts;
}

function describeTotal(bytes: number, layers: number): string {
  return `${formatSize(bytes)} in ${layers} ${layers === 1 ? "layer" : "layers"} and the config`;
}

function toChildRow(child: ChildDescription): string[] {
  const { platformName = "-", digest, size, artifactType, mediaType } = child;
  return [platformName, digest, formatSize(size), artifactType ?? mediaType];
}

function toLayerRow({ digest, size, mediaType }: Descriptor): string[] {
  return [digest, formatSize(size), mediaType];
}
