import { join } from "node:path";
import {
  digestTag,
  happens,
  type ModelRepository,
  pickSome,
} from "../support/random_repository.ts";
import type { Random } from "../support/random.ts";

/** A pattern, and what it means. */
interface Pattern {
  readonly text: string;
  readonly fits: RegExp;
}

/** A `--group`, and what it means. */
interface Group {
  readonly text: string;
  readonly of: (tag: string) => string | undefined;
}

/** A line of a `--keep-used` file, and what it means. */
interface Use {
  readonly text: string;
  readonly tag?: string;
  readonly digest?: string;
}

/** A policy, as a test understands it. */
export interface RandomPolicy {
  readonly keep?: number;
  readonly keepWithinDays?: number;
  readonly group?: Group;
  readonly match: readonly Pattern[];
  readonly exclude: readonly Pattern[];
  readonly protect: readonly Pattern[];
  readonly used: readonly Use[];
  readonly withReferrers: boolean;
}

/** A call that states a policy. */
export interface PolicyCall {
  readonly words: readonly string[];
  /** The texts of the files that it needs, by their paths. */
  readonly files: Readonly<Record<string, string>>;
}

const PATTERNS: readonly Pattern[] = [
  { text: "*", fits: /^/ },
  { text: "pr-*", fits: /^pr-/ },
  { text: "1.*", fits: /^1\./ },
  { text: "1.?.*", fits: /^1\..\./ },
  { text: "{pr,ci}-[1-4]*", fits: /^(pr|ci)-[1-4]/ },
  { text: "*-alpine", fits: /-alpine$/ },
  { text: "[!0-9]*", fits: /^[^0-9]/ },
  { text: "/^[0-9]+[.][0-9]+[.]/", fits: /^[0-9]+\.[0-9]+\./ },
  { text: "/[02468]$/", fits: /[02468]$/ },
  { text: "{latest,stable}", fits: /^(latest|stable)$/ },
  { text: "main*", fits: /^main/ },
  { text: "sha256-*", fits: /^sha256-/ },
  { text: "*.sig", fits: /\.sig$/ },
  { text: "*.{att,sbom}", fits: /\.(att|sbom)$/ },
];

const GROUPS: readonly Group[] = [
  {
    text: "version",
    of: (tag) => {
      const [, line, word = ""] = /^(\d+\.\d+)\.\d+(-[a-z]+)?\d*$/.exec(tag) ?? [];
      return line === undefined ? undefined : line + word;
    },
  },
  { text: "/^([a-z]+)-/", of: (tag) => /^([a-z]+)-/.exec(tag)?.[1] },
  { text: "/^([0-9]+)[.]|^(pr)/", of: (tag) => /^\d+(?=\.)|^pr/.exec(tag)?.[0] },
];

/** Makes up a policy for a repository, which `name` is the full name of. */
export function makePolicy(
  random: Random,
  { tags, manifests }: ModelRepository,
  name: string,
): RandomPolicy {
  const patterns = (percent: number, from = PATTERNS) =>
    happens(random, percent) ? pickSome(random, from, 2) : [];
  const narrow = PATTERNS.filter(({ text }) => text !== "*");
  const use = (): Use => {
    const tag = random.pick([...tags.keys(), ...tags.keys(), "gone"]);
    const all = [...manifests.values()];
    const referring = all.filter(({ subject }) => subject !== undefined);
    const { digest } = random.pick(referring.length > 0 && happens(random, 40) ? referring : all);
    return random.pick<() => Use>([
      () => ({ text: `${name}:${tag}`, tag }),
      () => ({ text: `${name}@${digest}`, digest }),
      () => ({ text: `${name}:${tag}@${digest}`, tag, digest }),
      () => ({ text: `${name}-other:${tag}` }),
      () => ({ text: `${name}`, tag: "latest" }),
      () => ({ text: `${name}:${digestTag(digest)}.sig`, tag: `${digestTag(digest)}.sig` }),
    ])();
  };
  const keep = happens(random, 65) ? random.below(3) : undefined;
  const keepWithinDays = happens(random, 25) ? random.below(25) : undefined;
  const match = patterns(keep === undefined && keepWithinDays === undefined ? 100 : 15);
  return {
    ...(keep !== undefined && { keep }),
    ...(keepWithinDays !== undefined && { keepWithinDays }),
    ...(keep !== undefined && happens(random, 35) && { group: random.pick(GROUPS) }),
    match,
    exclude: patterns(20, narrow),
    protect: patterns(25, narrow),
    used: happens(random, 25) ? Array.from({ length: 1 + random.below(3) }, use) : [],
    withReferrers: happens(random, 60),
  };
}

/** Says a policy in flags, or in a file, or in both; `folder` is for the files. */
export function toCall(random: Random, policy: RandomPolicy, folder: string): PolicyCall {
  const policyFile = join(folder, "policy.yaml");
  const usedFile = join(folder, "used");
  const entries: (readonly [string, string])[] = [
    ...policy.keep === undefined ? [] : [["keep", String(policy.keep)] as const],
    ...policy.keepWithinDays === undefined
      ? []
      : [["keep-within", `${policy.keepWithinDays}d`] as const],
    ...policy.group ? [["group", policy.group.text] as const] : [],
    ...(["match", "exclude", "protect"] as const).flatMap((key) =>
      policy[key].map(({ text }) => [key, text] as const)
    ),
    ...policy.used.length > 0 ? [["keep-used", usedFile] as const] : [],
  ];
  const isInFile = entries.map(() => happens(random, 30));
  const inFile = Map.groupBy(entries.filter((_, i) => isInFile[i]), ([key]) => key);
  const yaml = [...inFile].map(([key, values]) =>
    key === "keep"
      ? `keep: ${values[0]?.[1]}\n`
      : `${key}: ${
        JSON.stringify(values.length > 1 ? values.map((it) => it[1]) : values[0]?.[1])
      }\n`
  );
  return {
    words: [
      ...entries.flatMap(([key, value], i) => isInFile[i] ? [] : [`--${key}`, value]),
      ...yaml.length > 0 ? ["--policy", policyFile] : [],
      ...policy.withReferrers ? ["--with-referrers"] : [],
    ],
    files: {
      ...(yaml.length > 0 && { [policyFile]: yaml.join("") }),
      ...(policy.used.length > 0 && { [usedFile]: formatUsed(random, policy.used) }),
    },
  };
}

function formatUsed(random: Random, used: readonly Use[]): string {
  const texts = used.map(({ text }) => text);
  return random.pick([
    () => `# in use\n${texts.join("\n")}\n`,
    () => texts.map((text) => `---\nspec:\n  containers:\n  - image: ${text}\n`).join(""),
    () => JSON.stringify({ services: texts.map((image) => ({ image })) }),
  ])();
}
