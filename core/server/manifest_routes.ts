import type { Hono } from "hono";
import { Buffer } from "node:buffer";
import { formatDigest, tryParseDigest, type VerifiableDigest } from "../oci/digest.ts";
import { MAX_MANIFEST_BYTES } from "../oci/manifest.ts";
import { OCI_INDEX } from "../oci/media_types.ts";
import { isTag } from "../reference/tag.ts";
import {
  checkDigest,
  readBody,
  readName,
  refuseOtherMethods,
  type RegistryContext,
  type RegistryEnv,
} from "./http_context.ts";
import { Problem } from "./problem.ts";
import type { Store } from "./store.ts";
import { Turns } from "./turns.ts";

/** Of a page of referrers, unless a single one has more: annotations can be large. */
const MAX_PAGE_CHARACTERS = 4 * 1024 * 1024;
/** The spec asks for ten at least. */
const MAX_TAGS = 100;

/** Pull, push and delete of manifests, and referrers (distribution-spec end-3, end-7, end-9, end-12). */
export function addManifestRoutes(app: Hono<RegistryEnv>, store: Store): void {
  const path = "/v2/:name{.+}/manifests/:reference";

  app.get(path, async (context) => {
    const repository = store.repository(readName(context));
    const { text } = readReference(context);
    const manifest = repository.manifest(text);
    const headers = {
      "content-length": String(manifest.size),
      "content-type": manifest.mediaType,
      "docker-content-digest": manifest.digest,
      etag: `"${manifest.digest}"`,
    };
    if (context.req.method === "HEAD") return context.body(null, 200, headers);
    return context.body(await repository.readManifest(manifest), 200, headers);
  });

  app.put(path, async (context) => {
    const name = readName(context);
    const { text, digest } = readReference(context);
    const added = context.req.queries("tag") ?? [];
    if (digest === undefined && added.length > 0) {
      throw new Problem("UNSUPPORTED", "tags can be added to a digest alone", { status: 400 });
    }
    if (added.length > MAX_TAGS || !added.every(isTag)) {
      throw new Problem("MANIFEST_INVALID", `tags must be at most ${MAX_TAGS} valid ones`);
    }
    const stored = await store.repository(name).putManifest(await readManifestBody(context), {
      contentType: (context.req.header("content-type") ?? "").split(";")[0]?.trim() ?? "",
      digest,
      tags: digest ? added : [text],
    });
    const response = context.body(null, 201, {
      location: `/v2/${name}/manifests/${stored.digest}`,
      "docker-content-digest": stored.digest,
      ...(stored.manifest.subject && { "oci-subject": stored.manifest.subject.digest }),
    });
    for (const tag of added) response.headers.append("oci-tag", tag);
    return response;
  });

  app.delete(path, async (context) => {
    const repository = store.repository(readName(context));
    const { text, digest } = readReference(context);
    if (digest) await repository.deleteManifest(text);
    else await repository.deleteTag(text);
    return context.body(null, 202);
  });
  refuseOtherMethods(app, path, "GET, HEAD, PUT, DELETE");

  const referrers = "/v2/:name{.+}/referrers/:digest";
  const turns = new Turns();
  // A page can be large, and to make it takes several times as much: one is made at a time.
  app.get(referrers, (context) => turns.take(() => sendReferrers(context, store)));
  refuseOtherMethods(app, referrers, "GET, HEAD");
}

async function sendReferrers(context: RegistryContext, store: Store): Promise<Response> {
  const name = readName(context);
  const subject = formatDigest(checkDigest(context.req.param("digest")));
  const { last = "", artifactType = "" } = context.req.query();
  const entries: string[] = [];
  let characters = 0;
  let end = "";
  let isWhole = true;
  for await (const one of store.repository(name).referrers(subject, last)) {
    if (context.env.incoming.socket.destroyed) break;
    if (artifactType !== "" && one.artifactType !== artifactType) continue;
    const entry = JSON.stringify(one);
    isWhole = entries.length === 0 || characters + entry.length <= MAX_PAGE_CHARACTERS;
    if (!isWhole) break;
    entries.push(entry);
    characters += entry.length;
    end = one.digest;
  }
  const query = new URLSearchParams({ ...(artifactType !== "" && { artifactType }), last: end });
  const head = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX }).slice(0, -1);
  return context.body(`${head},"manifests":[${entries.join()}]}`, 200, {
    "content-type": OCI_INDEX,
    ...(artifactType !== "" && { "oci-filters-applied": "artifactType" }),
    ...(!isWhole && { link: `<${context.req.path}?${query}>; rel="next"` }),
  });
}

interface RequestedReference {
  readonly text: string;
  /** Undefined for a tag. */
  readonly digest: VerifiableDigest | undefined;
}

function readReference({ req }: RegistryContext): RequestedReference {
  const text = req.param("reference") ?? "";
  const digest = tryParseDigest(text);
  if (digest || isTag(text)) return { text, digest };
  throw text.includes(":")
    ? new Problem("DIGEST_INVALID", "a digest of sha256 or sha512 is needed")
    : new Problem("MANIFEST_INVALID", "this is neither a tag nor a digest");
}

async function readManifestBody(context: RegistryContext): Promise<Uint8Array> {
  const tooLarge = () =>
    new Problem("SIZE_INVALID", `a manifest has at most ${MAX_MANIFEST_BYTES} bytes`, {
      status: 413,
    });
  if (Number(context.req.header("content-length") ?? 0) > MAX_MANIFEST_BYTES) throw tooLarge();
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of readBody(context)) {
    pieces.push(piece);
    size += piece.byteLength;
    if (size > MAX_MANIFEST_BYTES) throw tooLarge();
  }
  return Buffer.concat(pieces, size);
}
