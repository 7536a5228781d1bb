import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { Agent, request as httpRequest } from "node:http";
import { Agent as TlsAgent, request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";

/** How to reach the registry; options of every function of this file. */
export interface PushOptions {
  /** Value of the Authorization header, for example from {@linkcode basic}. Default: none. */
  readonly authorization?: string;
  /** PEM of the authority to trust for https. */
  readonly ca?: string;
  /** Client certificate for https. */
  readonly client?: { readonly certPem: string; readonly keyPem: string };
}

/** What an image holds. */
export interface ImageOptions extends PushOptions {
  /** Fields over the default image configuration (linux/amd64, created 2024-01-01). */
  readonly config?: object;
  /** Layer contents, sent as they are. Default: one gzipped empty tar archive. */
  readonly layers?: readonly (string | Uint8Array)[];
}

/** A descriptor of the OCI image specification. */
export interface PushedDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONCURRENCY = 8;

/** An Authorization value for Basic (RFC 7617). */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

/** Pushes a small valid OCI image and returns the digest of its manifest. Each repository:tag gets one of its own. */
export async function pushImage(
  url: string,
  repository: string,
  tag: string,
  options: ImageOptions = {},
): Promise<string> {
  using registry = new RegistryConnection(url, options);
  const manifest = await pushParts(registry, repository, `${repository}:${tag}`, options);
  return (await putManifest(registry, repository, tag, manifest, MANIFEST_TYPE)).digest;
}

/** Pushes one image under many tags, eight at a time, and returns the digest they share. */
export async function pushTags(
  url: string,
  repository: string,
  tags: readonly string[],
  options: ImageOptions = {},
): Promise<string> {
  using registry = new RegistryConnection(url, options);
  const manifest = await pushParts(registry, repository, repository, options);
  const digest = sha256(Buffer.from(JSON.stringify(manifest)));
  const left = tags.values();
  await Promise.all(Array.from({ length: CONCURRENCY }, async () => {
    for (const tag of left) await putManifest(registry, repository, tag, manifest, MANIFEST_TYPE);
  }));
  return digest;
}

/** Pushes any manifest, for example an index, to a tag or digest. A string is sent byte for byte. */
export async function pushManifest(
  url: string,
  repository: string,
  reference: string,
  manifest: object | string,
  mediaType: string,
  options: PushOptions = {},
): Promise<PushedDescriptor> {
  using registry = new RegistryConnection(url, options);
  return await putManifest(registry, repository, reference, manifest, mediaType);
}

/** Pushes one blob in a POST and a PUT. */
export async function pushBlob(
  url: string,
  repository: string,
  content: string | Uint8Array,
  mediaType: string,
  options: PushOptions = {},
): Promise<PushedDescriptor> {
  using registry = new RegistryConnection(url, options);
  return await putBlob(registry, repository, content, mediaType);
}

async function pushParts(
  registry: RegistryConnection,
  repository: string,
  title: string,
  options: ImageOptions,
): Promise<object> {
  const emptyTar = Buffer.alloc(1024);
  const config = {
    created: "2024-01-01T00:00:00Z",
    architecture: "amd64",
    os: "linux",
    config: { Labels: { title } },
    rootfs: { type: "layers", diff_ids: options.layers === undefined ? [sha256(emptyTar)] : [] },
    ...options.config,
  };
  const layers = [];
  for (const content of options.layers ?? [gzipSync(emptyTar)]) {
    layers.push(await putBlob(registry, repository, content, LAYER_TYPE));
  }
  return {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: await putBlob(registry, repository, JSON.stringify(config), CONFIG_TYPE),
    layers,
  };
}

async function putBlob(
  registry: RegistryConnection,
  repository: string,
  content: string | Uint8Array,
  mediaType: string,
): Promise<PushedDescriptor> {
  const bytes = Buffer.from(content);
  const digest = sha256(bytes);
  const location = await registry.send("POST", `/v2/${repository}/blobs/uploads/`, 202);
  const target = new URL(location, registry.url);
  target.searchParams.set("digest", digest);
  const type = "application/octet-stream";
  await registry.send("PUT", target.pathname + target.search, 201, bytes, type);
  return { mediaType, digest, size: bytes.length };
}

async function putManifest(
  registry: RegistryConnection,
  repository: string,
  reference: string,
  manifest: object | string,
  mediaType: string,
): Promise<PushedDescriptor> {
  const bytes = Buffer.from(typeof manifest === "string" ? manifest : JSON.stringify(manifest));
  await registry.send("PUT", `/v2/${repository}/manifests/${reference}`, 201, bytes, mediaType);
  return { mediaType, digest: sha256(bytes), size: bytes.length };
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Sends over node:http and node:https, as only these take a certificate authority in both runtimes. */
class RegistryConnection implements Disposable {
  readonly url: string;
  readonly #authorization: string | undefined;
  readonly #agent: Agent;

  constructor(url: string, { authorization, ca, client }: PushOptions) {
    this.url = url;
    this.#authorization = authorization;
    this.#agent = url.startsWith("https:")
      ? new TlsAgent({
        keepAlive: true,
        ...(ca !== undefined && { ca }),
        ...(client && { cert: client.certPem, key: client.keyPem }),
      })
      : new Agent({ keepAlive: true });
  }

  /** Sends one request and returns the Location of the answer; throws when the status is not the expected one. */
  send(
    method: string,
    path: string,
    expected: number,
    body: Uint8Array = new Uint8Array(),
    type?: string,
  ): Promise<string> {
    const start = this.url.startsWith("https:") ? httpsRequest : httpRequest;
    const headers = {
      "content-length": String(body.length),
      ...(type !== undefined && { "content-type": type }),
      ...(this.#authorization !== undefined && { authorization: this.#authorization }),
    };
    return new Promise((resolve, reject) => {
      const request = start(new URL(path, this.url), { method, headers, agent: this.#agent });
      request.on("error", reject);
      request.once("response", (response) => {
        text(response).then((answer) => {
          if (response.statusCode === expected) return resolve(response.headers.location ?? "");
          reject(new Error(`${method} ${path}: ${response.statusCode} ${answer}`));
        }, reject);
      });
      request.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
