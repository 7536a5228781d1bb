import { RegctlError } from "../errors.ts";
import { type HttpResponse, MAX_ERROR_BYTES } from "../http/exchange.ts";
import { assertAllowedTarget } from "../http/target.ts";
import type { Repository } from "../reference/repository.ts";
import type { RegistryClient } from "./client.ts";
import { uploadsUrl } from "./endpoints.ts";
import { assertStatus } from "./response_gate.ts";

/** Nobody who wants to stop waits longer for a tidy end. */
const CANCEL_TIMEOUT_MS = 5_000;

/** What {@linkcode startUpload} takes. */
export interface StartUploadOptions {
  readonly repository: Repository;
  /** Of the digest that the upload will end with. */
  readonly algorithm: "sha256" | "sha512";
  /** What is being done, as in `push a blob to "busybox"`. */
  readonly task: string;
}

/** Opens an upload (distribution-spec end-4a). Throws what the gate throws. */
export async function startUpload(
  client: RegistryClient,
  { repository, algorithm, task }: StartUploadOptions,
): Promise<UploadSession> {
  const scopes = [`repository:${repository.path}:pull,push`];
  const response = await client.send({
    method: "POST",
    url: uploadsUrl(client.baseUrl, repository.path, algorithm),
    headers: new Headers(),
    maxBytes: MAX_ERROR_BYTES,
    scopes,
    // A session that nobody uses is forgotten.
    idempotent: true,
    ...(client.signal && { signal: client.signal }),
  });
  assertStatus(response, [202], task);
  const location = readLocation(response);
  if (!location) {
    throw new RegctlError(
      "INVALID_RESPONSE",
      `Cannot ${task}: ${response.url.host} did not say where to upload`,
    );
  }
  const minimum = response.headers.get("oci-chunk-min-length") ?? "";
  const minChunkBytes = /^\d{1,15}$/.test(minimum) ? Number(minimum) : 0;
  return new UploadSession(client, scopes, location, minChunkBytes);
}

/**
 * One upload at a registry (distribution-spec, "Pushing Blobs"). Each answer may say where the next
 * request goes; that address is used as it came, query included, and credentials go along only
 * where it is the registry's own origin.
 */
export class UploadSession {
  /** Chunks must have this many bytes at least, but for the last one; 0 where it does not matter. */
  readonly minChunkBytes: number;
  readonly #client: RegistryClient;
  readonly #scopes: readonly string[];
  #location: URL;
  #isOver = false;
  #isElsewhere: boolean;

  constructor(
    client: RegistryClient,
    scopes: readonly string[],
    location: URL,
    minChunkBytes: number,
  ) {
    this.#client = client;
    this.#scopes = scopes;
    this.#location = location;
    this.#isElsewhere = location.origin !== client.baseUrl.origin;
    this.minChunkBytes = minChunkBytes;
  }

  /**
   * True once the registry has sent us to another origin: what that one names is not ours to ask for
   * with the registry's credentials, be it at the registry itself.
   */
  get isElsewhere(): boolean {
    return this.#isElsewhere;
  }

  /** Sends a chunk that begins at byte `first` (end-5). Sent once: it may have arrived in part. */
  async sendChunk(chunk: Blob, first: number): Promise<HttpResponse> {
    return await this.#send("PATCH", this.#location, chunk, first);
  }

  /**
   * Ends the upload with what is left from byte `first` on, which may be nothing (end-6). It is
   * repeated by the pipeline only where it is nothing.
   */
  async finish(digest: string, rest: Blob, first: number): Promise<HttpResponse> {
    const url = new URL(this.#location);
    // Not through searchParams: they would write the registry's own parameters anew.
    url.search = url.search === "" ? `?digest=${digest}` : `${url.search}&digest=${digest}`;
    const response = await this.#send("PUT", url, rest, first);
    if (response.status === 201) this.#isOver = true;
    return response;
  }

  /**
   * How many bytes the registry has (end-13); undefined when the upload cannot be continued. Of no
   * byte and of one it says the same, `0-0`: it is one where one was `acknowledged` before.
   */
  async countReceived(acknowledged: number): Promise<number | undefined> {
    const response = await this.#send("GET", this.#location);
    if (response.status < 200 || response.status > 204) return undefined;
    const last = readLastByte(response);
    return last === 0 ? Math.min(1, acknowledged) : last === undefined ? undefined : last + 1;
  }

  /** Gives the upload up (end-14), also when the call was aborted. Failures do not matter. */
  async cancel(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#client.send({
      method: "DELETE",
      url: this.#location,
      headers: new Headers(),
      maxBytes: MAX_ERROR_BYTES,
      scopes: this.#scopes,
      anonymous: this.#isElsewhere,
      idempotent: false,
      signal: AbortSignal.timeout(CANCEL_TIMEOUT_MS),
    }).catch(() => {});
  }

  async #send(method: string, url: URL, content?: Blob, first = 0): Promise<HttpResponse> {
    const { signal, baseUrl } = this.#client;
    const headers = new Headers();
    const size = content?.size ?? 0;
    if (size > 0) headers.set("content-type", "application/octet-stream");
    // Without "bytes ", unlike RFC 9110. A body that is the whole blob needs none.
    if (size > 0 && (method === "PATCH" || first > 0)) {
      headers.set("content-range", `${first}-${first + size - 1}`);
    }
    const response = await this.#client.send({
      method,
      url,
      headers,
      maxBytes: MAX_ERROR_BYTES,
      scopes: this.#scopes,
      anonymous: this.#isElsewhere,
      // Deno sends an empty Blob without its length.
      ...(content && size > 0 && { body: content, idempotent: false }),
      ...(signal && { signal }),
    });
    const { status } = response;
    if (status === 404) this.#isOver = true;
    if (status === 202 || status === 204) {
      this.#location = readLocation(response) ?? this.#location;
      this.#isElsewhere ||= this.#location.origin !== baseUrl.origin;
    }
    return url.origin === baseUrl.origin ? response : { ...response, redirectedFrom: baseUrl.host };
  }
}

/** The last byte that `Range: 0-<last>` tells of; undefined where it is missing or unfit. */
export function readLastByte({ headers }: HttpResponse): number | undefined {
  const [, last] = /^(?:bytes=)?0-(\d{1,15})$/.exec(headers.get("range") ?? "") ?? [];
  return last === undefined ? undefined : Number(last);
}

/** Where the next request goes; undefined where the answer does not say. */
function readLocation({ headers, url }: HttpResponse): URL | undefined {
  const location = headers.get("location");
  if (location === null) return undefined;
  if (!URL.canParse(location, url.href)) {
    throw new RegctlError("INVALID_RESPONSE", `${url.host} sends uploads to what is no URL`);
  }
  const target = new URL(location, url);
  // Another origin may name no more than the registry, which was asked before it was let in.
  assertAllowedTarget(target, url, "an upload");
  return target;
}
