import type { CapturedRunOptions } from "../support/capture_host.ts";
import { type Lab, type LabOptions, type LabRun, startLab } from "./deletion_lab.ts";
import type { Content } from "./oci_content.ts";

/** A tag of a plan in short. */
export interface ShortTag {
  readonly content: Content;
  /** Default: `delete`. */
  readonly action?: "keep" | "delete";
}

/** A plan for the repository `app` in short. */
export interface ShortPlan {
  readonly tags: Readonly<Record<string, Content | ShortTag>>;
  /** Manifests that go, with those that need them. */
  readonly manifests?: readonly (Content | readonly [Content, readonly Content[]])[];
}

/** A repository of a plan as `regctl prune -o json` writes it; `HOST` stands for the registry. */
export function planned({ tags, manifests = [] }: ShortPlan, repository = "HOST/app"): object {
  const all = Object.entries(tags).map(([tag, one]) => {
    const { content, action = "delete" } = "content" in one ? one : { content: one };
    return {
      ...{ tag, digest: content.digest, created: "2024-01-01T00:00:00.000Z", action },
      ...{ rule: "keep", reason: "beyond the newest" },
    };
  });
  const going = manifests.map((one) => {
    const [content, after] = "digest" in one ? [one, []] as const : one;
    return {
      ...{ digest: content.digest, mediaType: content.mediaType, size: content.size },
      tags: all.filter(({ digest }) => digest === content.digest).map(({ tag }) => tag),
      after: after.map(({ digest }) => digest),
    };
  });
  return { repository, keep: 0, delete: 0, freedBytes: 0, tags: all, manifests: going };
}

/** A whole plan. */
export function planText(...repositories: readonly object[]): string {
  const createdAt = "2026-01-02T03:04:05.678Z";
  return JSON.stringify({ kind: "regctl.plan", version: 1, createdAt, repositories });
}

/** A tag that stays. */
export function kept(content: Content): ShortTag {
  return { content, action: "keep" };
}

/** Applies a plan in a file, with these words behind it. */
export async function apply(
  lab: Lab,
  plan: ShortPlan | string,
  words: readonly string[] = ["--yes", "--max-delete", "100%"],
  options: CapturedRunOptions = {},
): Promise<LabRun> {
  const text = typeof plan === "string" ? plan : planText(planned(plan));
  const file = await lab.folder.write("plan.json", text.replaceAll("HOST", lab.host));
  const run = await lab.run(["apply", file, ...words], options);
  const { stdout, stderr } = run;
  return {
    ...run,
    stdout: stdout.replaceAll(file, "plan.json"),
    stderr: stderr.replaceAll(file, "plan.json"),
  };
}

/** Starts a registry with names for its manifests, so that requests and states can be read. */
export async function startNamed(
  options: LabOptions,
  names: Readonly<Record<string, Content>>,
): Promise<Lab> {
  const lab = await startLab(options);
  lab.name(names);
  return lab;
}
