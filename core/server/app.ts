import { Hono } from "hono";
import { redactHeaders } from "../http/redact.ts";
import { errorCode } from "../runtime/error_code.ts";
import { addBlobRoutes } from "./blob_routes.ts";
import type { Authenticate } from "./htpasswd.ts";
import {
  dropBody,
  refuseOtherMethods,
  type RegistryContext,
  type RegistryEnv,
} from "./http_context.ts";
import { addListingRoutes } from "./listing_routes.ts";
import { addManifestRoutes } from "./manifest_routes.ts";
import { Problem } from "./problem.ts";
import type { Store } from "./store.ts";
import { addUploadRoutes } from "./upload_routes.ts";

/** Where a line for each request goes. */
export interface RequestLog {
  /** Whether there is one for each header too. Secrets are left out. */
  readonly headers: boolean;
  readonly write: (line: string) => void;
}

/** What a registry allows, and whom it tells what. */
export interface AppOptions {
  /** Refuses all that would change something. Default: false. */
  readonly readOnly?: boolean;
  /** Refuses to delete tags, manifests and blobs. Default: false. */
  readonly noDelete?: boolean;
  /** Default: everybody may do everything. */
  readonly authenticate?: Authenticate | undefined;
  /** Default: no log. */
  readonly log?: RequestLog | undefined;
  /** Told of failures that are the registry's own. Default: nobody is. */
  readonly warn?: ((text: string) => void) | undefined;
}

const READING: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** The registry's HTTP interface (OCI distribution-spec 1.1). */
export function createApp(store: Store, options: AppOptions = {}): Hono<RegistryEnv> {
  const { readOnly = false, noDelete = false, authenticate, log } = options;
  const app = new Hono<RegistryEnv>();

  if (log) app.use((context, next) => logRequest(context, next, log));
  app.use(async (context, next) => {
    await next();
    await dropBody(context);
    context.header("docker-distribution-api-version", "registry/2.0");
    context.header("x-content-type-options", "nosniff");
    const { body, status } = context.res;
    if (!body && status !== 204 && context.req.method !== "HEAD") {
      context.header("content-length", context.res.headers.get("content-length") ?? "0");
    }
  });
  app.use(async (context, next) => {
    assertPlainPath(context.env.incoming.url ?? "");
    await next();
  });
  if (authenticate) {
    app.use(async (context, next) => {
      if (!await authenticate(context.req.header("authorization"))) {
        throw new Problem("UNAUTHORIZED", "authentication required", {
          headers: { "www-authenticate": 'Basic realm="regctl", charset="UTF-8"' },
        });
      }
      await next();
    });
  }
  app.use(async (context, next) => {
    assertAllowed(context, { readOnly, noDelete });
    await next();
  });

  for (const path of ["/v2", "/v2/"]) {
    app.get(path, (context) => context.json({}));
    refuseOtherMethods(app, path, "GET, HEAD");
  }
  addListingRoutes(app, store);
  addUploadRoutes(app, store);
  addBlobRoutes(app, store);
  addManifestRoutes(app, store);

  app.notFound(() => {
    throw new Problem("UNSUPPORTED", "there is nothing at this path", { status: 404 });
  });
  app.onError((error) => toResponse(describeFailure(error, options)));
  return app;
}

async function logRequest(
  context: RegistryContext,
  next: () => Promise<void>,
  { headers, write }: RequestLog,
): Promise<void> {
  const { method, url, socket } = context.env.incoming;
  const startedAt = performance.now();
  const line = `${new Date().toISOString()} ${socket.remoteAddress} ${method} ${url}`;
  const writeHeaders = (mark: string, fields: Headers) => {
    if (!headers) return;
    for (const field of redactHeaders(fields)) write(`${mark} ${field}`);
  };
  writeHeaders(">", context.req.raw.headers);
  await next();
  const status = socket.destroyed ? "hung up" : context.res.status;
  write(`${line} ${status} ${Math.round(performance.now() - startedAt)} ms`);
  writeHeaders("<", context.res.headers);
}

/**
 * The grammar has no use for `%`, but for the colon of a digest, nor for dots as path segments; what
 * decodes or folds them would reach another repository than the one that was named.
 */
function assertPlainPath(url: string): void {
  const [path = ""] = url.replace(/^https?:\/\/[^/?]*/i, "").split("?", 1);
  const isPlain = /^[A-Za-z0-9._/:-]*$/.test(path.replace(/%3a/gi, ":"));
  if (!isPlain || /(?:^|\/)\.{1,2}(?:\/|$)/.test(path)) {
    throw new Problem("NAME_INVALID", "the path has characters that no name has");
  }
}

function assertAllowed(
  { req }: RegistryContext,
  { readOnly, noDelete }: { readonly readOnly: boolean; readonly noDelete: boolean },
): void {
  if (READING.has(req.method)) return;
  // Browsers say which page a request is from, and registry clients are no pages: without this, any
  // page that is looked at on this machine could push here.
  if (req.header("origin") !== undefined) {
    throw new Problem("DENIED", "web pages may not change this registry");
  }
  if (readOnly) throw new Problem("UNSUPPORTED", "this registry is read-only");
  if (noDelete && req.method === "DELETE" && !/\/blobs\/uploads\/[^/]+$/.test(req.path)) {
    throw new Problem("UNSUPPORTED", "this registry does not delete");
  }
}

function describeFailure(error: unknown, { warn }: AppOptions): Problem {
  if (error instanceof Problem) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const code = errorCode(error);
  warn?.(`A request failed: ${reason}`);
  return code === "ENOSPC" || code === "EDQUOT"
    ? new Problem("UNKNOWN", "there is no space left to store it", { status: 507, cause: error })
    : new Problem("UNKNOWN", "the registry failed; its own log says why", { cause: error });
}

/** The answer to a request that cannot be served. */
export function toResponse(problem: Problem): Response {
  return new Response(problem.toJson(), {
    status: problem.status,
    headers: { "content-type": "application/json", ...problem.headers },
  });
}
