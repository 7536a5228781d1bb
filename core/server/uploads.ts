import { randomUUID } from "node:crypto";
import type { VerifiableDigest } from "../oci/digest.ts";
import { Problem } from "./problem.ts";
import type { Scratch } from "./scratch.ts";
import { unknownUpload, Upload } from "./upload.ts";

/** A client that has not come back by then has given up. */
const MAX_IDLE_MS = 60 * 60_000;
/** Far more than a machine's own clients have, few enough to be no burden. */
const MAX_UPLOADS = 1000;

/** The uploads under way. None outlives the program. */
export class Uploads {
  readonly #scratch: Scratch;
  readonly #byId = new Map<string, Upload>();

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  /** Begins one; throws `TOOMANYREQUESTS` when too many are under way. */
  async start(repository: string, algorithm: VerifiableDigest["algorithm"]): Promise<Upload> {
    this.#dropIdle();
    if (this.#byId.size >= MAX_UPLOADS) {
      throw new Problem("TOOMANYREQUESTS", `${MAX_UPLOADS} uploads are under way`);
    }
    const id = randomUUID();
    const upload = new Upload(id, repository, this.#scratch.newPath(), algorithm);
    this.#byId.set(id, upload);
    return upload;
  }

  /** The upload of a repository; throws `BLOB_UPLOAD_UNKNOWN`. */
  get(repository: string, id: string): Upload {
    const upload = this.#byId.get(id);
    if (upload?.repository !== repository) throw unknownUpload();
    return upload;
  }

  /** Ends an upload in whichever way `end` does. */
  async end(upload: Upload, end: () => Promise<void>): Promise<void> {
    try {
      await end();
    } finally {
      this.#byId.delete(upload.id);
    }
  }

  #dropIdle(): void {
    const limit = Date.now() - MAX_IDLE_MS;
    for (const upload of this.#byId.values()) {
      // Nobody waits for it, and what is left behind goes with the next start.
      if (upload.usedAt < limit) this.end(upload, () => upload.cancel()).catch(() => {});
    }
  }
}
