import { RegctlError } from "../errors.ts";
import { type HttpResponse, MAX_ERROR_BYTES } from "../http/exchange.ts";
import { describeErrorBody } from "../oci/error_body.ts";
import { formatReference } from "../reference/reference.ts";
import type { Repository } from "../reference/repository.ts";
import type { RegistryClient } from "./client.ts";
import { assertDeleted, DELETED_STATUSES, deletionHint, sendDelete } from "./delete_manifest.ts";
import { manifestUrl } from "./endpoints.ts";
import { findManifest } from "./find_manifest.ts";
import { copyManifest, type ManifestCopy } from "./manifest_copy.ts";
import { readDigestHeader } from "./integrity.ts";
import type { HeadManifestOptions, ManifestContent } from "./manifests.ts";
import { outlast } from "./outlast.ts";
import { probeDeletion } from "./probe_deletion.ts";
import { assertNoWebPage, assertStatus } from "./response_gate.ts";

/**
 * How a tag went: `tag`, the registry deletes tags; `copy`, the tag was moved to a copy of its
 * manifest, and that was deleted; `gone`, it was not there any more. `moved`: it points elsewhere by
 * now, and was left alone.
 */
export type TagRemovalWay = "tag" | "copy" | "gone" | "moved";

/** How {@linkcode TagRemover} goes about it. */
export interface TagRemoverOptions {
  /**
   * Told the digest of the copy before a tag is moved to it; what it throws keeps the tag where it
   * is. Default: nobody is told.
   */
  readonly onCopy?: ((tag: string, digest: string) => Promise<void>) | undefined;
  /** Begins with no other tag once it is aborted; its reason is thrown. Default: nothing stops it. */
  readonly stop?: AbortSignal | undefined;
}

/** What a DELETE of a tag answers where the registry deletes by digest alone. */
const NO_TAG_DELETION = [400, 404, 405, 501];

/** Each needs somebody else to push at the very same moment. */
const MAX_ATTEMPTS = 5;

/** Putting a tag back is not cut off by what ended the call, nor does it hold the program up. */
const PUT_BACK_MS = 2_500;

interface DigestOptions extends HeadManifestOptions {
  readonly client?: RegistryClient;
}

/** The tag points to what it was never moved to here. */
class Moved extends Error {}

/**
 * Deletes tags of one repository, each alone: other tags of the same digest stay, and so does the
 * manifest. What the registry can do is found out with the first tag, and kept.
 *
 * Distribution before 3.0 and Harbor delete by digest alone, and all tags of it go. There a tag is
 * moved to a copy of its manifest with a digest of its own, and the copy is deleted. The copy has
 * the same content, so that a tag is never one of a broken image, and what the registry takes as a
 * copy it will take back.
 *
 * A registry knows no "delete if": the tag is read again before each request that changes it, also
 * before one is repeated.
 */
export class TagRemover {
  readonly #client: RegistryClient;
  readonly #repository: Repository;
  readonly #options: TagRemoverOptions;
  #way: "tag" | "copy" | undefined;
  #search: Promise<unknown> | undefined;
  #refusal: RegctlError | undefined;
  /** Ends with the copy that is being deleted, see {@linkcode remove}. */
  #turn: Promise<unknown> = Promise.resolve();

  /** Sends nothing yet. */
  constructor(client: RegistryClient, repository: Repository, options: TagRemoverOptions = {}) {
    this.#client = client;
    this.#repository = repository;
    this.#options = options;
  }

  /**
   * Deletes a tag whose manifest is at hand, as read a moment ago.
   *
   * Throws `UNSUPPORTED` where nothing can be deleted, before anything has changed. Whatever else it
   * throws, the tag is as it was, unless the message says that it is not.
   */
  async remove(tag: string, content: ManifestContent): Promise<TagRemovalWay> {
    // Two that find out at the same time would send the same refused request.
    while (this.#search) await this.#search.catch(() => {});
    this.#options.stop?.throwIfAborted();
    if (this.#refusal) throw this.#refusal;
    if (this.#way === "copy") {
      // Distribution looks at all tags when it deletes a manifest, and stumbles over one that is
      // just being written.
      const turn = this.#turn.then(() => {
        this.#options.stop?.throwIfAborted();
        return this.#removeByCopy(tag, content);
      });
      this.#turn = turn.catch(() => {});
      return await turn;
    }
    const removal = this.#removeByTag(tag, content);
    if (this.#way !== undefined) return await removal;
    this.#search = removal;
    try {
      return await removal;
    } finally {
      this.#search = undefined;
    }
  }

  async #removeByTag(tag: string, content: ManifestContent): Promise<TagRemovalWay> {
    const task = this.#task(tag);
    const { digest } = content.descriptor;
    let found: string | undefined = digest;
    let response: HttpResponse | undefined;
    try {
      response = await sendDelete(this.#client, this.#repository.path, tag, {
        // An earlier try may have deleted it, and somebody pushed it again.
        mayRepeat: async () => (found = await this.#digestOf(tag)) === digest,
      });
    } catch (error) {
      if (found === digest) throw error;
    }
    if (!response || found !== digest) return found === undefined ? "tag" : "moved";
    if ((DELETED_STATUSES as readonly number[]).includes(response.status)) {
      assertNoWebPage(response, task);
      this.#way = "tag";
      return "tag";
    }
    if (response.status === 404) {
      if (response.mayHaveArrived) return "tag";
      if (!await this.#digestOf(tag)) return "gone";
    }
    if (!NO_TAG_DELETION.includes(response.status) || this.#way === "tag") {
      assertDeleted(response, task);
    }
    await this.#assertEnabled(task);
    this.#way = "copy";
    return await this.#removeByCopy(tag, content);
  }

  /** Asked before anything is touched: a tag that was moved and cannot be deleted is worse than before. */
  async #assertEnabled(task: string): Promise<void> {
    const { state, response, codes } = await probeDeletion(this.#client, this.#repository.path);
    // A 404 that names no error is that of a server which does not know the request.
    if (state === "enabled" && codes.some((code) => code !== "")) return;
    // Some call it deleted where there was nothing to delete.
    if (state !== "enabled" && state !== "disabled") return assertDeleted(response, task);
    this.#refusal = new RegctlError(
      "UNSUPPORTED",
      `Cannot ${task}: ${response.url.host} does not delete ` +
        `(${response.status}${describeErrorBody(response)}); nothing was changed`,
      { hint: deletionHint(["UNSUPPORTED"], response) },
    );
    throw this.#refusal;
  }

  async #removeByCopy(tag: string, content: ManifestContent): Promise<TagRemovalWay> {
    const copy = copyManifest(content);
    const ours = [content.descriptor.digest, copy.digest];
    const found = await this.#digestOf(tag);
    if (found !== content.descriptor.digest) return found === undefined ? "gone" : "moved";
    await this.#options.onCopy?.(tag, copy.digest);
    try {
      await this.#moveAndDelete(tag, copy, ours);
    } catch (error) {
      if (error instanceof Moved) return "moved";
      await this.#putBack(tag, content, ours, error);
    }
    return "copy";
  }

  /** @param ours what the tag may point to, or else somebody else has pushed */
  async #moveAndDelete(
    tag: string,
    copy: ManifestCopy,
    ours: string[],
  ): Promise<void> {
    const task = this.#task(tag);
    const assertOurs = async () => {
      const found = await this.#digestOf(tag);
      if (found !== undefined && !ours.includes(found)) throw new Moved();
      return true;
    };
    for (let attempt = 1;; attempt++) {
      const stored = await this.#put(this.#client, tag, copy, assertOurs);
      if (stored !== copy.digest) {
        ours.push(stored);
        throw new RegctlError(
          "INTEGRITY",
          `Cannot ${task}: ${this.#client.baseUrl.host} stored its copy under another digest`,
        );
      }
      const response = await sendDelete(this.#client, this.#repository.path, copy.digest);
      const isDoubtful = response.status === 404 && response.mayHaveArrived === true;
      // Distribution that stumbles (500) has deleted the manifest, and left the tag: one that is
      // listed for ever, and that nobody can read or delete. Pushed again, both can go.
      if (isDoubtful && attempt < MAX_ATTEMPTS && await assertOurs()) continue;
      if (!isDoubtful) assertDeleted(response, task);
      if (await this.#digestOf(tag, { trustsHead: true }) !== copy.digest) return;
      throw new RegctlError(
        "INVALID_RESPONSE",
        `Cannot ${task}: ${response.url.host} answered ${response.status}, and it is still there`,
      );
    }
  }

  /**
   * Makes a tag what it was, after a failure in the middle. Returns where it turns out to have been
   * deleted; throws the failure otherwise.
   */
  async #putBack(
    tag: string,
    content: ManifestContent,
    ours: readonly string[],
    failure: unknown,
  ): Promise<void> {
    const client = { ...this.#client, signal: outlast(this.#client.signal, PUT_BACK_MS) };
    try {
      const found = await this.#digestOf(tag, { client });
      if (found === undefined) return;
      if (found !== content.descriptor.digest && ours.includes(found)) {
        const { descriptor: { mediaType, digest } } = content;
        const bytes = new Uint8Array(content.bytes);
        await this.#put(client, tag, { bytes, mediaType, digest });
        if (await this.#digestOf(tag, { client }) !== digest) throw failure;
      }
    } catch (error) {
      const reason = failure instanceof Error ? failure.message : String(failure);
      throw new RegctlError(
        "PARTIAL",
        `${reason}; the tag may be left at a copy of its manifest, ${ours.at(-1)}`,
        { hint: this.#putBackHint(tag, content), cause: error },
      );
    }
    throw failure;
  }

  #putBackHint(tag: string, { descriptor: { digest } }: ManifestContent): string {
    // Told of the copy, somebody has written it down.
    if (this.#options.onCopy) return "Put it back with regctl undo";
    const repository = this.#repository;
    return `Put it back: regctl manifest ${formatReference({ repository, digest })} | ` +
      `regctl put-manifest ${formatReference({ repository, tag })} -`;
  }

  /** Gives the digest that the registry says it stored. */
  async #put(
    client: RegistryClient,
    tag: string,
    { bytes, mediaType, digest }: ManifestCopy,
    mayRepeat?: () => Promise<boolean>,
  ): Promise<string> {
    const { path } = this.#repository;
    const response = await client.send({
      method: "PUT",
      url: manifestUrl(client.baseUrl, path, tag),
      headers: new Headers({ "content-type": mediaType }),
      body: bytes,
      maxBytes: MAX_ERROR_BYTES,
      scopes: [`repository:${path}:pull,push,delete`],
      ...(mayRepeat && { mayRepeat }),
      ...(client.signal && { signal: client.signal }),
    });
    const hintOf = (codes: readonly string[]) =>
      codes.some((code) => code.endsWith("BLOB_UNKNOWN"))
        ? "Its content is incomplete: delete its digest, with all its tags"
        : undefined;
    assertStatus(
      response,
      [201],
      `${this.#task(tag)} by moving it to a copy of its manifest`,
      hintOf,
    );
    return readDigestHeader(response, this.#task(tag)) ?? digest;
  }

  async #digestOf(
    tag: string,
    { client = this.#client, ...options }: DigestOptions = {},
  ): Promise<string | undefined> {
    const reference = { repository: this.#repository, tag };
    return (await findManifest(client, reference, options))?.digest;
  }

  #task(tag: string): string {
    return `delete "${formatReference({ repository: this.#repository, tag })}"`;
  }
}
