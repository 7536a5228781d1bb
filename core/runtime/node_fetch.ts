import { request, type RequestOptions } from "node:https";
import { Readable } from "node:stream";
import { HttpsProxyAgent } from "https-proxy-agent";
import { getProxyForUrl } from "proxy-from-env";
import type { RawInit } from "./raw_fetch.ts";
import { type TlsSettings, trustedAuthorities } from "./tls_settings.ts";

/**
 * Sends an https request with TLS settings of its own where fetch cannot: Deno's refuses a
 * self-signed certificate even as its own authority, and cannot leave one unverified.
 */
export async function fetchWithNode(
  url: URL,
  init: RawInit,
  settings: TlsSettings,
): Promise<Response> {
  const tls = {
    ca: await trustedAuthorities(settings.ca),
    ...settings.client,
    rejectUnauthorized: !settings.insecure,
  };
  const proxy = getProxyForUrl(url.href);
  const options: RequestOptions = {
    ...tls,
    method: init.method,
    headers: Object.fromEntries(init.headers),
    signal: init.signal,
    ...(proxy && { agent: new HttpsProxyAgent(proxy, { ca: tls.ca }) }),
  };
  return await new Promise((resolve, reject) => {
    const outgoing = request(url, options, (incoming) => {
      const headers = new Headers();
      for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
        headers.append(incoming.rawHeaders[i] ?? "", incoming.rawHeaders[i + 1] ?? "");
      }
      const status = incoming.statusCode ?? 0;
      const hasBody = init.method !== "HEAD" && status !== 204 && status !== 304;
      if (!hasBody) incoming.resume();
      const body = hasBody ? Readable.toWeb(incoming) as ReadableStream<Uint8Array> : null;
      resolve(new Response(body, { status, headers }));
    });
    outgoing.on("error", reject);
    // The agent would pass a proxy's refusal off as the origin's own answer, challenge included.
    outgoing.on("proxyConnect", ({ statusCode }: { readonly statusCode: number }) => {
      if (statusCode !== 200) outgoing.destroy(new Error(`the proxy answered ${statusCode}`));
    });
    if (!(init.body instanceof Blob)) {
      outgoing.end(init.body);
      return;
    }
    outgoing.setHeader("content-length", init.body.size);
    Readable.from(init.body.stream()).on("error", (error) => outgoing.destroy(error))
      .pipe(outgoing);
  });
}
