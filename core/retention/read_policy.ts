import { parseAge } from "../duration.ts";
import { RegctlError } from "../errors.ts";
import { shorten } from "../shorten.ts";
import type { Policy } from "./policy.ts";
import { formatPlace, parseYamlTrees, type Tree } from "./yaml_tree.ts";

/** What a policy file states, or the flags of a call. */
export interface PolicyFile extends Partial<Policy> {
  /** Files that name images in use, as `readUsedImages` reads them. */
  readonly keepUsed?: readonly string[];
}

/** The flags of a call; undefined where one was not given. */
export type PolicyFlags = { readonly [Key in keyof PolicyFile]?: PolicyFile[Key] | undefined };

/** A policy that is complete, and where to find what is in use. */
export interface MergedPolicy extends Policy {
  /** Files that name images in use. */
  readonly keepUsed: readonly string[];
}

/** Reads the value of one key; `fail` makes the error that it throws. */
type ReadValue = (value: Tree, fail: (expected: string) => RegctlError) => PolicyFile;

const KEYS: ReadonlyMap<string, ReadValue> = new Map<string, ReadValue>([
  ["keep", (value, fail) => ({ keep: readCount(value, fail) })],
  ["keep-within", (value, fail) => ({ keepWithinMs: readDuration(value, fail) })],
  ["group", (value, fail) => ({ group: readText(value, fail, "a text") })],
  ["match", (value, fail) => ({ match: readTexts(value, fail) })],
  ["exclude", (value, fail) => ({ exclude: readTexts(value, fail) })],
  ["protect", (value, fail) => ({ protect: readTexts(value, fail) })],
  ["keep-used", (value, fail) => ({ keepUsed: readTexts(value, fail) })],
  ["untagged", (value, fail) => ({ untagged: readBoolean(value, fail) })],
]);

/**
 * Reads a policy file: one YAML mapping with the names of the flags for keys. `name` is the file in
 * the errors. Throws `CONFIG` for a key that is unknown or there twice, and for a value of another
 * type; an alias is read as what it stands for.
 */
export async function readPolicy(text: string, name: string): Promise<PolicyFile> {
  const fail = (reason: string, line?: number, hint?: string) =>
    new RegctlError("CONFIG", `Cannot use ${formatPlace(name, line)}: ${reason}`, { hint });
  const [root, second] = await parseYamlTrees(text, name);
  const hint = `Write rules such as "keep: 10"; the keys are ${[...KEYS.keys()].join(", ")}`;
  if (!root) throw fail("it is empty", undefined, hint);
  if (second) throw fail("a policy is one document, and this is the second", second.line);
  if (root.kind !== "map") throw fail("a policy is a mapping", root.line, hint);
  let policy: PolicyFile = {};
  const seen = new Set<string>();
  for (const [keyTree, value] of root.entries) {
    const key = keyTree.kind === "scalar" ? keyTree.source : "";
    const shown = JSON.stringify(shorten(key, 40));
    const readValue = KEYS.get(key);
    if (!readValue) {
      throw fail(
        `there is no key ${shown}`,
        keyTree.line,
        `Use the keys ${[...KEYS.keys()].join(", ")}`,
      );
    }
    if (seen.has(key)) throw fail(`the key ${shown} is there twice`, keyTree.line);
    seen.add(key);
    const refuse = (expected: string) => fail(`${shown} must be ${expected}`, keyTree.line);
    policy = { ...policy, ...readValue(value, refuse) };
  }
  return policy;
}

/** Joins the lists of both, those of the file first; else what a flag says goes before the file. */
export function mergePolicies(file: PolicyFile, flags: PolicyFlags): MergedPolicy {
  const keep = flags.keep ?? file.keep;
  const keepWithinMs = flags.keepWithinMs ?? file.keepWithinMs;
  const group = flags.group ?? file.group;
  const join = (key: "match" | "exclude" | "protect" | "keepUsed") => [
    ...file[key] ?? [],
    ...flags[key] ?? [],
  ];
  return {
    ...(keep !== undefined && { keep }),
    ...(keepWithinMs !== undefined && { keepWithinMs }),
    ...(group !== undefined && { group }),
    match: join("match"),
    exclude: join("exclude"),
    protect: join("protect"),
    untagged: flags.untagged ?? file.untagged ?? false,
    keepUsed: join("keepUsed"),
  };
}

type Fail = Parameters<ReadValue>[1];

function readCount(tree: Tree, fail: Fail): number {
  const value = tree.kind === "scalar" ? tree.value : undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw fail("a whole number from 0");
}

function readDuration(tree: Tree, fail: Fail): number {
  const value = tree.kind === "scalar" ? tree.value : undefined;
  try {
    if (typeof value === "string" || typeof value === "number") return parseAge(String(value));
  } catch (error) {
    if (!(error instanceof RegctlError)) throw error;
  }
  throw fail("an age with its unit, such as 12h or 30d");
}

function readBoolean(tree: Tree, fail: Fail): boolean {
  if (tree.kind === "scalar" && typeof tree.value === "boolean") return tree.value;
  throw fail("true or false");
}

function readTexts(tree: Tree, fail: Fail): readonly string[] {
  const expected = "a text or a list of texts; put in quotes what YAML reads as something else";
  const items = tree.kind === "list" ? tree.items : [tree];
  return items.map((item) => readText(item, fail, expected));
}

function readText(tree: Tree, fail: Fail, expected: string): string {
  if (tree.kind === "scalar" && typeof tree.value === "string" && tree.value !== "") {
    return tree.value;
  }
  throw fail(expected);
}
