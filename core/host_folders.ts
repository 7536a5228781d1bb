import type { Host } from "./host.ts";

/**
 * A base folder of the XDG Base Directory Specification: what the variable names, or else `standard`
 * in the user's home. A relative path in the variable is ignored, as the specification has it.
 */
export function baseFolder(host: Host, variable: string, standard: string): string {
  const given = host.env(variable) ?? "";
  return given.startsWith("/") ? given : `${host.homeDirectory}/${standard}`;
}
