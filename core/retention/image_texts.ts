import type { RegctlError } from "../errors.ts";
import { looksLikeRegistry } from "../reference/registry.ts";
import { shorten } from "../shorten.ts";
import { isNothing, type MapTree, type ScalarTree, type Tree } from "./yaml_tree.ts";

/** What {@linkcode findImageTexts} does with what it finds. */
export interface ImageTextSink {
  /** Takes the name of an image, as it stands there, and its line. */
  readonly found: (text: string, line: number | undefined) => void;
  /** Makes the error for what could name an image and is not understood. */
  readonly refuse: (reason: string, line: number | undefined) => RegctlError;
}

/**
 * Finds all names of images: each text under a key `image` or `imageID`, each mapping under `image`
 * with the `repository` of Helm or the `reference` of Kubernetes, and the texts of a document that
 * is a list. Each node is looked at once, however many aliases lead there. Throws what the sink
 * makes of the rest.
 */
export function findImageTexts(documents: readonly Tree[], sink: ImageTextSink): void {
  const finder = new ImageFinder(sink);
  for (const document of documents) finder.visitDocument(document);
  finder.finish();
}

/** What a container runtime puts before an ID: `docker-pullable://`. */
const RUNTIME_SCHEME = /^[a-z][a-z0-9+.-]*:\/\//;
/** The digest of an image's configuration, which no registry knows an image by. */
const BARE_ID = /^(?:sha256:)?[0-9a-f]{64}$/;

class ImageFinder {
  readonly #sink: ImageTextSink;
  readonly #seen = new Set<Tree>();
  readonly #seenImages = new Set<Tree>();
  #hasParts = false;
  #imageRegistry: Tree | undefined;

  constructor(sink: ImageTextSink) {
    this.#sink = sink;
  }

  visitDocument(document: Tree): void {
    if (document.kind === "scalar") throw this.#refuse("a document is only a text", document);
    if (document.kind === "list") {
      document.items.filter(({ kind }) => kind === "scalar").forEach((item) => this.#take(item));
    }
    this.#visit(document);
  }

  finish(): void {
    // Charts of Bitnami's kind put it in place of the registry of each image.
    if (this.#hasParts && this.#imageRegistry) {
      throw this.#refuse("imageRegistry changes the names of the images", this.#imageRegistry);
    }
  }

  #visit(tree: Tree): void {
    if (tree.kind === "scalar" || this.#seen.has(tree)) return;
    this.#seen.add(tree);
    if (tree.kind === "list") tree.items.forEach((item) => this.#visit(item));
    else tree.entries.forEach(([key, value]) => this.#visitEntry(tree, this.#readKey(key), value));
  }

  #visitEntry(parent: MapTree, key: string, value: Tree): void {
    if (key === "image") this.#visitImage(parent, value);
    else if (key === "imageID") this.#visitId(value);
    // A schema tells what an image may look like, not which one is used.
    else if (key !== "openAPIV3Schema") {
      if (key === "imageRegistry" && !isUnset(value)) this.#imageRegistry ??= value;
      this.#visit(value);
    }
  }

  #visitImage(parent: MapTree, value: Tree): void {
    if (value.kind === "scalar") this.#visitImageText(parent, value);
    else if (!this.#seenImages.has(value)) {
      this.#seenImages.add(value);
      if (value.kind === "list") value.items.forEach((item) => this.#take(item));
      else this.#sink.found(this.#joinParts(value), value.line);
    }
  }

  #visitImageText(parent: MapTree, image: ScalarTree): void {
    const { source } = image;
    // A pod states the ID alone for an image whose tag has moved; its spec has the name.
    if (BARE_ID.test(source) && find(parent, "imageID")) return;
    if (!hasTag(source) && (find(parent, "tag") ?? find(parent, "imageTag"))) {
      throw this.#refuse(`the tag of ${quote(source)} stands in a key of its own`, image);
    }
    this.#take(image);
  }

  #visitId(id: Tree): void {
    // A container that has not started has an empty one.
    if (isUnset(id)) return;
    const text = this.#readText(id).replace(RUNTIME_SCHEME, "");
    if (!BARE_ID.test(text)) this.#sink.found(text, id.line);
  }

  #take(image: Tree): void {
    if (image.kind !== "scalar" || typeof image.value !== "string" || image.value === "") {
      throw this.#refuse("an image is not a text", image);
    }
    this.#sink.found(image.value, image.line);
  }

  /** The parts of a mapping under `image` as one text. */
  #joinParts(image: MapTree): string {
    image.entries.forEach(([key]) => this.#readKey(key));
    const [reference, registry, repository, tag, digest] = [
      "reference",
      "registry",
      "repository",
      "tag",
      "digest",
    ].map((key) => {
      const part = find(image, key);
      return part && this.#readText(part);
    });
    if (reference !== undefined) return reference;
    if (repository === undefined || find(image, "<<")) {
      throw this.#refuse("a mapping under image does not say which image it is", image);
    }
    if (registry !== undefined && !looksLikeRegistry(registry.split("/", 1)[0] ?? "")) {
      throw this.#refuse(`${quote(registry)} is no registry`, image);
    }
    const name = `${registry ? `${registry.replace(/\/$/, "")}/` : ""}${repository}`;
    const text = `${name}${tag ? `:${tag}` : ""}${digest ? `@${digest}` : ""}`;
    if (!hasTag(text)) {
      throw this.#refuse(`${quote(text)} has no tag, so that the chart's own is used`, image);
    }
    this.#hasParts = true;
    return text;
  }

  #readKey(key: Tree): string {
    if (key.kind === "scalar") return key.source;
    // What a template leaves without quotes, {{ .Values.x }}, is by the grammar such a mapping.
    throw this.#refuse("a key is not a text", key);
  }

  /** A text, or a number that reads the same however it is written: 7, but not 1.10. */
  #readText(tree: Tree): string {
    if (tree.kind === "scalar") {
      const { value, source } = tree;
      if (typeof value === "string") return value;
      if (typeof value === "number" && String(value) === source) return source;
    }
    throw this.#refuse("a part of an image is not a text, and has no quotes", tree);
  }

  #refuse(reason: string, tree: Tree): RegctlError {
    return this.#sink.refuse(reason, tree.line);
  }
}

/** The value of a key that is set; of a key that is there twice, the last one. */
function find({ entries }: MapTree, name: string): Tree | undefined {
  const entry = entries.findLast(([key]) => key.kind === "scalar" && key.source === name);
  return entry && !isUnset(entry[1]) ? entry[1] : undefined;
}

function isUnset(tree: Tree): boolean {
  return isNothing(tree) || (tree.kind === "scalar" && tree.value === "");
}

/** True for a digest, too. A colon before the last slash belongs to a port. */
function hasTag(text: string): boolean {
  return /[:@]/.test(text.slice(text.lastIndexOf("/") + 1));
}

function quote(text: string): string {
  return JSON.stringify(shorten(text, 80));
}
