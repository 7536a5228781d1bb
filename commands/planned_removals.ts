import { shortenDigest } from "../core/oci/digest.ts";
import { formatReference } from "../core/reference/reference.ts";
import { tagsOf } from "../core/retention/removal.ts";
import { countThings } from "./count_things.ts";
import type { Report } from "./report.ts";
import type { RemovalJob } from "./run_removals.ts";

/** A longer list is read by nobody before a question. */
const MAX_LINES = 20;

/** What is about to go, for people: a line each. */
export function describeRemovals({ repository, removals }: RemovalJob): readonly string[] {
  return removals.map((removal) => {
    const { digest } = removal;
    if (removal.kind === "tag") {
      return `${formatReference({ repository, tag: removal.tag })}  ${digest}`;
    }
    const tags = removal.tags.length > 0 ? `with ${removal.tags.join(", ")}` : "which has no tag";
    return `${formatReference({ repository, digest })}, ${tags}`;
  });
}

/** The same by tags, the first of many; parts of what goes have no line of their own. */
export function describeByTags(jobs: readonly RemovalJob[]): readonly string[] {
  const lines = jobs.flatMap(({ repository, removals }) =>
    removals.flatMap((removal) => {
      const tags = tagsOf(removal);
      const digest = shortenDigest(removal.digest);
      const line = (tag: string) => `${formatReference({ repository, tag })}  ${digest}`;
      const isPart = removal.kind === "manifest" && removal.after.length > 0;
      if (tags.length > 0 || isPart) return tags.map(line);
      return [`${formatReference({ repository, digest: removal.digest })}, which has no tag`];
    })
  ).sort();
  const rest = lines.length - MAX_LINES;
  return rest > 0 ? [...lines.slice(0, MAX_LINES), `… and ${rest} more`] : lines;
}

/** `2 tags and 1 manifest` */
export function countRemovals(jobs: readonly RemovalJob[]): string {
  const removals = jobs.flatMap((job) => job.removals);
  return countThings({
    tags: removals.flatMap(tagsOf).length,
    manifests: removals.filter(({ kind }) => kind === "manifest").length,
  });
}

/** Reports what would go. */
export function reportPlanned(report: Report, jobs: readonly RemovalJob[]): void {
  for (const { repository, removals } of jobs) {
    for (const removal of removals) {
      const { digest } = removal;
      const planned = { digest, outcome: "planned" };
      for (const tag of tagsOf(removal)) report.addResult(repository, { tag, ...planned });
      if (removal.kind === "manifest") report.addResult(repository, planned);
    }
  }
}
