import { RegctlError } from "../core/errors.ts";
import { assertVerifiableDigest } from "../core/oci/digest.ts";
import { bareRegistryHint, parseReference, type Reference } from "../core/reference/reference.ts";
import { parseRegistry } from "../core/reference/registry.ts";
import {
  formatRepository,
  parseRepository,
  type Repository,
} from "../core/reference/repository.ts";
import type { Context } from "./context.ts";

/** Reads the name of one manifest, and remarks on one that looks like a registry's. */
export function readReference(context: Context, text: string): Reference {
  const reference = parseReference(text);
  if (reference.digest !== undefined) assertVerifiableDigest(reference.digest);
  remark(context, text);
  return reference;
}

/** Reads the name of a repository, and remarks on one that looks like a registry's. */
export function readRepository(context: Context, text: string): Repository {
  const repository = parseRepositoryAlone(text);
  remark(context, text);
  return repository;
}

function remark({ diagnostics }: Context, text: string): void {
  const meant = bareRegistryHint(text);
  if (meant !== undefined) diagnostics.note(meant);
}

/** A repository without tag and digest; says so where there is one, or a registry alone. */
function parseRepositoryAlone(text: string): Repository {
  const registry = /^(localhost(:\d+)?|[^/]*[.\]][^/:]*:\d+)\/?$/.test(text)
    ? tryParse(parseRegistry, text)
    : undefined;
  if (registry) {
    throw new RegctlError("USAGE", `${JSON.stringify(text)} is a registry, not a repository`, {
      hint: `List its repositories with regctl catalog ${registry.host}`,
    });
  }
  try {
    return parseRepository(text);
  } catch (error) {
    const reference = tryParse(parseReference, text);
    if (!reference) throw error;
    throw new RegctlError("USAGE", `Not a repository: ${JSON.stringify(text)} names one manifest`, {
      hint: `Leave out the tag and the digest: ${formatRepository(reference.repository)}`,
    });
  }
}

/** What `parse` makes of a text, or undefined where it refuses. */
export function tryParse<T>(parse: (text: string) => T, text: string): T | undefined {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof RegctlError) return undefined;
    throw error;
  }
}
