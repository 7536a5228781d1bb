import { isDigest } from "../oci/digest.ts";
import { createRefusal, type Refuse } from "./refusal.ts";
import { looksLikeRegistry } from "./registry.ts";
import {
  formatRepository,
  parseRepository,
  type ParseRepositoryOptions,
  type Repository,
} from "./repository.ts";
import { isTag } from "./tag.ts";

/** A manifest in a repository, by tag, by digest or by both; the digest wins. */
export interface Reference {
  /** Where it is. */
  readonly repository: Repository;
  /** One that {@linkcode isTag} lets pass. */
  readonly tag?: string;
  /** Of the OCI grammar; not yet known to be one that can be verified. */
  readonly digest?: string;
}

/** The tag of a reference that has neither tag nor digest. */
export const DEFAULT_TAG = "latest";

/** The shortest text that means the same: `busybox:1.36`, `quay.io/a/b@sha256:…`. */
export function formatReference({ repository, tag, digest }: Reference): string {
  const name = formatRepository(repository);
  return `${name}${tag ? `:${tag}` : ""}${digest ? `@${digest}` : ""}`;
}

/** Reads `repository[:tag][@digest]`; throws `USAGE`, naming the broken rule. */
export function parseReference(text: string, options: ParseRepositoryOptions = {}): Reference {
  const refuse = createRefusal("reference", text);
  const at = text.indexOf("@");
  const name = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined) checkDigest(digest, refuse);

  // A colon before the last slash belongs to a port or to a scheme.
  const colon = name.indexOf(":", name.lastIndexOf("/") + 1);
  const written = colon < 0 ? undefined : name.slice(colon + 1);
  if (written !== undefined) checkTag(written, refuse);

  const repository = parseRepository(colon < 0 ? name : name.slice(0, colon), options, refuse);
  const tag = written ?? (digest === undefined ? DEFAULT_TAG : undefined);
  return { repository, ...(tag && { tag }), ...(digest && { digest }) };
}

/**
 * For a text such as `quay.io` or `localhost:5000`, which is by the grammar a repository of the
 * default registry: a sentence that says what was probably meant. Undefined for any other text.
 */
export function bareRegistryHint(text: string): string | undefined {
  const [name = ""] = text.split(/[:@]/, 1);
  if (text.includes("/") || !looksLikeRegistry(name)) return undefined;
  if (!/^[A-Za-z0-9.-]{1,253}$/.test(name)) return undefined;
  const port = /^:[0-9]{1,5}$/.exec(text.slice(name.length))?.[0] ?? "";
  const registry = name + port;
  return `"${registry}" was read as a repository of the default registry; ` +
    `write "${registry}/NAME" to name a repository of ${registry}`;
}

function checkDigest(digest: string, refuse: Refuse): void {
  if (isDigest(digest)) return;
  if (digest === "") throw refuse('the digest after "@" is missing');
  if (digest.includes("/")) {
    throw refuse(
      'a digest must follow "@", not a name',
      "Leave out user and password and give -u USER --password-stdin",
    );
  }
  throw refuse('what follows "@" must be a digest of the form algorithm:encoded');
}

function checkTag(tag: string, refuse: Refuse): void {
  if (isTag(tag)) return;
  if (tag === "") throw refuse('the tag after ":" is missing');
  throw refuse(
    "a tag must be 1 to 128 letters, digits and the characters . _ -, and not start with . or -",
  );
}
