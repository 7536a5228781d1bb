import { type Command, InvalidArgumentError, Option } from "commander";
import { parseAge } from "../core/duration.ts";
import { RegctlError } from "../core/errors.ts";
import { assertPolicy, decide } from "../core/retention/policy.ts";
import {
  type MergedPolicy,
  mergePolicies,
  type PolicyFile,
  readPolicy,
} from "../core/retention/read_policy.ts";
import { readUsedImages, type UsedImage } from "../core/retention/used_images.ts";
import type { Context } from "./context.ts";
import { readFile, readInput, STANDARD_INPUT } from "./input.ts";
import { collect, parseCount } from "./options.ts";

const MAX_POLICY_BYTES = 1024 * 1024;
/** All pods of a large cluster, as kubectl prints them. */
const MAX_USED_BYTES = 64 * 1024 * 1024;

/** Adds the flags that say what may go. */
export function withPolicyOptions(command: Command): Command {
  return command
    .optionsGroup("Policy:")
    .option("--policy <file>", "read the policy from this YAML file; flags add to it")
    .addOption(
      new Option("--keep <count>", "keep this many of the newest images (of each group)")
        .argParser(parseCount),
    )
    .addOption(
      new Option("--group <how>", "groups for --keep: version, or a /regexp/ with captures"),
    )
    .addOption(
      new Option("--keep-within <duration>", "keep what is younger than this, e.g. 30d")
        .argParser(readAge),
    )
    .addOption(
      new Option("-m, --match <pattern>", "only these tags may go: glob or /regexp/ (repeatable)")
        .argParser(collect),
    )
    .addOption(
      new Option("-x, --exclude <pattern>", "these stay: glob or /regexp/ (repeatable)")
        .argParser(collect),
    )
    .addOption(
      new Option("--protect <pattern>", "these stay, whatever else is said (repeatable)")
        .argParser(collect),
    )
    .addOption(
      new Option("--keep-used <file>", "keep the images named there: lines, or YAML (repeatable)")
        .argParser(collect),
    )
    .option("--untagged", "manifests without a tag may go, where the registry tells of them")
    .option("--with-referrers", "signatures and other referrers of what goes, go too")
    .option("--allow-empty", "let a policy leave a repository without any tag")
    .optionsGroup("Options:");
}

/** What {@linkcode withPolicyOptions} adds. */
export interface PolicyOptions {
  readonly policy?: string;
  readonly keep?: number;
  readonly group?: string;
  readonly keepWithin?: number;
  readonly match?: readonly string[];
  readonly exclude?: readonly string[];
  readonly protect?: readonly string[];
  readonly keepUsed?: readonly string[];
  readonly untagged?: true;
  readonly withReferrers?: true;
  readonly allowEmpty?: true;
}

/** Puts the policy together from its file and the flags. Throws `USAGE` for one that says nothing. */
export async function readPolicyOptions(
  context: Context,
  options: PolicyOptions,
): Promise<MergedPolicy> {
  let file: PolicyFile = {};
  if (options.policy !== undefined) {
    const bytes = await readFile(context, options.policy, MAX_POLICY_BYTES);
    file = await readPolicy(new TextDecoder().decode(bytes), options.policy);
  }
  const { keepWithin: keepWithinMs, ...flags } = options;
  const policy = mergePolicies(file, { ...flags, keepWithinMs });
  assertPolicy(policy);
  // A pattern that cannot be used is found out before anything is asked.
  await decide([], policy, 0);
  if (policy.keep === 0 && policy.keepWithinMs === undefined && !options.allowEmpty) {
    throw new RegctlError("USAGE", "--keep 0 keeps nothing", {
      hint: "Add --allow-empty if that is what you want",
    });
  }
  return policy;
}

/** Reads what is in use; what cannot be understood is an error, since it would be deleted. */
export async function readUsed(
  context: Context,
  files: readonly string[],
  timeout: number | undefined,
): Promise<readonly UsedImage[]> {
  const images: UsedImage[] = [];
  for (const file of files) {
    const text = await readInput(context, file, { maxBytes: MAX_USED_BYTES, timeout });
    const name = file === STANDARD_INPUT ? "standard input" : file;
    for (const image of await readUsedImages(text, name)) {
      images.push(image);
    }
  }
  return images;
}

function readAge(value: string): number {
  try {
    return parseAge(value);
  } catch {
    throw new InvalidArgumentError("Write it with its unit: 30d, 12h, 90m.");
  }
}
