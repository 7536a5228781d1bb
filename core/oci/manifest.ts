import { RegctlError } from "../errors.ts";
import { shorten } from "../shorten.ts";
import { tryParseDigest } from "./digest.ts";
import { findAmbiguousKey, isDeeperThan, type JsonShape } from "./json_scan.ts";
import { isObject } from "./json_object.ts";
import { isImageType, isIndexType, isSchema1Type, OCI_INDEX, OCI_MANIFEST } from "./media_types.ts";

/** The size that every registry must take (distribution-spec, "Pushing Manifests"). */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** What points to content (image-spec, descriptor.md). Fields that are not named here are kept. */
export interface Descriptor {
  /** What the content is. */
  readonly mediaType: string;
  /** Of an algorithm that can be verified. */
  readonly digest: string;
  /** In bytes; a whole number that JavaScript can hold. */
  readonly size: number;
  /** What kind of artifact a manifest is. */
  readonly artifactType?: string;
  /** Texts by their keys; left out where there is none. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Of a manifest in an index, not yet checked; see `tryParsePlatform`. */
  readonly platform?: unknown;
}

/** What an image manifest or an index says. */
export interface Manifest {
  /** One of the four that are known here. */
  readonly mediaType: string;
  /** Of an image; an index has none. */
  readonly config?: Descriptor;
  /** Of an image; empty for an index. */
  readonly layers: readonly Descriptor[];
  /** Of an index; empty for an image. */
  readonly manifests: readonly Descriptor[];
  /** The manifest this one is about. */
  readonly subject?: Descriptor;
  /** What kind of artifact it is, where it says so itself. */
  readonly artifactType?: string;
  /** Texts by their keys; left out where there is none. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A mark before the text is no JSON, and other readers of the same bytes refuse it. */
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const PLATFORM_SHAPE: JsonShape = {
  names: ["architecture", "os", "os.version", "os.features", "variant", "features"],
};
const DESCRIPTOR_SHAPE: JsonShape = {
  names: [
    ...["mediaType", "digest", "size", "urls", "annotations", "data", "artifactType", "platform"],
  ],
  members: { platform: PLATFORM_SHAPE },
};
/** What readers know in a manifest; all else in it is data. */
const MANIFEST_SHAPE: JsonShape = {
  names: [
    ...["schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "artifactType"],
    "annotations",
  ],
  members: {
    config: DESCRIPTOR_SHAPE,
    layers: DESCRIPTOR_SHAPE,
    manifests: DESCRIPTOR_SHAPE,
    subject: DESCRIPTOR_SHAPE,
  },
};
/** Real ones have five levels or so; what prints them grows with each. */
export const MAX_JSON_DEPTH = 20;
/** A type of media is rarely longer; more of one that is helps nobody. */
const MAX_SHOWN = 100;

/**
 * Reads an image manifest or an index of the media type `contentType`, without parameters, or of
 * the type it names itself where that is empty, or else of the OCI type that it looks like.
 *
 * Throws `INVALID_RESPONSE`, with the broken rule as its message, and `UNSUPPORTED` for Docker's
 * schema 1.
 */
export function parseManifest(bytes: Uint8Array, contentType: string): Manifest {
  const document = parseObject(bytes);
  const { mediaType: named = contentType || guessMediaType(document) } = document;
  if (typeof named !== "string") throw refuse("its mediaType is not text");
  const mediaType = contentType || named;
  if (named !== mediaType) {
    throw refuse(`its mediaType is ${quote(named)}, but it was sent as ${quote(mediaType)}`);
  }
  const isIndex = isIndexType(mediaType);
  if (!isIndex && !isImageType(mediaType)) {
    if (isSchema1Type(mediaType) || document["schemaVersion"] === 1) throw refuseSchema1();
    if (mediaType === "") {
      throw refuse("it does not say, nor look like, what kind of manifest it is");
    }
    throw refuse(`${quote(mediaType)} is no type of manifest that is known here`);
  }
  if (document["schemaVersion"] !== 2) throw refuse("its schemaVersion is not 2");
  const foreign = isIndex ? ["config", "layers"] : ["manifests"];
  const found = foreign.find((key) => (document[key] ?? null) !== null);
  const { subject } = document;
  if (found !== undefined) {
    throw refuse(`it is of the type ${quote(mediaType)}, but has "${found}"`);
  }
  return {
    mediaType,
    ...(!isIndex && { config: toDescriptor(document["config"], "config") }),
    layers: isIndex ? [] : toDescriptors(document["layers"], "layers"),
    manifests: isIndex ? toDescriptors(document["manifests"], "manifests") : [],
    ...(subject !== undefined && subject !== null && { subject: toDescriptor(subject, "subject") }),
    ...toFacts(document, "the manifest"),
  };
}

/**
 * A descriptor of content that can be verified, out of any value; undefined for what is none.
 */
export function tryParseDescriptor(value: unknown): Descriptor | undefined {
  try {
    return toDescriptor(value, "");
  } catch {
    return undefined;
  }
}

/**
 * What kind of artifact a manifest is, as a referrers listing names it (distribution-spec, "Listing
 * Referrers"): its artifactType, else an image's config media type; undefined for an index that
 * does not say.
 */
export function artifactTypeOf({ artifactType, config }: Manifest): string | undefined {
  return artifactType || config?.mediaType;
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  if (bytes.byteLength === 0) throw refuse("it is empty");
  let value: unknown;
  let text: string;
  try {
    text = DECODER.decode(bytes);
  } catch {
    throw refuse("it is not JSON");
  }
  if (isDeeperThan(text, MAX_JSON_DEPTH)) throw refuse("it is nested too deeply");
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse("it is not JSON");
  }
  if (!isObject(value)) throw refuse("it is not a JSON object");
  // The same bytes must not be an image to one reader and an index to another (CVE-2021-41190).
  const found = findAmbiguousKey(text, { shape: MANIFEST_SHAPE });
  if (!found) return value;
  const { key, like } = found;
  throw refuse(
    like === undefined
      ? `it has ${quote(key)} twice`
      : `it has ${quote(key)}, which some would read as "${like}"`,
  );
}

/** The OCI types, whose documents need not name their type; empty for what is neither. */
function guessMediaType({ config, layers, manifests }: Record<string, unknown>): string {
  if (config !== undefined && layers !== undefined) return OCI_MANIFEST;
  return manifests === undefined ? "" : OCI_INDEX;
}

function toDescriptors(list: unknown, where: string): Descriptor[] {
  // Go's tools write null for an empty list.
  const value = list === null ? [] : list;
  if (!Array.isArray(value)) throw refuse(`"${where}" is not a list`);
  return value.map((item, i) => toDescriptor(item, `${where}[${i}]`));
}

function toDescriptor(value: unknown, where: string): Descriptor {
  if (!isObject(value)) throw refuse(`"${where}" is not a descriptor`);
  const { mediaType, digest, size } = value;
  if (typeof mediaType !== "string" || mediaType === "") {
    throw refuse(`"${where}" has no mediaType`);
  }
  if (typeof digest !== "string" || tryParseDigest(digest) === undefined) {
    throw refuse(`the digest of "${where}" is not a valid one of sha256 or sha512`);
  }
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw refuse(`the size of "${where}" is not a number of bytes`);
  }
  const { artifactType: _, annotations: __, ...others } = value;
  return { ...others, mediaType, digest, size, ...toFacts(value, `"${where}"`) };
}

function toFacts(
  { artifactType, annotations }: Record<string, unknown>,
  where: string,
): Pick<Descriptor, "artifactType" | "annotations"> {
  if (artifactType !== undefined && !isText(artifactType)) {
    throw refuse(`the artifactType of ${where} is not text`);
  }
  // Go's tools write null for what is not there.
  const texts = annotations ?? {};
  if (!isObject(texts) || !Object.values(texts).every(isText)) {
    throw refuse(`the annotations of ${where} are not texts`);
  }
  return {
    ...(artifactType !== undefined && { artifactType }),
    ...(Object.keys(texts).length > 0 && { annotations: texts as Record<string, string> }),
  };
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function quote(mediaType: string): string {
  return JSON.stringify(shorten(mediaType, MAX_SHOWN));
}

function refuseSchema1(): RegctlError {
  return new RegctlError("UNSUPPORTED", "it is of Docker's schema 1, which is not supported", {
    hint: "Push the image again with a current tool",
  });
}

function refuse(rule: string): RegctlError {
  return new RegctlError("INVALID_RESPONSE", rule);
}
