import { readFileSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { RegctlError } from "../errors.ts";
import { OCI_INDEX } from "../oci/media_types.ts";
import { type Descriptor, parseManifest } from "../oci/manifest.ts";
import { LayoutIndex } from "./layout_index.ts";
import type { Scratch } from "./scratch.ts";

/** Hooks of {@linkcode IndexFile}. */
export interface IndexFileHooks {
  /** Completes what the file lists, when it was read. */
  readonly complete: (entries: readonly Descriptor[]) => readonly Descriptor[];
  /** Removes the content of manifests that are no longer listed. */
  readonly dispose: (digest: string) => Promise<void>;
}

type Change = (index: LayoutIndex) => LayoutIndex;

interface Waiting {
  readonly change: Change;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const EMPTY = new LayoutIndex([]);
const LAYOUT_FILE = '{"imageLayoutVersion":"1.0.0"}';

/**
 * The `index.json` of a repository. What is read is what is on the disk: a change by another program
 * is seen at the next look. Changes come one after another; those that arrive while one is written
 * share the next writing.
 */
export class IndexFile {
  readonly #folder: string;
  readonly #scratch: Scratch;
  readonly #hooks: IndexFileHooks;
  /** By folder, so that two of this class on one folder take turns too. Only what is under way. */
  static readonly #queues = new Map<string, Waiting[]>();
  #cached: { readonly index: LayoutIndex; readonly stamp: string } | undefined;

  constructor(folder: string, scratch: Scratch, hooks: IndexFileHooks) {
    this.#folder = folder;
    this.#scratch = scratch;
    this.#hooks = hooks;
  }

  /** What is listed; undefined when there is no layout. Throws `CONFIG` when it is damaged. */
  read(): LayoutIndex | undefined {
    const stamp = this.#readStamp();
    if (stamp === undefined) return undefined;
    if (this.#cached?.stamp === stamp) return this.#cached.index;
    const index = new LayoutIndex(this.#hooks.complete(this.#parse()));
    this.#cached = { index, stamp };
    return index;
  }

  /**
   * Applies a change and makes the layout where there is none. Resolves when it is on the disk. What
   * `change` throws is thrown, and nothing is changed then.
   */
  change(change: Change): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = IndexFile.#queues.get(this.#folder);
      if (queue) queue.push({ change, resolve, reject });
      else void this.#work([{ change, resolve, reject }]);
    });
  }

  async #work(queue: Waiting[]): Promise<void> {
    IndexFile.#queues.set(this.#folder, queue);
    while (queue.length > 0) await this.#apply(queue.splice(0));
    IndexFile.#queues.delete(this.#folder);
  }

  async #apply(batch: readonly Waiting[]): Promise<void> {
    try {
      const read = this.read();
      const before = read ?? EMPTY;
      let after = before;
      const applied = batch.filter(({ change, reject }) => {
        try {
          after = change(after);
          return true;
        } catch (error) {
          reject(error);
          return false;
        }
      });
      if (applied.length === 0) return;
      if (after !== before || read === undefined) await this.#write(after);
      for (const { digest } of before.manifests) {
        if (after !== before && !after.find(digest)) await this.#hooks.dispose(digest);
      }
      applied.forEach(({ resolve }) => resolve());
    } catch (error) {
      batch.forEach(({ reject }) => reject(error));
    }
  }

  #parse(): readonly Descriptor[] {
    try {
      return parseManifest(readFileSync(this.#path), OCI_INDEX).manifests;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new RegctlError("CONFIG", `the image layout ${this.#folder} is damaged: ${reason}`, {
        cause: error,
      });
    }
  }

  async #write(index: LayoutIndex): Promise<void> {
    if (this.#readStamp() === undefined) {
      await mkdir(this.#folder, { recursive: true });
      await this.#scratch.replaceFile(join(this.#folder, "oci-layout"), LAYOUT_FILE);
    }
    const { entries: manifests } = index;
    const document = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
    await this.#scratch.replaceFile(this.#path, JSON.stringify(document));
    this.#cached = { index, stamp: this.#readStamp() ?? "" };
  }

  /** Changes with each writing, since that is a new file. */
  #readStamp(): string | undefined {
    const found = statSync(this.#path, { throwIfNoEntry: false, bigint: true });
    return found && `${found.ino} ${found.mtimeNs} ${found.size}`;
  }

  get #path(): string {
    return join(this.#folder, "index.json");
  }
}
