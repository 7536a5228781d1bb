import type { ChildDescription, ManifestDescription } from "../oci/description.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { type Field, formatFields } from "./fields.ts";
import { formatSize } from "./size.ts";
import { formatTable } from "./table.ts";

/** What a manifest says, for people: its facts, then what it lists. */
export async function formatManifest(description: ManifestDescription): Promise<string> {
  const { reference, descriptor, artifactType, annotations, subject, image, children = [] } =
    description;
  const layers = image?.layers ?? [];
  const types = new Set(layers.map(({ mediaType }) => mediaType));
  const facts = formatFields([
    ["reference", reference],
    ["digest", descriptor.digest],
    ["media type", descriptor.mediaType],
    ["size", formatSize(descriptor.size)],
    ["artifact type", artifactType],
    ["platform", image?.platform],
    ["created", image?.created],
    ["config", image?.config && `${formatSize(image.config.size)}, ${image.config.digest}`],
    ["total", image && describeTotal(image.totalBytes, layers.length)],
    // A column of its own would say the same in each line, and not fit beside the digest.
    ["layer type", types.size === 1 ? [...types][0] : undefined],
    ["subject", subject],
    ...Object.entries(annotations).map(([key, value]): Field => ["annotation", `${key}=${value}`]),
  ]);
  const list = layers.length > 0
    ? await formatLayers(layers, types.size > 1)
    : children.length > 0
    ? await formatChildren(children)
    : undefined;
  return list === undefined ? facts : `${facts}\n${list}`;
}

async function formatLayers(layers: readonly Descriptor[], withTypes: boolean): Promise<string> {
  const titles = ["SIZE", "LAYER"];
  const rows = layers.map(({ digest, size }) => [formatSize(size), digest]);
  if (!withTypes) return await formatTable(titles, rows);
  const typed = rows.map((row, i) => [...row, layers[i]?.mediaType ?? ""]);
  return await formatTable([...titles, "TYPE"], typed);
}

async function formatChildren(children: readonly ChildDescription[]): Promise<string> {
  const rows = children.map((one) => [one.platformName ?? "-", formatSize(one.size), one.digest]);
  const titles = ["PLATFORM", "SIZE", "DIGEST"];
  if (children.every(({ artifactType }) => artifactType === undefined)) {
    return await formatTable(titles, rows);
  }
  const typed = rows.map((row, i) => [...row, children[i]?.artifactType ?? "-"]);
  return await formatTable([...titles, "ARTIFACT TYPE"], typed);
}

function describeTotal(bytes: number, layers: number): string {
  return `${formatSize(bytes)} in ${layers} ${layers === 1 ? "layer" : "layers"} and the config`;
}
