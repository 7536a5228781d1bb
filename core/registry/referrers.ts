import { RegctlError } from "../errors.ts";
import type { HttpResponse } from "../http/exchange.ts";
import { assertVerifiableDigest } from "../oci/digest.ts";
import { type Descriptor, MAX_MANIFEST_BYTES, parseManifest } from "../oci/manifest.ts";
import { OCI_INDEX } from "../oci/media_types.ts";
import { formatRepository, type Repository } from "../reference/repository.ts";
import type { RegistryClient } from "./client.ts";
import { referrersUrl } from "./endpoints.ts";
import { nextUrl } from "./listing.ts";
import { getManifest } from "./manifests.ts";
import { referrersTag } from "./referrers_tag.ts";
import { assertStatus } from "./response_gate.ts";
import { withTask } from "./with_task.ts";

// A registry that never ends; nobody signs an image so often.
const MAX_PAGES = 1000;

/** What {@linkcode referrers} takes beside the digest. */
export interface ReferrersOptions {
  /** Gives referrers of this artifact type alone. Default: all. */
  readonly artifactType?: string | undefined;
}

/**
 * The manifests that refer to one, such as signatures and SBOMs, each once (distribution-spec
 * end-12, "Listing Referrers"). Of a registry without that list it is the one under the referrers
 * tag, and where that is no index, there are none.
 *
 * Throws `USAGE` for a digest that cannot be verified, `PARTIAL` where the pages have no honest end.
 */
export async function* referrers(
  client: RegistryClient,
  repository: Repository,
  digest: string,
  { artifactType }: ReferrersOptions = {},
): AsyncGenerator<Descriptor> {
  assertVerifiableDigest(digest);
  const seen = new Set<string>();
  for await (const page of pages(client, repository, digest, artifactType)) {
    for (const referrer of page) {
      if (seen.has(referrer.digest)) continue;
      seen.add(referrer.digest);
      yield referrer;
    }
  }
}

async function* pages(
  client: RegistryClient,
  repository: Repository,
  digest: string,
  artifactType: string | undefined,
): AsyncGenerator<readonly Descriptor[]> {
  const task = `list the referrers of "${formatRepository(repository)}@${digest}"`;
  const isWanted = (one: Descriptor) =>
    artifactType === undefined || one.artifactType === artifactType;
  const first = referrersUrl(client.baseUrl, repository.path, digest);
  if (artifactType !== undefined) first.searchParams.set("artifactType", artifactType);
  const visited = new Set<string>();
  for (let url: URL | undefined = first; url;) {
    if (visited.has(url.href) || visited.size >= MAX_PAGES) {
      throw new RegctlError("PARTIAL", `Cannot ${task} completely: its pages have no end`);
    }
    visited.add(url.href);
    const response: HttpResponse = await client.send({
      method: "GET",
      url,
      headers: new Headers({ accept: OCI_INDEX }),
      maxBytes: MAX_MANIFEST_BYTES,
      scopes: [`repository:${repository.path}:pull`],
      ...(client.signal && { signal: client.signal }),
    });
    if (response.status === 404 && visited.size === 1) {
      yield (await readTaggedIndex(client, repository, digest)).filter(isWanted);
      return;
    }
    assertStatus(response, [200], task);
    // A registry need not know the filter; one that applied it (OCI-Filters-Applied) left nothing to do.
    yield readIndex(response, task).filter(isWanted);
    url = nextUrl(response, task);
  }
}

function readIndex(response: HttpResponse, task: string): readonly Descriptor[] {
  try {
    return parseManifest(response.body, OCI_INDEX).manifests;
  } catch (error) {
    throw withTask(error, task);
  }
}

async function readTaggedIndex(
  client: RegistryClient,
  repository: Repository,
  digest: string,
): Promise<readonly Descriptor[]> {
  try {
    const reference = { repository, tag: referrersTag(digest) };
    const { descriptor, manifest } = await getManifest(client, reference);
    return descriptor.mediaType === OCI_INDEX ? manifest.manifests : [];
  } catch (error) {
    const isNone = error instanceof RegctlError &&
      ["NOT_FOUND", "INVALID_RESPONSE", "UNSUPPORTED"].includes(error.code);
    if (isNone) return [];
    throw error;
  }
}
