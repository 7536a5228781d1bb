import { RegctlError } from "../errors.ts";
import { formatRepository, type Repository } from "../reference/repository.ts";
import type { RegistryClient } from "../registry/client.ts";
import { withTask } from "../registry/with_task.ts";
import { leavesNoImage } from "./guard_plan.ts";
import { makePlan } from "./make_plan.ts";
import type { RepositoryPlan } from "./plan.ts";
import type { Policy } from "./policy.ts";
import { readDates } from "./read_dates.ts";
import { readSnapshot } from "./read_snapshot.ts";
import { findUsedDigests } from "./used_digests.ts";
import type { UsedImage } from "./used_images.ts";

/** How {@linkcode planRepository} plans. */
export interface PlanRepositoryOptions {
  readonly policy: Policy;
  /** Images of the repository that are in use. */
  readonly used: readonly UsedImage[];
  /** In milliseconds since the epoch. */
  readonly now: number;
  /** Signatures and other referrers of what goes, go too. */
  readonly withReferrers: boolean;
  /** A plan may leave no tag. */
  readonly allowEmpty: boolean;
  /** Requests at a time. */
  readonly concurrency: number;
  /** Told how far it is. */
  readonly onProgress: (what: "tags" | "dates", done: number, total: number) => void;
}

/**
 * Looks at a repository and decides what may go from it; changes nothing. Whatever cannot be read
 * could be what keeps the rest alive: then there is no plan. Throws `REFUSED` for one that leaves no
 * image.
 */
export async function planRepository(
  client: RegistryClient,
  repository: Repository,
  options: PlanRepositoryOptions,
): Promise<RepositoryPlan> {
  const { policy, used, now, withReferrers, concurrency, onProgress } = options;
  const name = formatRepository(repository);
  try {
    const snapshot = await readSnapshot(client, repository, {
      concurrency,
      untagged: policy.untagged,
      referrers: withReferrers,
      // What runs is often named by its digest, and its tag has moved on.
      digests: used.flatMap(({ reference: { digest } }) => digest ?? []),
      onProgress: (done, total) => onProgress("tags", done, total),
    });
    const plan = await makePlan(snapshot, {
      ...{ policy, now, withReferrers },
      used: findUsedDigests(snapshot, used),
      readDates: (digests) =>
        readDates(client, snapshot, digests, {
          ...{ now, concurrency },
          onProgress: (done, total) => onProgress("dates", done, total),
        }),
    });
    if (options.allowEmpty || !leavesNoImage(plan.tags)) return plan;
  } catch (error) {
    throw withTask(error, `plan what may go from "${name}"`);
  }
  throw new RegctlError("REFUSED", `The policy would leave no image in "${name}"`, {
    hint: "Add --allow-empty if that is what you want",
  });
}
