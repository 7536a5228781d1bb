import { RegctlError } from "../errors.ts";
import { MAX_ERROR_BYTES } from "../http/exchange.ts";
import { isObject } from "../oci/json_object.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { OCI_INDEX } from "../oci/media_types.ts";
import type { Reference } from "../reference/reference.ts";
import { formatRepository, type Repository } from "../reference/repository.ts";
import type { RegistryClient } from "./client.ts";
import { manifestUrl } from "./endpoints.ts";
import { getManifest } from "./manifests.ts";
import { assertStatus } from "./response_gate.ts";
import { withTask } from "./with_task.ts";

/**
 * The tag that stands for the referrers of a digest where a registry has no list of its own
 * (distribution-spec, "Referrers Tag Schema"): 32 and 64 characters at most, and those of a tag.
 */
export function referrersTag(digest: string): string {
  const colon = digest.indexOf(":");
  const clean = (part: string, length: number) =>
    part.slice(0, length).replace(/[^A-Za-z0-9._-]/g, "-");
  return `${clean(digest.slice(0, colon), 32)}-${clean(digest.slice(colon + 1), 64)}`;
}

/** What {@linkcode addReferrer} lists, and where. */
export interface AddReferrerOptions {
  /** The digest of the subject. */
  readonly subject: string;
  readonly referrer: Descriptor;
}

/**
 * Lists a manifest under the referrers tag of its subject, as a client must where the registry did
 * not (distribution-spec, "Pushing Manifests with Subject"). It is listed once, and other entries
 * stay as they are. Gives the tag.
 *
 * Throws `PARTIAL` where something else than an OCI index has the tag: it is left alone.
 */
export async function addReferrer(
  client: RegistryClient,
  repository: Repository,
  { subject, referrer }: AddReferrerOptions,
): Promise<string> {
  const tag = referrersTag(subject);
  const task = `list ${referrer.digest} among the referrers of ` +
    `"${formatRepository(repository)}@${subject}"`;
  const index = await readIndex(client, { repository, tag }, task);
  if (index.manifests.some((entry) => isObject(entry) && entry["digest"] === referrer.digest)) {
    return tag;
  }
  const next = { ...index, manifests: [...index.manifests, referrer] };
  const response = await client.send({
    method: "PUT",
    url: manifestUrl(client.baseUrl, repository.path, tag),
    headers: new Headers({ "content-type": OCI_INDEX }),
    body: new TextEncoder().encode(JSON.stringify(next)),
    maxBytes: MAX_ERROR_BYTES,
    scopes: [`repository:${repository.path}:pull,push`],
    ...(client.signal && { signal: client.signal }),
  });
  assertStatus(response, [201], task);
  return tag;
}

/** The document itself, with what it has beside the fields that are known here. */
async function readIndex(
  client: RegistryClient,
  reference: Reference,
  task: string,
): Promise<Record<string, unknown> & { readonly manifests: readonly unknown[] }> {
  try {
    const { bytes, descriptor } = await getManifest(client, reference);
    const document: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (descriptor.mediaType === OCI_INDEX && isObject(document)) {
      const { manifests } = document;
      return { ...document, manifests: Array.isArray(manifests) ? manifests : [] };
    }
  } catch (error) {
    const code = error instanceof RegctlError ? error.code : undefined;
    if (code === "NOT_FOUND") return { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] };
    if (code !== "INTEGRITY" && code !== "INVALID_RESPONSE") throw withTask(error, task);
  }
  throw new RegctlError(
    "PARTIAL",
    `Cannot ${task}: it was pushed, but what stands under the tag ${reference.tag} is not an OCI index`,
    { hint: "Look at that tag; delete it if it is of no use, and push again" },
  );
}
