import type { Node } from "yaml";

import { RegctlError } from "../errors.ts";
import { shorten } from "../shorten.ts";

/** A node of a document. An alias is the node it stands for, so one node may be in many places. */
export type Tree = ScalarTree | ListTree | MapTree;

/** A plain value. */
export interface ScalarTree {
  readonly kind: "scalar";
  /** A text, a number, true, false or null; undefined for what a tag such as `!Ref` makes of it. */
  readonly value: unknown;
  /** As it was written, without quotes: `1.10` for the number 1.1. */
  readonly source: string;
  /** From 1; undefined in JSON. */
  readonly line: number | undefined;
}

/** A sequence. */
export interface ListTree {
  readonly kind: "list";
  readonly items: readonly Tree[];
  readonly line: number | undefined;
}

/** A mapping, as it was written: a key may be there twice, and `<<` is a key like others. */
export interface MapTree {
  readonly kind: "map";
  readonly entries: readonly (readonly [Tree, Tree])[];
  readonly line: number | undefined;
}

/** The deepest nesting, aliases followed. Real documents stay far below. */
const MAX_DEPTH = 100;

/** YAML 1.2.2 §10.3; written out, since they seldom are: `!!str 1.10`. */
const CORE_TAG = /^tag:yaml\.org,2002:(?:str|int|float|bool|null)$/;

/**
 * Reads all documents of YAML 1.2, but empty ones, in time linear in the text. `name` is the file
 * in the errors. Throws `CONFIG` where it is not YAML, refers to an unknown anchor, or is nested
 * more than 100 deep.
 */
export async function parseYamlTrees(text: string, name: string): Promise<readonly Tree[]> {
  const { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } = await import("yaml");
  const lines = new LineCounter();
  const lineOf = (node: Node) => node.range ? lines.linePos(node.range[0]).line : undefined;
  const fail = (reason: string, line?: number, cause?: unknown) =>
    new RegctlError("CONFIG", `Cannot read ${formatPlace(name, line)}: ${reason}`, { cause });
  const tooDeep = (line?: number) => fail(`it is nested more than ${MAX_DEPTH} deep`, line);

  // The library's own look for duplicate keys takes quadratic time.
  const options = { schema: "core", resolveKnownTags: false, uniqueKeys: false } as const;
  let documents;
  try {
    documents = parseAllDocuments(text, { ...options, lineCounter: lines, prettyErrors: false });
  } catch (error) {
    throw fail("it is not YAML", undefined, error);
  }
  const errors = "empty" in documents
    ? documents.errors
    : documents.flatMap((document) => document.errors);
  const [error] = errors;
  if (error) {
    const { line } = lines.linePos(error.pos[0]);
    if (errors.some(({ code }) => code === "RESOURCE_EXHAUSTION")) throw tooDeep(line);
    throw fail(`it is not YAML: ${cut(error.message)}`, line, error);
  }

  const build = (node: unknown, depth: number, anchors: Map<string, Built>): Built => {
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (!target) throw fail(`nothing is named by the alias *${cut(node.source)}`, lineOf(node));
      if (target.height + depth >= MAX_DEPTH) throw tooDeep(lineOf(node));
      return target;
    }
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return { tree: NOTHING, height: 0 };
    const line = lineOf(node);
    if (depth >= MAX_DEPTH) throw tooDeep(line);
    let height = 0;
    const child = (node: unknown): Tree => {
      const built = build(node, depth + 1, anchors);
      height = Math.max(height, built.height + 1);
      return built.tree;
    };
    const tree: Tree = isScalar(node)
      ? {
        kind: "scalar",
        value: node.tag === undefined || CORE_TAG.test(node.tag) ? node.value : undefined,
        source: node.source ?? "",
        line,
      }
      : isSeq(node)
      ? { kind: "list", items: node.items.map(child), line }
      : {
        kind: "map",
        entries: node.items.map(({ key, value }) => [child(key), child(value)] as const),
        line,
      };
    // Only now, so that nothing can hold itself.
    if (node.anchor !== undefined) anchors.set(node.anchor, { tree, height });
    return { tree, height };
  };
  return [...documents]
    .map(({ contents }) => build(contents, 0, new Map()).tree)
    .filter((tree) => !isNothing(tree));
}

/** The tree of a JSON text, or undefined where it is none or is nested more than 100 deep. */
export function tryParseJsonTree(text: string): Tree | undefined {
  try {
    return buildFromJson(JSON.parse(text), 0);
  } catch {
    return undefined;
  }
}

/** True for null, and for what is not there. */
export function isNothing(tree: Tree): boolean {
  return tree.kind === "scalar" && tree.value === null;
}

/** Where something stands: `file:line`, or the file alone where the line is not known. */
export function formatPlace(name: string, line: number | undefined): string {
  return line === undefined ? name : `${name}:${line}`;
}

interface Built {
  readonly tree: Tree;
  /** How deep it is nested inside; 0 for a scalar. */
  readonly height: number;
}

const NOTHING: Tree = { kind: "scalar", value: null, source: "", line: undefined };

function buildFromJson(value: unknown, depth: number): Tree {
  const line = undefined;
  if (typeof value !== "object" || value === null) {
    return { kind: "scalar", value, source: String(value), line };
  }
  if (depth >= MAX_DEPTH) throw new RangeError("Nested too deep");
  if (Array.isArray(value)) {
    return { kind: "list", items: value.map((item) => buildFromJson(item, depth + 1)), line };
  }
  const entries = Object.entries(value).map(([key, item]) =>
    [buildFromJson(key, depth + 1), buildFromJson(item, depth + 1)] as const
  );
  return { kind: "map", entries, line };
}

/** One line of bounded length, whatever a library says. */
function cut(text: string): string {
  return shorten(text.split(/[\r\n]/, 1)[0] ?? "", 160);
}
