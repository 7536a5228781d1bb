import { RegctlError } from "../errors.ts";
import { formatReference } from "../reference/reference.ts";
import type { Repository } from "../reference/repository.ts";
import type { RegistryClient } from "../registry/client.ts";
import { findManifest } from "../registry/find_manifest.ts";
import { getManifest, type ManifestContent } from "../registry/manifests.ts";
import { pushManifest } from "../registry/push_manifest.ts";
import { forEach } from "../for_each.ts";
import type { JournalRemoval } from "./read_journal.ts";
import { stopReason } from "./stop_reason.ts";
import { type Ordered, toWaves } from "./waves.ts";

/**
 * `present`: nothing was missing; `conflict`: the tag points elsewhere now, and was left alone;
 * `lost`: the registry does not take it back, since it has no longer what it consists of.
 */
export type RestoreOutcome = "restored" | "present" | "conflict" | "lost" | "failed" | "skipped";

/** What became of a tag, or of a manifest. */
export interface RestoreResult {
  /** Left out for a manifest. */
  readonly tag?: string;
  readonly digest: string;
  readonly outcome: RestoreOutcome;
  /** Why it is not there. */
  readonly error?: RegctlError;
}

/** How {@linkcode restore} goes about it. */
export interface RestoreOptions {
  /** Moves tags that point elsewhere now. */
  readonly force: boolean;
  /** Told what such a tag points to, before it is moved. */
  readonly onOverwrite: (tag: string, content: ManifestContent) => Promise<void>;
  readonly concurrency: number;
  /** Begins nothing new when it is aborted. */
  readonly stop: AbortSignal;
  readonly onResult: (result: RestoreResult) => void;
}

/**
 * Puts back what was deleted from one repository, byte for byte: manifests by their digests,
 * children before the indexes that list them, then tags. It works as long as the registry keeps the
 * blobs.
 */
export async function restore(
  client: RegistryClient,
  repository: Repository,
  removals: readonly JournalRemoval[],
  options: RestoreOptions,
): Promise<void> {
  const { concurrency, stop, onResult, force } = options;
  const push = async (
    where: { readonly tag: string } | { readonly digest: string },
    { bytes, mediaType }: JournalRemoval,
  ) => {
    await pushManifest(client, { repository, ...where }, bytes, {
      mediaType,
      listsReferrer: false,
    });
    return { outcome: "restored" as const };
  };
  const attempt = async (
    what: Pick<RestoreResult, "tag" | "digest">,
    action: () => Promise<Pick<RestoreResult, "outcome" | "error">>,
  ) => {
    if (stop.aborted) return onResult({ ...what, outcome: "skipped", error: stopReason(stop) });
    try {
      onResult({ ...what, ...await action() });
    } catch (error) {
      if (!(error instanceof RegctlError)) throw error;
      const isLost = error.code === "REFUSED" || error.code === "NOT_FOUND";
      if (!isLost) return onResult({ ...what, outcome: "failed", error });
      const hint = "The registry has no longer what it consists of: push the image again";
      const lost = new RegctlError(error.code, error.message, { hint, cause: error });
      onResult({ ...what, outcome: "lost", error: lost });
    }
  };
  const waves = toWaves(groupByDigest(removals));
  for (const wave of waves) {
    const manifests = wave.flatMap((same) => same.removals.find(({ manifest }) => manifest) ?? []);
    await forEach(manifests, concurrency, (removal) => {
      const { digest } = removal;
      return attempt({ digest }, async () => {
        if (await findManifest(client, { repository, digest })) return { outcome: "present" };
        return await push({ digest }, removal);
      });
    });
  }
  for (const wave of waves) {
    const all = wave.flatMap((same) => same.removals);
    const tags = all.flatMap((removal) => removal.tags.map((tag) => ({ removal, tag })));
    await forEach(tags, concurrency, ({ tag, removal }) => {
      const { digest, copies } = removal;
      return attempt({ tag, digest }, async () => {
        const found = (await findManifest(client, { repository, tag }))?.digest;
        if (found === digest) return { outcome: "present" };
        if (found !== undefined && !copies.has(found) && !force) {
          const name = formatReference({ repository, tag });
          const message = `"${name}" points to ${found} now, and was left alone`;
          const hint = "Add --force to move it back";
          return { outcome: "conflict", error: new RegctlError("PARTIAL", message, { hint }) };
        }
        if (found !== undefined && !copies.has(found)) {
          await options.onOverwrite(tag, await getManifest(client, { repository, tag }));
        }
        return await push({ tag }, removal);
      });
    });
  }
}

/** All removals of a manifest. */
interface SameDigest extends Ordered {
  readonly removals: JournalRemoval[];
}

/** By their digests; a registry must not be asked for an index while a manifest in it is pushed. */
function groupByDigest(removals: readonly JournalRemoval[]): readonly SameDigest[] {
  const groups = new Map<string, SameDigest>();
  for (const removal of removals) {
    const group = groups.get(removal.digest);
    if (group) group.removals.push(removal);
    else {
      const { digest, children } = removal;
      groups.set(digest, { id: digest, after: children, removals: [removal] });
    }
  }
  return [...groups.values()];
}
