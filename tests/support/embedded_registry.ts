import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { Agent, type IncomingHttpHeaders, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Descriptor } from "../../core/oci/manifest.ts";
import { serve, type ServeOptions } from "../../core/server/serve.ts";

/** What a request has beside method and path. */
export interface SendOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Sends the body without saying how long it is. Default: false. */
  readonly chunked?: boolean;
}

/** The whole answer to a request. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Content with its descriptor. */
export interface TestContent extends Descriptor {
  readonly bytes: Uint8Array;
}

/** The built-in registry, in this process. */
export interface EmbeddedRegistry extends AsyncDisposable {
  readonly url: string;
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly folder: string;
  /** Sends exactly this path: nothing is encoded or folded on the way. */
  send(method: string, path: string, options?: SendOptions): Promise<Answer>;
  /** Pushes a blob by POST and PUT. */
  pushBlob(repository: string, content: TestContent): Promise<void>;
  /** Pushes a manifest; throws when it is not taken. */
  pushManifest(repository: string, reference: string, content: TestContent): Promise<Answer>;
}

/** Starts the built-in registry on a free port of 127.0.0.1, on a temporary folder by default. */
export async function startEmbeddedRegistry(
  options: Omit<ServeOptions, "listen"> = {},
): Promise<EmbeddedRegistry> {
  const running = await serve({ ...options, listen: { host: "127.0.0.1", port: 0 } });
  const agent = new Agent({ keepAlive: true });
  const { hostname, port, host } = new URL(running.url);
  const send = (method: string, path: string, { headers, body, chunked }: SendOptions = {}) =>
    new Promise<Answer>((resolve, reject) => {
      const bytes = Buffer.from(body ?? "");
      const hasLength = !chunked && (bytes.length > 0 || /^P/.test(method));
      const request = httpRequest({
        ...{ hostname, port, method, path, agent },
        headers: {
          ...(chunked && { "transfer-encoding": "chunked" }),
          ...(hasLength && { "content-length": String(bytes.length) }),
          ...headers,
        },
      });
      request.on("error", reject);
      request.once("response", (response) => {
        const { statusCode = 0, headers } = response;
        buffer(response).then((body) => resolve({ status: statusCode, headers, body }), reject);
      });
      if (bytes.length > 0) request.write(bytes);
      request.end();
    });
  const expect = async (status: number, ...words: Parameters<typeof send>) => {
    const answer = await send(...words);
    if (answer.status === status) return answer;
    throw new Error(`${words[0]} ${words[1]}: ${answer.status} ${answer.body}`);
  };
  return {
    url: running.url,
    host,
    folder: running.folder,
    send,
    pushBlob: async (repository, { bytes, digest }) => {
      const started = await expect(202, "POST", `/v2/${repository}/blobs/uploads/`);
      const target = `${started.headers.location}?digest=${digest}`;
      await expect(201, "PUT", target, { body: bytes });
    },
    pushManifest: (repository, reference, { bytes, mediaType }) =>
      expect(201, "PUT", `/v2/${repository}/manifests/${reference}`, {
        headers: { "content-type": mediaType },
        body: bytes,
      }),
    async [Symbol.asyncDispose]() {
      agent.destroy();
      await running.close();
    },
  };
}

/** Bytes or text with a descriptor. */
export function content(
  value: string | Uint8Array,
  mediaType = "application/octet-stream",
  algorithm: "sha256" | "sha512" = "sha256",
): TestContent {
  const bytes = Buffer.from(value);
  const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
  return { bytes, mediaType, digest, size: bytes.length };
}

/** The descriptor alone. */
export function descriptor({ bytes: _, ...fields }: TestContent): Descriptor {
  return fields;
}

/** The code of an answer's first error (distribution-spec, "Error Codes"). */
export function errorCodeOf({ body }: Answer): string {
  const { errors } = JSON.parse(String(body)) as { errors: { code: string; message: string }[] };
  const [first] = errors;
  if (!first || typeof first.message !== "string") throw new Error(`no error body: ${body}`);
  return first.code;
}

/**
 * Sends bytes as they are on a connection of their own and gives all that comes back before it closes.
 * The other side closes it, unless `hangUp` says that this one does: when all is sent, or at the first
 * bytes that come back.
 */
export function sendRaw(
  { url }: EmbeddedRegistry,
  text: string,
  { hangUp }: { readonly hangUp?: "when sent" | "when answered" } = {},
): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let received = "";
    const socket = connect({ host: hostname, port: Number(port) }, () => {
      socket.write(text, "latin1", () => hangUp === "when sent" && socket.destroy());
    });
    socket.setEncoding("latin1").on("data", (data: string) => {
      received += data;
      if (hangUp === "when answered") socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(received));
  });
}
