import { isObject } from "../oci/json_object.ts";
import { MANIFEST_TYPES } from "../oci/media_types.ts";
import { createRandomDigest } from "../oci/random_digest.ts";
import { isTag } from "../reference/tag.ts";
import { manifestUrl, referrersUrl } from "../registry/endpoints.ts";
import { probeDeletion } from "../registry/probe_deletion.ts";
import { assertStatus } from "../registry/response_gate.ts";
import { isRefusal } from "./check_registry.ts";
import type { DeletionFacts, ReferrersFacts } from "./facts.ts";
import { ask, type Subject } from "./subject.ts";

/** Finds out whether manifests can be deleted, and changes nothing; see {@linkcode probeDeletion}. */
export async function checkDeletion({ client, path }: Subject): Promise<DeletionFacts> {
  try {
    const { state, response: { status } } = await probeDeletion(client, path);
    return { state, status };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return { state: "notAllowed", status: null };
  }
}

/** Asks what refers to a manifest that does not exist: an empty index, where there is the API. */
export async function checkReferrers({ client, path }: Subject): Promise<ReferrersFacts> {
  const response = await ask(client, {
    method: "GET",
    url: referrersUrl(client.baseUrl, path, createRandomDigest()),
    scopes: [`repository:${path}:pull`],
  });
  const { status } = response;
  if (status === 404) return { state: "tags", status };
  if (status === 200 && isIndex(response.body)) return { state: "api", status };
  // What passes is for another day: it says nothing of the API.
  if (status === 429 || status >= 500) assertStatus(response, [], "ask for referrers");
  return { state: "unknown", status };
}

function isIndex(body: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return isObject(value) && Array.isArray(value["manifests"]);
  } catch {
    return false;
  }
}

/**
 * Asks for the head of a manifest, for the sake of the headers about a rate limit: Docker Hub
 * sends them with manifests alone, and does not count a HEAD.
 */
export async function askForHead(
  { client, path }: Subject,
  tag: string | undefined,
): Promise<object> {
  // Some registries list what is no tag, and it would be part of a URL.
  if (tag === undefined || !isTag(tag)) return {};
  return await ask(client, {
    method: "HEAD",
    url: manifestUrl(client.baseUrl, path, tag),
    headers: new Headers({ accept: MANIFEST_TYPES.join(", ") }),
    // A limit that is reached is what is looked for, not a reason to wait.
    idempotent: false,
    scopes: [`repository:${path}:pull`],
  });
}
