import { formatRepository, type Repository } from "../reference/repository.ts";
import { BlobUpload, type UploadOptions } from "./blob_upload.ts";
import { createBlobRequest } from "./blobs.ts";
import type { RegistryClient } from "./client.ts";
import { assertSameDigest, readDigestHeader } from "./integrity.ts";
import { digestContent } from "./pushed_digest.ts";
import { assertNoWebPage, assertStatus } from "./response_gate.ts";

/** How {@linkcode pushBlob} pushes. */
export interface PushBlobOptions extends UploadOptions {
  /** Of the digest. Default: sha256. */
  readonly algorithm?: "sha256" | "sha512";
}

/** A blob that is in the registry now. */
export interface PushedBlob {
  /** Of what was pushed. */
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  /** It was there before, and nothing was sent. */
  readonly alreadyThere: boolean;
}

/**
 * Pushes content as a blob, unless the repository has it (distribution-spec, "Pushing Blobs"). What
 * breaks off is taken up again; what is given up is cancelled at the registry.
 *
 * Throws `INTEGRITY` when the registry says that it stored something else.
 */
export async function pushBlob(
  client: RegistryClient,
  repository: Repository,
  content: Blob,
  options: PushBlobOptions = {},
): Promise<PushedBlob> {
  const { algorithm = "sha256" } = options;
  const digest = await digestContent(content, algorithm, client.signal);
  const task = `push ${digest} to "${formatRepository(repository)}"`;
  const isThere = async () => {
    const response = await client.send(
      createBlobRequest(client, repository, digest, "HEAD", "pull,push"),
    );
    // Where nobody can ask, it is sent. Storage elsewhere may know signed GET requests alone.
    const isElsewhere = response.url.origin !== client.baseUrl.origin;
    assertStatus(response, [200, 404, 405, 501, ...(isElsewhere ? [400, 403] : [])], task);
    if (response.status !== 200) return false;
    assertNoWebPage(response, task);
    assertSameDigest(readDigestHeader(response, task), digest, task);
    return true;
  };
  const alreadyThere = await isThere();
  if (!alreadyThere) {
    const upload = new BlobUpload(client, { ...options, algorithm, repository, digest, task });
    await upload.run(content, isThere);
  }
  return { digest, size: content.size, alreadyThere };
}
