import type { RawFetch, RawInit } from "./raw_fetch.ts";
import { type TlsSettings, trustedAuthorities } from "./tls_settings.ts";

/**
 * Makes the one function that reaches the network.
 *
 * @param tlsFor the settings for a URL's host, or undefined for the runtime's own
 */
export function createFetch(tlsFor: (url: URL) => Promise<TlsSettings | undefined>): RawFetch {
  return async (url, init) => {
    const settings = url.protocol === "https:" ? await tlsFor(url) : undefined;
    const isBun = typeof process !== "undefined" && process.versions["bun"] !== undefined;
    if (isBun && !(settings && await concernsProxyToo(url, settings))) {
      return await fetchWithBun(url, init, settings);
    }
    if (settings) {
      const { fetchWithNode } = await import("./node_fetch.ts");
      return await fetchWithNode(url, init, settings);
    }
    const { body, ...rest } = init;
    return await fetch(url, { ...rest, ...(body && { body }), redirect: "manual" });
  };
}

/** Bun applies its one `tls` option to an https proxy as well, which these are not meant for. */
async function concernsProxyToo(url: URL, settings: TlsSettings): Promise<boolean> {
  if (!settings.insecure && !settings.client) return false;
  const { getProxyForUrl } = await import("proxy-from-env");
  return getProxyForUrl(url.href).startsWith("https:");
}

async function fetchWithBun(
  url: URL,
  { body, ...init }: RawInit,
  settings: TlsSettings | undefined,
): Promise<Response> {
  const options = {
    ...init,
    ...(body && { body }),
    redirect: "manual",
    decompress: false,
    // The pipeline has its own time-outs.
    timeout: false,
    ...(settings && {
      tls: {
        ca: await trustedAuthorities(settings.ca),
        ...settings.client,
        rejectUnauthorized: !settings.insecure,
      },
    }),
  } as const;
  return await fetch(url, options as RequestInit);
}
