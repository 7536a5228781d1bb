import { createRefusal, type Refuse } from "./refusal.ts";
import {
  DOCKER_HUB,
  looksLikeRegistry,
  parseRegistry,
  type Registry,
  splitScheme,
} from "./registry.ts";

/** A repository of a registry. */
export interface Repository {
  /** Where it is. */
  readonly registry: Registry;
  /** The spec's `<name>` as it stands in a URL: "library/busybox". */
  readonly path: string;
}

/** What {@linkcode parseRepository} takes beside the text. */
export interface ParseRepositoryOptions {
  /** The registry of a name that names none. Default: Docker Hub. */
  readonly defaultRegistry?: Registry;
}

/** Where Docker Hub keeps its official images. */
export const OFFICIAL_PREFIX = "library/";

/** Host, "/" and path; the distribution spec ("Pulling manifests") tells of clients that stop here. */
const MAX_NAME_LENGTH = 255;

const COMPONENT = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;

/**
 * Reads `[registry/]path`, the path being the `<name>` of the OCI distribution spec. The first
 * component counts as a registry when it holds a "." or a ":", is `localhost` or follows a scheme.
 * A single word on Docker Hub is an official image. `refuse` makes the error, by default a `USAGE`,
 * that is thrown.
 */
export function parseRepository(
  text: string,
  options: ParseRepositoryOptions = {},
  refuse: Refuse = createRefusal("repository", text),
): Repository {
  const { scheme, rest } = splitScheme(text);
  const slash = rest.indexOf("/");
  const hasRegistry = scheme !== undefined ||
    (slash >= 0 && looksLikeRegistry(rest.slice(0, slash)));
  if (!hasRegistry) return createRepository(options.defaultRegistry ?? DOCKER_HUB, text, refuse);
  const pathStart = slash < 0 ? text.length : text.length - rest.length + slash + 1;
  const registry = parseRegistry(text.slice(0, pathStart), refuse);
  return createRepository(registry, text.slice(pathStart), refuse);
}

/** True for the `<name>` of the OCI distribution spec ("Pulling manifests"), at most 255 characters. */
export function isRepositoryPath(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH && text.split("/").every((part) => COMPONENT.test(part));
}

/**
 * The shortest name that {@linkcode parseRepository} reads as the same repository and nobody as a
 * registry: "busybox", "quay.io/a/b", "docker.io/user.name/app". A scheme is left out.
 */
export function formatRepository({ registry, path }: Repository): string {
  const [first = "", second = "", ...others] = path.split("/");
  if (!registry.isDockerHub || looksLikeRegistry(first)) return `${registry.host}/${path}`;
  const isShort = `${first}/` === OFFICIAL_PREFIX && others.length === 0;
  return isShort && !looksLikeRegistry(second) ? second : path;
}

function createRepository(registry: Registry, name: string, refuse: Refuse): Repository {
  const isOneWord = !name.includes("/");
  const path = registry.isDockerHub && isOneWord ? OFFICIAL_PREFIX + name : name;
  if (registry.host.length + 1 + path.length > MAX_NAME_LENGTH) {
    throw refuse(`registry and path must have at most ${MAX_NAME_LENGTH} characters together`);
  }
  checkPath(name, refuse);
  return { registry, path };
}

function checkPath(path: string, refuse: Refuse): void {
  if (path === "") throw refuse("the path of the repository is missing");
  const components = path.split("/");
  if (components.includes("")) {
    throw refuse("a path must not start or end with a slash, nor have two in a row");
  }
  if (/[@:]/.test(path)) {
    throw refuse(
      '":" and "@" are not allowed in a path',
      "Leave out tag, digest, user and password",
    );
  }
  if (/[^A-Za-z0-9._/-]/.test(path)) {
    throw refuse("a path allows only lower-case letters, digits and the characters . _ - /");
  }
  if (/[A-Z]/.test(path)) {
    throw refuse("upper-case letters are not allowed in a path", "Write the path in lower case");
  }
  if (!components.every((component) => COMPONENT.test(component))) {
    throw refuse(
      "each part of a path must be letters and digits, joined by one dot, one or two underscores, or hyphens",
    );
  }
}
