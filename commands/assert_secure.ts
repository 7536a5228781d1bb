import { RegctlError } from "../core/errors.ts";
import { isLoopbackHost } from "../core/reference/registry.ts";
import { formatRepository, type Repository } from "../core/reference/repository.ts";
import type { ConnectionOptions } from "./options.ts";

/**
 * Throws `USAGE` where a file, and not the call, asks for plain http: credentials would be sent in
 * the clear, and nobody would see why.
 */
export function assertSecure(
  repository: Repository,
  { plainHttp }: ConnectionOptions,
): void {
  const { scheme, host } = repository.registry;
  if (scheme !== "http" || plainHttp || isLoopbackHost(host)) return;
  throw new RegctlError(
    "USAGE",
    `"${formatRepository(repository)}" is named there with plain http`,
    {
      hint: "Add --plain-http if that is meant",
    },
  );
}
