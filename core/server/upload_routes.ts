import type { Hono } from "hono";
import { formatDigest, type VerifiableDigest } from "../oci/digest.ts";
import {
  checkDigest,
  checkName,
  readBody,
  readName,
  refuseOtherMethods,
  type RegistryContext,
  type RegistryEnv,
} from "./http_context.ts";
import { Problem } from "./problem.ts";
import type { Store } from "./store.ts";
import type { AppendOptions, Upload } from "./upload.ts";

/** Push of blobs (distribution-spec end-4, end-5, end-6, end-11, end-13, end-14). */
export function addUploadRoutes(app: Hono<RegistryEnv>, store: Store): void {
  const find = (context: RegistryContext) =>
    store.uploads.get(readName(context), context.req.param("id") ?? "");

  const finish = async (context: RegistryContext, upload: Upload, digest: VerifiableDigest) => {
    await store.finish(upload, digest);
    return created(context, upload.repository, digest);
  };

  const mount = async (name: string, { req }: RegistryContext, digest: VerifiableDigest) => {
    const from = req.query("from");
    const source = from === undefined ? undefined : store.repository(checkName(from));
    return await store.repository(name).mountBlob(digest, source);
  };

  const start = async (context: RegistryContext) => {
    const name = readName(context);
    const { mount: mounted, digest: wanted } = context.req.query();
    if (mounted !== undefined) {
      const digest = checkDigest(mounted);
      if (await mount(name, context, digest)) return created(context, name, digest);
    }
    if (wanted === undefined) {
      const algorithm = readAlgorithm(context.req.query("digest-algorithm"));
      return accepted(context, store.uploads.start(name, algorithm));
    }
    const digest = checkDigest(wanted);
    const upload = store.uploads.start(name, digest.algorithm);
    try {
      await upload.append(readBody(context));
    } catch (error) {
      store.uploads.cancel(upload);
      throw error;
    }
    return await finish(context, upload, digest);
  };
  for (const uploads of ["/v2/:name{.+}/blobs/uploads", "/v2/:name{.+}/blobs/uploads/"]) {
    app.post(uploads, start);
    refuseOtherMethods(app, uploads, "POST");
  }

  const path = "/v2/:name{.+}/blobs/uploads/:id";
  app.get(path, (context) => status(context, find(context), 204));
  app.patch(path, async (context) => {
    const upload = find(context);
    await append(context, upload);
    return accepted(context, upload);
  });
  app.put(path, async (context) => {
    const upload = find(context);
    const digest = checkDigest(context.req.query("digest"));
    await append(context, upload);
    return await finish(context, upload, digest);
  });
  app.delete(path, (context) => {
    store.uploads.cancel(find(context));
    return context.body(null, 204);
  });
  refuseOtherMethods(app, path, "GET, HEAD, PATCH, PUT, DELETE");
}

async function append(context: RegistryContext, upload: Upload): Promise<void> {
  try {
    await upload.append(readBody(context), readContentRange(context));
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 416) throw error;
    const { code, message, status } = error;
    throw new Problem(code, message, { status, headers: progressHeaders(upload), cause: error });
  }
}

/** `Content-Range: 0-99`, as the distribution spec has it: inclusive, without unit and total. */
function readContentRange({ req }: RegistryContext): AppendOptions {
  const header = req.header("content-range");
  if (header === undefined) return {};
  const [, first, last] = /^(\d{1,15})-(\d{1,15})$/.exec(header) ?? [];
  const [start, end] = [Number(first), Number(last)];
  if (!(start <= end)) throw new Problem("BLOB_UPLOAD_INVALID", "Content-Range is not first-last");
  return { start, length: end - start + 1 };
}

function readAlgorithm(text = "sha256"): VerifiableDigest["algorithm"] {
  if (text === "sha256" || text === "sha512") return text;
  throw new Problem("DIGEST_INVALID", "the algorithm must be sha256 or sha512");
}

function accepted(context: RegistryContext, upload: Upload): Response {
  return status(context, upload, 202);
}

function status(context: RegistryContext, upload: Upload, code: 202 | 204): Response {
  return context.body(null, code, progressHeaders(upload));
}

function progressHeaders({ id, repository, size }: Upload): Record<string, string> {
  return {
    location: `/v2/${repository}/blobs/uploads/${id}`,
    // The spec has no word for nothing; this is distribution's.
    range: `0-${Math.max(0, size - 1)}`,
    "docker-upload-uuid": id,
  };
}

function created(context: RegistryContext, name: string, digest: VerifiableDigest): Response {
  const text = formatDigest(digest);
  return context.body(null, 201, {
    location: `/v2/${name}/blobs/${text}`,
    "docker-content-digest": text,
  });
}
