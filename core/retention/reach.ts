import { tryParseDigestTag } from "./digest_tag.ts";
import type { Snapshot } from "./snapshot.ts";

/** What {@linkcode reach} follows. */
export interface ReachOptions {
  /**
   * Beside what indexes list: what refers to a manifest as its subject, and what stands under a tag
   * that is named after one, such as cosign's signatures.
   */
  readonly referrers: boolean;
}

/** All that `roots` lead to, themselves included, by digest. */
export function reach(
  snapshot: Snapshot,
  roots: Iterable<string>,
  { referrers }: ReachOptions,
): Set<string> {
  const referring = referrers ? findReferring(snapshot) : new Map<string, string[]>();
  const reached = new Set<string>();
  const left = [...roots];
  for (let digest = left.pop(); digest !== undefined; digest = left.pop()) {
    if (reached.has(digest)) continue;
    reached.add(digest);
    for (const child of snapshot.manifests.get(digest)?.children ?? []) left.push(child);
    for (const one of referring.get(digest) ?? []) left.push(one);
  }
  return reached;
}

/** What refers to each manifest. */
function findReferring({ manifests, tags }: Snapshot): ReadonlyMap<string, readonly string[]> {
  const referring = new Map<string, string[]>();
  const add = (subject: string | undefined, digest: string) => {
    if (subject === undefined) return;
    const known = referring.get(subject);
    if (known) known.push(digest);
    else referring.set(subject, [digest]);
  };
  for (const { digest, subject } of manifests.values()) add(subject, digest);
  for (const [tag, digest] of tags) add(tryParseDigestTag(tag), digest);
  return referring;
}
