import { isLoopbackHost, type Registry } from "../reference/registry.ts";
import type { Send } from "../http/exchange.ts";

/** A registry and the pipeline to it. Operations are functions that take one. */
export interface RegistryClient {
  /** The origin of the registry's API. */
  readonly baseUrl: URL;
  /** The pipeline. */
  readonly send: Send;
  /** Ends every request of the call. Default: nothing does. */
  readonly signal?: AbortSignal | undefined;
}

// Docker Hub's API lives under another name than its images.
const DOCKER_HUB_URL = "https://registry-1.docker.io";

/** How {@linkcode resolveBaseUrl} decides. */
export interface BaseUrlOptions {
  /** Speak http, whatever the host. Default: false. */
  readonly plainHttp?: boolean | undefined;
  /** Speak https even with a loopback host. Default: false. */
  readonly preferTls?: boolean | undefined;
}

/**
 * The origin of a registry's API: https, unless the name says http, `plainHttp` is set, or the
 * host is this machine.
 */
export function resolveBaseUrl(registry: Registry, options: BaseUrlOptions = {}): URL {
  if (registry.isDockerHub) return new URL(DOCKER_HUB_URL);
  const isLocal = isLoopbackHost(registry.host) && options.preferTls !== true;
  const scheme = registry.scheme ?? (options.plainHttp || isLocal ? "http" : "https");
  return new URL(`${scheme}://${registry.host}`);
}
