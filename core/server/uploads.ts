import { randomUUID } from "node:crypto";
import type { VerifiableDigest } from "../oci/digest.ts";
import { Problem } from "./problem.ts";
import type { Scratch } from "./scratch.ts";
import { unknownUpload, Upload } from "./upload.ts";

/** A client that has not come back by then has given up. */
const MAX_IDLE_MS = 60 * 60_000;
/** Far more than a machine's own clients have, few enough to be no burden. */
const MAX_UPLOADS = 1000;
/** Where there are that many, one that nobody used for so long makes room. */
const MIN_IDLE_MS = 60_000;

/** The uploads under way. None outlives the program. */
export class Uploads {
  readonly #scratch: Scratch;
  readonly #byId = new Map<string, Upload>();

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  /** Begins one; throws `TOOMANYREQUESTS` when too many are under way. */
  start(repository: string, algorithm: VerifiableDigest["algorithm"]): Upload {
    this.#dropIdle(MAX_IDLE_MS);
    if (this.#byId.size >= MAX_UPLOADS) this.#dropIdle(MIN_IDLE_MS);
    if (this.#byId.size >= MAX_UPLOADS) {
      throw new Problem("TOOMANYREQUESTS", `${MAX_UPLOADS} uploads are under way`, {
        headers: { "retry-after": "60" },
      });
    }
    const id = randomUUID();
    const upload = new Upload(id, repository, this.#scratch.newPath(), algorithm);
    this.#byId.set(id, upload);
    return upload;
  }

  /** The upload of a repository; throws `BLOB_UPLOAD_UNKNOWN`. */
  get(repository: string, id: string): Upload {
    const upload = this.#byId.get(id);
    if (upload?.repository !== repository || upload.isOver) throw unknownUpload();
    return upload;
  }

  /** Ends an upload with the content that was received; see {@linkcode Upload.finish}. */
  async finish(
    upload: Upload,
    digest: VerifiableDigest,
    place: (path: string) => Promise<void>,
  ): Promise<void> {
    try {
      await upload.finish(digest, place);
    } finally {
      this.#byId.delete(upload.id);
    }
  }

  /** Ends an upload without. What it left is removed meanwhile, or at the latest at the next start. */
  cancel(upload: Upload): void {
    this.#byId.delete(upload.id);
    upload.cancel().catch(() => {});
  }

  #dropIdle(idleMs: number): void {
    const limit = Date.now() - idleMs;
    for (const upload of this.#byId.values()) {
      if (upload.isOver || upload.usedAt < limit) this.cancel(upload);
    }
  }
}
