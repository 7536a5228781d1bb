import { type ErrorCode, RegctlError } from "../errors.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { formatReference } from "../reference/reference.ts";
import type { Repository } from "../reference/repository.ts";
import type { RegistryClient } from "../registry/client.ts";
import { findManifest } from "../registry/find_manifest.ts";
import { ifThere } from "../registry/if_there.ts";
import { removeManifest } from "../registry/manifest_remover.ts";
import { getManifest, type ManifestContent } from "../registry/manifests.ts";
import { TagRemover } from "../registry/tag_remover.ts";
import { forEach } from "../for_each.ts";
import type { Journal } from "./journal.ts";
import { NewNeeds } from "./new_needs.ts";
import {
  type ManifestRemoval,
  type Removal,
  type RemovalResult,
  type TagRemoval,
  tagsOf,
} from "./removal.ts";
import { SiblingWatch } from "./sibling_watch.ts";
import { stopReason } from "./stop_reason.ts";
import { toWaves } from "./waves.ts";

/** How {@linkcode removeFrom} goes about it. */
export interface RemoveOptions {
  /** Where everything is written down first. Default: nowhere. */
  readonly journal?: Journal | undefined;
  /** How many removals are under way at a time. */
  readonly concurrency: number;
  /** All tags there were when the removals were chosen, with their digests where they are known. */
  readonly tags: ReadonlyMap<string, string | undefined>;
  /** Whether {@linkcode tags} are all that there are. */
  readonly isListed: boolean;
  /** Begins nothing new when it is aborted; what is under way is finished. */
  readonly stop: AbortSignal;
  /** Told how many of the manifests that go were read again. Default: nobody is. */
  readonly onPrepared?: (done: number, total: number) => void;
  /** Told what became of each tag and each manifest. */
  readonly onResult: (result: RemovalResult) => void;
}

/** The rest of a repository would fail in the same way. */
const HOPELESS: readonly ErrorCode[] = ["UNSUPPORTED", "UNAUTHORIZED", "RATE_LIMITED", "OUTPUT"];
/** Nothing of the kind can have happened, unless an earlier try of the request is in doubt. */
const UNCHANGED: readonly ErrorCode[] = [...HOPELESS, "DENIED", "REFUSED", "NOT_FOUND"];
/** Of manifests that were read again; those beyond are read once more when their turn comes. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

/**
 * Removes tags and manifests of one repository. A tag that goes alone is read again right before;
 * those of manifests are before any manifest goes: one that has moved stays, and so does what it
 * points to; where one of them cannot be read, no manifest goes. Manifests go in the order that
 * {@linkcode ManifestRemoval.after} asks for. Whatever else fails keeps the rest from nothing, but
 * for what it needs.
 *
 * @param client its requests must outlast `stop`, so that what has begun comes to an end
 */
export async function removeFrom(
  client: RegistryClient,
  repository: Repository,
  removals: readonly Removal[],
  options: RemoveOptions,
): Promise<void> {
  const { concurrency } = options;
  const remover = new Remover(client, repository, removals, options);
  const tags = removals.filter((removal) => removal.kind === "tag");
  // Pushing a copy to a tag and deleting a manifest at the same moment is more than distribution can.
  const free = tags.filter(({ after }) => after === undefined);
  await forEach(free, concurrency, (removal) => remover.removeTag(removal));
  const manifests = removals.filter((removal) => removal.kind === "manifest");
  const prepared = new Map<string, PreparedRemoval>();
  let done = 0;
  await forEach(manifests, concurrency, async (removal) => {
    const one = await remover.prepare(removal);
    if (one) prepared.set(removal.digest, one);
    options.onPrepared?.(++done, manifests.length);
  });
  const waiting: TagRemoval[] = [];
  await forEach(tags.filter(({ after }) => after !== undefined), concurrency, async (removal) => {
    if (await remover.isUnmoved(removal)) waiting.push(removal);
  });
  if (prepared.size > 0) await remover.lookForNewTags();
  const ordered = manifests.map(({ digest, after }) => ({ id: digest, after }));
  for (const wave of toWaves(ordered)) {
    const ready = wave.flatMap(({ id }) => prepared.get(id) ?? []);
    await forEach(ready, concurrency, (one) => remover.removeManifest(one));
  }
  await forEach(waiting, concurrency, (removal) => remover.removeTag(removal));
}

/** A manifest that was read again and written down. */
interface PreparedRemoval {
  readonly removal: ManifestRemoval;
  /** Undefined where it would have been too much to keep. */
  readonly content: ManifestContent | undefined;
  /** The tags that still point to it. */
  readonly tags: readonly string[];
  /** Its number in the journal. */
  readonly entry: number | undefined;
}

/** What keeps a removal from being tried. */
class Obstacle {
  readonly error: RegctlError;

  constructor(error: RegctlError) {
    this.error = error;
  }
}

type Tell = (result: RemovalResult) => void;

/** What of a removal is still there. */
interface Kept {
  readonly tags: Iterable<string>;
  readonly manifest: boolean;
}

class Remover {
  readonly #client: RegistryClient;
  readonly #repository: Repository;
  readonly #options: RemoveOptions;
  readonly #tags: TagRemover;
  readonly #siblings: SiblingWatch;
  readonly #needs: NewNeeds;
  /** The numbers of the tags that are being deleted, in the journal. */
  readonly #entries = new Map<string, number>();
  /** Manifests that are still there though they are to go. */
  readonly #left: Set<string>;
  #heldBytes = 0;
  #hopeless: RegctlError | undefined;
  /** Ends with the first tag: it shows whether the registry knows a tag from a manifest. */
  #trial: Promise<void> | undefined;

  constructor(
    client: RegistryClient,
    repository: Repository,
    removals: readonly Removal[],
    options: RemoveOptions,
  ) {
    this.#client = client;
    this.#repository = repository;
    this.#options = options;
    this.#left = new Set(removals.flatMap((it) => it.kind === "manifest" ? [it.digest] : []));
    this.#needs = new NewNeeds(client, repository);
    this.#siblings = new SiblingWatch(client, repository, removals, options);
    const { journal, stop } = options;
    this.#tags = new TagRemover(client, repository, {
      stop,
      onCopy: journal && (async (tag, digest) => {
        const entry = this.#entries.get(tag);
        if (entry !== undefined) await journal.addCopy(entry, tag, digest);
      }),
    });
  }

  async removeTag(removal: TagRemoval): Promise<void> {
    while (this.#trial) await this.#trial;
    const attempt = this.#attempt(removal, (tell) => this.#removeTag(removal, tell));
    if (this.#siblings.isTried) return await attempt;
    this.#trial = attempt;
    try {
      await attempt;
    } finally {
      this.#trial = undefined;
    }
  }

  async #removeTag({ tag, digest, after }: TagRemoval, tell: Tell): Promise<void> {
    this.#assertGoingOn();
    if (after !== undefined) this.#assertGone([after]);
    const content = await this.#needs.orDoubt(this.#read({ tag }));
    if (!content) return tell({ tag, digest, outcome: "gone" });
    if (content.descriptor.digest !== digest) {
      return tell(await this.#moved(tag, digest, content));
    }
    this.#assertGoingOn();
    const entry = await this.#writeDown(content, [tag], false);
    const way = await this.#keepOnFailure(
      entry,
      { tags: [tag], manifest: false },
      () => this.#tags.remove(tag, content),
    );
    if (way === "moved") return tell(await this.#moved(tag, digest));
    if (way === "gone") return tell({ tag, digest, outcome: "gone", way });
    await this.#checkSiblings(tag, content, entry);
    tell({ tag, digest, outcome: "deleted", way });
  }

  /** What was pushed since the tags were listed stays, and so does what it needs. */
  async lookForNewTags(): Promise<void> {
    const { tags, isListed, concurrency } = this.#options;
    // Where they cannot be listed, there is nothing to compare.
    if (isListed) await this.#needs.addNewTags(tags, concurrency);
  }

  /** Where a registry takes along what nobody named, or nobody can tell, it is asked for no more. */
  async #checkSiblings(
    tag: string,
    content: ManifestContent,
    entry: number | undefined,
  ): Promise<void> {
    try {
      await this.#siblings.check(tag, content, entry);
    } catch (error) {
      if (error instanceof RegctlError) this.#hopeless ??= error;
      throw error;
    }
  }

  /** Looks at a tag that goes behind manifests: those may go only when it is known where it points. */
  async isUnmoved(removal: TagRemoval): Promise<boolean> {
    const { tag, digest } = removal;
    let isUnmoved = false;
    await this.#attempt(removal, async (tell) => {
      this.#assertGoingOn();
      isUnmoved = (await this.#needs.orDoubt(this.#find(tag)))?.digest === digest;
      if (!isUnmoved) tell(await this.#moved(tag, digest));
    });
    return isUnmoved;
  }

  /** Reads a manifest and its tags again, and writes them down; undefined where it is not to go. */
  async prepare(removal: ManifestRemoval): Promise<PreparedRemoval | undefined> {
    let prepared: PreparedRemoval | undefined;
    await this.#attempt(removal, async (tell) => {
      this.#assertGoingOn();
      const { digest } = removal;
      const { tags, ...found } = await this.#needs.orDoubt(this.#readTags(removal, tell));
      const content = found.content ?? await this.#read({ digest });
      if (!content) {
        this.#left.delete(digest);
        return tell({ digest, outcome: "gone" });
      }
      this.#assertGoingOn();
      const entry = await this.#writeDown(content, tags, true);
      prepared = { removal, content: this.#hold(content), tags, entry };
    });
    return prepared;
  }

  /** The tags that still point to a manifest, and that where it was read on the way. */
  async #readTags(
    { digest, tags }: ManifestRemoval,
    tell: Tell,
  ): Promise<Pick<PreparedRemoval, "tags" | "content">> {
    const left: string[] = [];
    let content: ManifestContent | undefined;
    for (const tag of tags) {
      const found = content ? undefined : await this.#read({ tag });
      const descriptor = content ? await this.#find(tag) : found?.descriptor;
      if (!descriptor) tell({ tag, digest, outcome: "gone" });
      else if (descriptor.digest === digest) {
        left.push(tag);
        content ??= found;
      } else tell(await this.#moved(tag, digest, found));
    }
    return { tags: left, content };
  }

  #hold(content: ManifestContent): ManifestContent | undefined {
    this.#heldBytes += content.bytes.byteLength;
    return this.#heldBytes > MAX_HELD_BYTES ? undefined : content;
  }

  async removeManifest({ removal, content, tags, entry }: PreparedRemoval): Promise<void> {
    const { digest } = removal;
    const left = new Set(tags);
    await this.#attempt({ ...removal, tags }, async (tell) => {
      const outcome = await this.#keepOnFailure(entry, { tags: left, manifest: true }, async () => {
        this.#assertGoingOn();
        this.#assertNeededByNone(removal);
        const saved = content ?? await this.#read({ digest });
        if (!saved) return "gone";
        return await removeManifest(this.#client, this.#repository, saved, {
          tags,
          removeTag: async (tag) => {
            // Much may have happened since all of them were read.
            const isSame = (await this.#find(tag))?.digest === digest;
            const way = isSame ? await this.#tags.remove(tag, saved) : "moved";
            left.delete(tag);
            if (way !== "moved") {
              return tell({ tag, digest, outcome: way === "gone" ? "gone" : "deleted", way });
            }
            await this.#keep(entry, { tags: [tag], manifest: false });
            tell(await this.#moved(tag, digest));
            this.#assertNeededByNone(removal);
          },
        });
      });
      this.#left.delete(digest);
      for (const tag of left) tell({ tag, digest, outcome, way: "digest" });
      tell({ digest, outcome, way: "digest" });
    });
  }

  /** Tells what becomes of all that a removal is about, also where it fails. */
  async #attempt(removal: Removal, action: (tell: Tell) => Promise<void>): Promise<void> {
    const left = new Set(tagsOf(removal));
    const tell = (result: RemovalResult) => {
      if (result.tag !== undefined) left.delete(result.tag);
      this.#options.onResult(result);
    };
    try {
      await action(tell);
    } catch (thrown) {
      const isObstacle = thrown instanceof Obstacle || thrown === this.#options.stop.reason;
      const error = thrown instanceof Obstacle ? thrown.error : thrown;
      if (!(error instanceof RegctlError)) throw error;
      if (HOPELESS.includes(error.code)) this.#hopeless ??= error;
      const outcome = isObstacle ? "skipped" : "failed";
      const rest: RemovalResult = { digest: removal.digest, outcome, error };
      for (const tag of left) tell({ tag, ...rest });
      if (removal.kind === "manifest") tell(rest);
    }
  }

  #assertGoingOn(): void {
    const { stop } = this.#options;
    if (stop.aborted) throw new Obstacle(stopReason(stop));
    if (this.#hopeless) throw new Obstacle(this.#hopeless);
  }

  #assertNeededByNone({ digest, after }: ManifestRemoval): void {
    const need = this.#needs.find(digest);
    if (need) throw new Obstacle(need);
    this.#assertGone(after);
  }

  #assertGone(digests: readonly string[]): void {
    const parent = digests.find((one) => this.#left.has(one));
    if (parent === undefined) return;
    throw new Obstacle(new RegctlError("PARTIAL", `${parent} needs it, and is still there`));
  }

  async #writeDown(
    content: ManifestContent,
    tags: readonly string[],
    manifest: boolean,
  ): Promise<number | undefined> {
    const repository = this.#repository;
    const entry = await this.#options.journal?.add({ repository, content, tags, manifest });
    if (entry !== undefined) { for (const tag of tags) this.#entries.set(tag, entry); }
    return entry;
  }

  /** Writes down what was not deleted, where that is known. */
  async #keepOnFailure<T>(
    entry: number | undefined,
    what: Kept,
    action: () => Promise<T>,
  ): Promise<T> {
    try {
      const result = await action();
      if (result === "moved") await this.#keep(entry, what);
      return result;
    } catch (error) {
      const isUntouched = error instanceof Obstacle || error === this.#options.stop.reason ||
        (error instanceof RegctlError && UNCHANGED.includes(error.code) && !error.isDoubtful);
      if (isUntouched) await this.#keep(entry, what);
      throw error;
    }
  }

  async #keep(entry: number | undefined, { tags, manifest }: Kept): Promise<void> {
    for (const tag of tags) this.#siblings.keep(tag);
    if (entry === undefined) return;
    // What is not written down as kept is found to be there when it is put back.
    await this.#options.journal?.addKept(entry, [...tags], manifest).catch(() => {});
  }

  async #read(
    where: { readonly tag: string } | { readonly digest: string },
  ): Promise<ManifestContent | undefined> {
    return await ifThere(getManifest(this.#client, { repository: this.#repository, ...where }));
  }

  async #find(tag: string): Promise<Descriptor | undefined> {
    return await findManifest(this.#client, { repository: this.#repository, tag });
  }

  /** What a tag points to now stays, and so does what that lists. */
  async #moved(tag: string, digest: string, found?: ManifestContent): Promise<RemovalResult> {
    const content = found ?? await this.#needs.orDoubt(this.#read({ tag }));
    if (!content) return { tag, digest, outcome: "gone" };
    const { descriptor } = content;
    this.#siblings.keep(tag);
    await this.#needs.add(descriptor);
    const name = formatReference({ repository: this.#repository, tag });
    const message = `"${name}" has moved to ${descriptor.digest} meanwhile, and was left alone`;
    return { tag, digest, outcome: "moved", error: new RegctlError("PARTIAL", message) };
  }
}
