import { RegctlError } from "../errors.ts";
import { MAX_ERROR_BYTES } from "../http/exchange.ts";
import { isObject } from "../oci/json_object.ts";
import { type Descriptor, MAX_MANIFEST_BYTES, parseManifest } from "../oci/manifest.ts";
import { MANIFEST_TYPES, OCI_INDEX } from "../oci/media_types.ts";
import { formatRepository, type Repository } from "../reference/repository.ts";
import type { RegistryClient } from "./client.ts";
import { manifestUrl } from "./endpoints.ts";
import { assertStatus } from "./response_gate.ts";

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
  const url = manifestUrl(client.baseUrl, repository.path, tag);
  const task = `list ${referrer.digest} among the referrers of ` +
    `"${formatRepository(repository)}@${subject}"`;
  const common = {
    url,
    scopes: [`repository:${repository.path}:pull,push`],
    ...(client.signal && { signal: client.signal }),
  };
  const current = await client.send({
    ...common,
    method: "GET",
    // What else may stand under the tag is asked for too, so that it is seen and not written over.
    headers: new Headers({ accept: MANIFEST_TYPES.join(", ") }),
    maxBytes: MAX_MANIFEST_BYTES,
  });
  assertStatus(current, [200, 404], task);
  const index = current.status === 404
    ? { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }
    : readIndex(current.body, current.headers.get("content-type") ?? "", task, tag);
  if (index.manifests.some((entry) => isObject(entry) && entry["digest"] === referrer.digest)) {
    return tag;
  }
  const next = { ...index, manifests: [...index.manifests, referrer] };
  const response = await client.send({
    ...common,
    method: "PUT",
    headers: new Headers({ "content-type": OCI_INDEX }),
    body: new TextEncoder().encode(JSON.stringify(next)),
    maxBytes: MAX_ERROR_BYTES,
  });
  assertStatus(response, [201], task);
  return tag;
}

/** The document itself, with what it has beside the fields that are known here. */
function readIndex(
  bytes: Uint8Array,
  contentType: string,
  task: string,
  tag: string,
): Record<string, unknown> & { readonly manifests: readonly unknown[] } {
  try {
    const { mediaType } = parseManifest(bytes, contentType.split(";")[0]?.trim() ?? "");
    const document: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (mediaType === OCI_INDEX && isObject(document)) {
      const { manifests } = document;
      return { ...document, manifests: Array.isArray(manifests) ? manifests : [] };
    }
  } catch (error) {
    if (!(error instanceof RegctlError)) throw error;
  }
  throw new RegctlError(
    "PARTIAL",
    `Cannot ${task}: it was pushed, but what stands under the tag ${tag} is not an OCI index`,
    { hint: "Look at that tag; delete it if it is of no use, and push again" },
  );
}
