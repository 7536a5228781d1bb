import type { Repository } from "../reference/repository.ts";
import type { ManifestRemoval } from "./removal.ts";

/** What is to become of a tag. */
export interface PlannedTag {
  readonly tag: string;
  /** What it points to; undefined where it has no manifest that can be read. */
  readonly digest: string | undefined;
  /** When its image was made, in milliseconds since the epoch; undefined where nobody knows. */
  readonly createdAt: number | undefined;
  readonly action: "keep" | "delete";
  /** The rule that decided, one word: see `Rule`; also `referrer`, `unreadable`. */
  readonly rule: string;
  /** For people. */
  readonly reason: string;
}

/** A manifest that nothing needs when the tags have gone. */
export interface PlannedManifest extends Omit<ManifestRemoval, "kind"> {
  readonly mediaType: string;
  /** Of the manifest itself, in bytes. */
  readonly size: number;
}

/** What is to go from one repository. */
export interface RepositoryPlan {
  readonly repository: Repository;
  /** All tags, sorted by name. */
  readonly tags: readonly PlannedTag[];
  /** The manifests that go, each behind those that need it. */
  readonly manifests: readonly PlannedManifest[];
  /**
   * Bytes of manifests, configurations and layers that nothing refers to any more, as far as the
   * tags tell. The registry frees them when it collects its garbage.
   */
  readonly freedBytes: number;
}

/** What `regctl prune` finds out, and `regctl apply` carries out. */
export interface Plan {
  /** RFC 3339. */
  readonly createdAt: string;
  readonly repositories: readonly RepositoryPlan[];
}
