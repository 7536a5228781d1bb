import { Buffer } from "node:buffer";
import { RegctlError } from "../errors.ts";
import type { AppendLog, Host } from "../host.ts";
import { baseFolder } from "../host_folders.ts";
import type { Repository } from "../reference/repository.ts";
import type { ManifestContent } from "../registry/manifests.ts";
import { nameRepository } from "../registry/repository_name.ts";

/** The version of the file's form. */
export const JOURNAL_VERSION = 1;

/** What is about to go. */
export interface PlannedRemoval {
  readonly repository: Repository;
  readonly content: ManifestContent;
  /** Tags that point to it and go. */
  readonly tags: readonly string[];
  /** Whether the manifest itself goes, too. */
  readonly manifest: boolean;
}

/** The folder of all journals: `$XDG_STATE_HOME/regctl`, else `~/.local/state/regctl`. */
export function journalFolder(host: Host): string {
  return `${baseFolder(host, "XDG_STATE_HOME", ".local/state")}/regctl`;
}

/**
 * What one run deletes, written to a file before each request, so that it can be put back: one JSON
 * object a line. A line is on the disk when its promise resolves. The file is made with the first.
 */
export class Journal {
  /** Where the file is, or will be. */
  readonly path: string;
  readonly #host: Host;
  readonly #head: object;
  /** Manifests whose bytes are in the file: they are written once. */
  readonly #written = new Set<string>();
  #log: Promise<AppendLog> | undefined;
  #count = 0;

  /** @param command that deletes, for whoever reads it: `delete` */
  constructor(host: Host, command: string) {
    const startedAt = new Date(host.clock.now()).toISOString();
    const time = startedAt.slice(0, -1).replace(/[-:.]/g, "");
    const chance = crypto.randomUUID().slice(0, 8);
    this.#host = host;
    this.#head = { version: JOURNAL_VERSION, command, startedAt };
    this.path = `${journalFolder(host)}/${time}-${command}-${chance}.jsonl`;
  }

  /** What `regctl undo` calls it. */
  get name(): string {
    return this.path.slice(this.path.lastIndexOf("/") + 1, -".jsonl".length);
  }

  /** True when something was written. */
  get isUsed(): boolean {
    return this.#count > 0;
  }

  /** Writes down what is about to go, and gives its number. */
  async add({ repository, content, tags, manifest }: PlannedRemoval): Promise<number> {
    const id = ++this.#count;
    const { descriptor: { digest, mediaType }, manifest: { manifests }, bytes } = content;
    const name = nameRepository(repository);
    const key = `${name}@${digest}`;
    const data = this.#written.has(key) ? undefined : Buffer.from(bytes).toString("base64");
    this.#written.add(key);
    const children = manifests.map((child) => child.digest);
    const removal = { id, repository: name, digest, mediaType, tags, manifest, children, data };
    await this.#append({ removal });
    return id;
  }

  /** Writes down that a tag is about to be moved to a copy of its manifest. */
  async addCopy(id: number, tag: string, digest: string): Promise<void> {
    await this.#append({ copy: { removal: id, tag, digest } });
  }

  /** Writes down what was not deleted after all. */
  async addKept(id: number, tags: readonly string[], manifest: boolean): Promise<void> {
    await this.#append({ kept: { removal: id, tags, manifest } });
  }

  /** To be called when the run is over. */
  async close(): Promise<void> {
    const log = await this.#log?.catch(() => undefined);
    await log?.close();
  }

  async #append(record: object): Promise<void> {
    let text = formatRecord(record);
    if (!this.#log) {
      this.#log = this.#host.openLog(this.path);
      text = formatRecord({ journal: this.#head }) + text;
    }
    try {
      await (await this.#log).append(text);
    } catch (error) {
      if (!(error instanceof RegctlError)) throw error;
      const hint = "Make it writable, or add --no-journal: then nothing can be put back";
      throw new RegctlError(error.code, error.message, { hint, cause: error });
    }
  }
}

/** A line of a journal. */
export function formatRecord(record: object): string {
  return `${JSON.stringify(record)}\n`;
}
