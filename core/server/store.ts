import { readdir } from "node:fs/promises";
import { accessSync, constants, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { RegctlError } from "../errors.ts";
import type { VerifiableDigest } from "../oci/digest.ts";
import { errorCode } from "../runtime/error_code.ts";
import { BlobPool } from "./blob_pool.ts";
import { type FolderLock, lockFolder } from "./lock.ts";
import { OWN_FOLDER, repositoryFolder, repositoryPart } from "./paths.ts";
import { RepositoryStore } from "./repository_store.ts";
import { Scratch } from "./scratch.ts";
import type { Upload } from "./upload.ts";
import { Uploads } from "./uploads.ts";

/** What is known of the others is forgotten, and read again when it is asked for. */
const MAX_OPEN = 1000;

const FOLDER_FAILURES: Readonly<Record<string, string>> = {
  EACCES: "it may not be opened",
  EPERM: "it may not be opened",
  EROFS: "it may not be written to",
  EEXIST: "it is a file",
  ENOTDIR: "it is a file",
  ENOENT: "there is no such folder",
};

/** How {@linkcode Store.open} opens a folder. */
export interface StoreOptions {
  /** Writes nothing and takes no lock. Default: false. */
  readonly readOnly?: boolean;
}

/** A folder of image layouts, one a repository. */
export class Store {
  readonly uploads: Uploads;
  readonly #root: string;
  readonly #scratch: Scratch;
  readonly #pool: BlobPool;
  readonly #lock: FolderLock | undefined;
  readonly #open = new Map<string, RepositoryStore>();

  private constructor(root: string, lock: FolderLock | undefined) {
    this.#root = root;
    this.#lock = lock;
    this.#scratch = new Scratch(join(root, OWN_FOLDER, "scratch"));
    this.#pool = new BlobPool(join(root, OWN_FOLDER), this.#scratch);
    this.uploads = new Uploads(this.#scratch);
  }

  /** Opens a folder, which is made where there is none. Throws `CONFIG` when it cannot be served. */
  static async open(root: string, { readOnly = false }: StoreOptions = {}): Promise<Store> {
    if (existsSync(join(root, "index.json"))) {
      throw new RegctlError("CONFIG", `Cannot serve ${root}: it is an image layout itself`, {
        hint: "Name the folder above it: each layout in there is a repository",
      });
    }
    try {
      if (readOnly) readdirSync(root);
      return readOnly ? new Store(root, undefined) : await Store.#openToWrite(root);
    } catch (error) {
      if (error instanceof RegctlError || errorCode(error) === "") throw error;
      const reason = FOLDER_FAILURES[errorCode(error)] ?? errorCode(error);
      throw new RegctlError("CONFIG", `Cannot serve ${root}: ${reason}`, {
        hint: readOnly ? undefined : "--read-only serves a folder that cannot be written to",
        cause: error,
      });
    }
  }

  static async #openToWrite(root: string): Promise<Store> {
    const own = join(root, OWN_FOLDER);
    mkdirSync(own, { recursive: true });
    accessSync(own, constants.W_OK);
    const store = new Store(root, await lockFolder(own, root));
    await store.#scratch.reset();
    await store.#pool.sweep();
    return store;
  }

  /** A repository, which need not exist. */
  repository(name: string): RepositoryStore {
    const folder = repositoryFolder(this.#root, name);
    const known = this.#open.get(name);
    const store = known ?? new RepositoryStore(folder, this.#pool, this.#scratch);
    // Names that stand for nothing must not push out those that do.
    if (!known && !existsSync(join(folder, "index.json"))) return store;
    // The last ones used are the last ones in the map.
    this.#open.delete(name);
    this.#open.set(name, store);
    const [oldest] = this.#open.keys();
    if (oldest !== undefined && this.#open.size > MAX_OPEN) this.#open.delete(oldest);
    return store;
  }

  /** Ends an upload: its content becomes a blob of its repository. Throws `DIGEST_INVALID`. */
  async finish(upload: Upload, digest: VerifiableDigest): Promise<void> {
    const repository = this.repository(upload.repository);
    await this.uploads.finish(upload, digest, (path) => repository.putBlob(path, digest));
  }

  /** The names of all repositories, in ASCII order. */
  async repositories(): Promise<string[]> {
    const names: string[] = [];
    for await (const name of findLayouts(this.#root, "")) names.push(name);
    return names.sort();
  }

  /** Lets another process open the folder. */
  close(): void {
    this.#lock?.release();
  }
}

async function* findLayouts(folder: string, prefix: string): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const part = entry.isFile() ? undefined : repositoryPart(entry.name);
    if (part === undefined) continue;
    const path = join(folder, entry.name);
    if (existsSync(join(path, "index.json"))) yield prefix + part;
    // A link that leads back up would never end.
    if (entry.isDirectory()) yield* findLayouts(path, `${prefix}${part}/`);
  }
}
