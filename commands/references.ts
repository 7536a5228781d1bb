import { assertVerifiableDigest } from "../core/oci/digest.ts";
import { bareRegistryHint, parseReference, type Reference } from "../core/reference/reference.ts";
import type { Context } from "./context.ts";

/** Reads the name of one manifest, and remarks on one that looks like a registry's. */
export function readReference({ diagnostics }: Context, text: string): Reference {
  const reference = parseReference(text);
  if (reference.digest !== undefined) assertVerifiableDigest(reference.digest);
  const meant = bareRegistryHint(text);
  if (meant !== undefined) diagnostics.note(meant);
  return reference;
}
