import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** What one tag of a repository points to. */
export interface StoredTag {
  readonly digest: string;
  /** The manifest's bytes, as text. */
  readonly text: string;
}

const ACCEPT = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
].join(", ");

/** `sha256:` and the hash. */
export function sha256(bytes: string | Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** A manifest by tag or digest; undefined where the registry answers 404. */
export async function readManifest(
  url: string,
  repository: string,
  reference: string,
): Promise<StoredTag | undefined> {
  const response = await fetch(`${url}/v2/${repository}/manifests/${reference}`, {
    headers: { accept: ACCEPT },
  });
  const text = await response.text();
  if (response.status === 404) return undefined;
  assert.equal(response.status, 200, text);
  return { digest: sha256(text), text };
}

/** All tags that are listed, with what they point to; undefined for one that leads nowhere. */
export async function readTags(
  url: string,
  repository: string,
): Promise<Readonly<Record<string, StoredTag | undefined>>> {
  const response = await fetch(`${url}/v2/${repository}/tags/list`);
  const { tags } = await response.json() as { tags?: string[] | null };
  const found: Record<string, StoredTag | undefined> = {};
  for (const tag of (tags ?? []).sort()) found[tag] = await readManifest(url, repository, tag);
  return found;
}

/** Tags and their digests alone. */
export async function readDigests(
  url: string,
  repository: string,
): Promise<Readonly<Record<string, string | undefined>>> {
  const tags = Object.entries(await readTags(url, repository));
  return Object.fromEntries(tags.map(([tag, found]) => [tag, found?.digest]));
}

interface Parts {
  readonly config?: { readonly digest: string };
  readonly layers?: readonly { readonly digest: string }[];
  readonly manifests?: readonly { readonly digest: string }[];
}

/** Reads an image, or an index with all its images, and holds each part against its digest. */
export async function assertWhole(
  url: string,
  repository: string,
  reference: string,
): Promise<void> {
  const found = await readManifest(url, repository, reference);
  assert.ok(found, `${repository}: ${reference} is not there`);
  if (reference.includes(":")) assert.equal(found.digest, reference);
  const { config, layers = [], manifests = [] } = JSON.parse(found.text) as Parts;
  for (const { digest } of manifests) await assertWhole(url, repository, digest);
  for (const { digest } of [...config ? [config] : [], ...layers]) {
    const response = await fetch(`${url}/v2/${repository}/blobs/${digest}`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    assert.equal(response.status, 200, `${repository}: ${digest}`);
    assert.equal(sha256(bytes), digest);
  }
}

/** Every file and folder below a folder, with the hash of what is in it. */
export function hashFolder(folder: string): Readonly<Record<string, string>> {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(paths.map((path) => {
    const file = join(folder, path);
    return [path, statSync(file).isDirectory() ? "folder" : sha256(readFileSync(file))];
  }));
}
