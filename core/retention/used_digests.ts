import { DEFAULT_TAG } from "../reference/reference.ts";
import type { Registry } from "../reference/registry.ts";
import type { Repository } from "../reference/repository.ts";
import type { Snapshot } from "./snapshot.ts";
import type { UsedImage } from "./used_images.ts";

/** Manifests in use, by digest, with what says so. */
export type UsedDigests = ReadonlyMap<string, string>;

/** Those images that are of a repository. */
export function imagesOf(
  { registry, path }: Repository,
  images: readonly UsedImage[],
): readonly UsedImage[] {
  const host = normalizeHost(registry);
  return images.filter(({ reference: { repository } }) =>
    repository.path === path && normalizeHost(repository.registry) === host
  );
}

/** Host names know no upper case, and https has its port anyway. */
export function normalizeHost({ host }: Registry): string {
  return host.toLowerCase().replace(/:443$/, "");
}

/** What images in use, all of its repository, mean in a snapshot; those that are not there are left out. */
export function findUsedDigests(
  { tags, manifests }: Snapshot,
  images: readonly UsedImage[],
): UsedDigests {
  const used = new Map<string, string>();
  for (const { reference: { tag, digest }, source } of images) {
    const tagged = tags.get(tag ?? (digest === undefined ? DEFAULT_TAG : ""));
    for (const found of [digest, tagged]) {
      if (found !== undefined && manifests.has(found)) used.set(found, source);
    }
  }
  return used;
}
