import { resolveBaseUrl } from "./client.ts";
import { formatRepository, type Repository } from "../reference/repository.ts";

/** A name by which a later call finds the same repository: with the scheme, where one was given. */
export function nameRepository(repository: Repository): string {
  const { registry: { scheme }, path } = repository;
  if (scheme === undefined) return formatRepository(repository);
  return `${scheme}://${repository.registry.host}/${path}`;
}

/** The repository with the scheme that is spoken with it, where its name alone would not tell. */
export function withScheme(repository: Repository, { protocol }: URL): Repository {
  const { registry } = repository;
  if (resolveBaseUrl(registry).protocol === protocol) return repository;
  return {
    ...repository,
    registry: { ...registry, scheme: protocol === "http:" ? "http" : "https" },
  };
}
