import type { Reference } from "./reference.ts";
import type { Registry } from "./registry.ts";
import { OFFICIAL_PREFIX, type Repository } from "./repository.ts";

/** A registry in the output of `regctl parse`. */
export interface RegistryJson {
  readonly scheme?: "http" | "https";
  readonly name: string;
  readonly official: boolean;
}

/** A repository in the output of `regctl parse`. */
export interface RepositoryJson {
  readonly index: RegistryJson;
  readonly official: boolean;
  readonly remoteName: string;
  readonly localName: string;
  readonly canonicalName: string;
}

/** A reference in the output of `regctl parse`. */
export interface ReferenceJson extends RepositoryJson {
  readonly tag?: string;
  readonly digest?: string;
}

/** The registry with the keys, and the order of keys, of docker-registry-client's `parseIndex`. */
export function registryJson({ scheme, host, isDockerHub }: Registry): RegistryJson {
  return { ...(scheme && { scheme }), name: host, official: isDockerHub };
}

/**
 * The repository as docker-registry-client's `parseRepo` gives it. Its `localName` is kept to the
 * letter and can be ambiguous; for people use `formatRepository`.
 */
export function repositoryJson({ registry, path }: Repository): RepositoryJson {
  const official = registry.isDockerHub && path.startsWith(OFFICIAL_PREFIX);
  const shortPath = official ? path.slice(OFFICIAL_PREFIX.length) : path;
  const canonicalName = `${registry.host}/${shortPath}`;
  return {
    index: registryJson(registry),
    official,
    remoteName: path,
    localName: registry.isDockerHub ? shortPath : canonicalName,
    canonicalName,
  };
}

/** The reference as docker-registry-client's `parseRepoAndRef` gives it. */
export function referenceJson({ repository, tag, digest }: Reference): ReferenceJson {
  return { ...repositoryJson(repository), ...(tag && { tag }), ...(digest && { digest }) };
}
