import { Buffer } from "node:buffer";
import { readFileSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { RegctlError } from "../errors.ts";
import { OCI_INDEX } from "../oci/media_types.ts";
import { type Descriptor, tryParseDescriptor } from "../oci/manifest.ts";
import { LayoutIndex } from "./layout_index.ts";
import type { Scratch } from "./scratch.ts";

/** Hooks of {@linkcode IndexFile}. */
export interface IndexFileHooks {
  /** Completes what the file lists, when it was read. */
  readonly complete: (entries: readonly Descriptor[]) => readonly Descriptor[];
  /** Removes the content of a digest that is not listed. */
  readonly dispose: (digest: string) => Promise<void>;
}

type Change = (index: LayoutIndex) => LayoutIndex;

interface Waiting {
  readonly change: Change;
  /** The digest whose content is to be removed with it. */
  readonly removes: string | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What the file says. */
interface Content {
  readonly index: LayoutIndex;
  /** Fields of the document, and entries, that mean nothing here: they are written as they were. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly others: readonly unknown[];
}

/** What tells one writing of the file from another. */
interface Stamp {
  readonly size: number;
  readonly text: string;
  /** Whether a later writing is sure to have another text. */
  readonly isSettled: boolean;
}

const EMPTY: Content = {
  index: new LayoutIndex([]),
  fields: { schemaVersion: 2, mediaType: OCI_INDEX },
  others: [],
};
/** A file system's clock may stand still for some milliseconds, in which two writings look as one. */
const MIN_AGE_MS = 100;
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
  #cached: (Content & { readonly stamp: Stamp }) | undefined;

  constructor(folder: string, scratch: Scratch, hooks: IndexFileHooks) {
    this.#folder = folder;
    this.#scratch = scratch;
    this.#hooks = hooks;
  }

  /** What is listed; undefined when there is no layout. Throws `CONFIG` when it is damaged. */
  read(): LayoutIndex | undefined {
    return this.#read()?.index;
  }

  /**
   * Applies a change and makes the layout where there is none. Resolves when it is on the disk, and
   * the content that it `removes` is gone, unless that is listed. What `change` throws is thrown, and
   * nothing is changed then.
   */
  change(change: Change, removes?: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = { change, removes, resolve, reject };
      const queue = IndexFile.#queues.get(this.#folder);
      if (queue) queue.push(waiting);
      else void this.#work([waiting]);
    });
  }

  async #work(queue: Waiting[]): Promise<void> {
    IndexFile.#queues.set(this.#folder, queue);
    while (queue.length > 0) await this.#apply(queue.splice(0));
    IndexFile.#queues.delete(this.#folder);
  }

  async #apply(batch: readonly Waiting[]): Promise<void> {
    try {
      const read = this.#read();
      const { index: before, ...rest } = read ?? EMPTY;
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
      if (after !== before || read === undefined) await this.#write({ ...rest, index: after });
      for (const { removes, resolve, reject } of applied) {
        // A push of the same manifest may have come behind.
        const isGone = removes !== undefined && !after.find(removes);
        if (isGone) await this.#hooks.dispose(removes).then(resolve, reject);
        else resolve();
      }
    } catch (error) {
      batch.forEach(({ reject }) => reject(error));
    }
  }

  #read(): Content | undefined {
    const stamp = this.#readStamp();
    if (stamp === undefined) return undefined;
    const known = this.#cached;
    if (known?.stamp.text === stamp.text && known.stamp.isSettled) return known;
    this.#cached = { ...this.#parse(), stamp };
    return this.#cached;
  }

  #parse(): Content {
    const { manifests, ...fields } = this.#parseDocument();
    const entries: Descriptor[] = [];
    const others: unknown[] = [];
    for (const value of manifests) {
      const entry = tryParseDescriptor(value);
      if (entry) entries.push(entry);
      else others.push(value);
    }
    return { index: new LayoutIndex(this.#hooks.complete(entries)), fields, others };
  }

  #parseDocument(): { readonly manifests: readonly unknown[] } {
    try {
      const document: unknown = JSON.parse(readFileSync(this.#path, "utf8"));
      const { manifests, ...fields } = document as { manifests?: unknown };
      if (
        typeof document !== "object" || Array.isArray(document) || !Array.isArray(manifests ?? [])
      ) {
        throw new TypeError("it has no list of manifests");
      }
      return { ...fields, manifests: (manifests ?? []) as readonly unknown[] };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new RegctlError("CONFIG", `the image layout ${this.#folder} is damaged: ${reason}`, {
        cause: error,
      });
    }
  }

  async #write(content: Content): Promise<void> {
    if (this.#readStamp() === undefined) {
      await mkdir(this.#folder, { recursive: true });
      await this.#scratch.replaceFile(join(this.#folder, "oci-layout"), LAYOUT_FILE);
    }
    const { fields, others, index } = content;
    const document = { ...fields, manifests: [...others, ...index.entries] };
    const bytes = Buffer.from(JSON.stringify(document));
    await this.#scratch.replaceFile(this.#path, bytes);
    const stamp = this.#readStamp();
    // It is a new file: if it is ours, a later writing has another stamp.
    this.#cached = stamp?.size === bytes.length
      ? { ...content, stamp: { ...stamp, isSettled: true } }
      : undefined;
  }

  #readStamp(): Stamp | undefined {
    const found = statSync(this.#path, { throwIfNoEntry: false, bigint: true });
    if (!found?.isFile()) return undefined;
    return {
      size: Number(found.size),
      text: `${found.ino} ${found.mtimeNs} ${found.size}`,
      isSettled: Math.abs(Date.now() - Number(found.mtimeMs)) > MIN_AGE_MS,
    };
  }

  get #path(): string {
    return join(this.#folder, "index.json");
  }
}
