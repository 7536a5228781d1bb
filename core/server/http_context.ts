import type { Context, Hono } from "hono";
import type { IncomingMessage } from "node:http";
import { tryParseDigest, type VerifiableDigest } from "../oci/digest.ts";
import { isRepositoryPath } from "../reference/repository.ts";
import { Problem } from "./problem.ts";

/** What a route of the registry is given. */
export type RegistryEnv = { Bindings: { readonly incoming: IncomingMessage } };
/** A request, and the answer to it. */
export type RegistryContext = Context<RegistryEnv>;

/** The `<name>` of the request's path; throws `NAME_INVALID`. */
export function readName(context: RegistryContext): string {
  return checkName(context.req.param("name") ?? "");
}

/** A name of the grammar; throws `NAME_INVALID` for others. */
export function checkName(name: string): string {
  if (isRepositoryPath(name)) return name;
  throw new Problem("NAME_INVALID", "this is no name of a repository");
}

/** A digest that can be verified; throws `DIGEST_INVALID` for others. */
export function checkDigest(text: string | undefined): VerifiableDigest {
  const digest = tryParseDigest(text ?? "");
  if (digest) return digest;
  throw new Problem("DIGEST_INVALID", "a digest of sha256 or sha512 is needed");
}

/** The request's body, piece by piece; one that breaks off throws `BLOB_UPLOAD_INVALID`. */
export async function* readBody({ req, env }: RegistryContext): AsyncGenerator<Uint8Array> {
  const { body } = req.raw;
  if (!body) return;
  try {
    yield* body;
  } catch (error) {
    throw brokenOff(error);
  }
  // Not every runtime makes an error of a connection that is lost.
  if (!env.incoming.complete) throw brokenOff();
}

function brokenOff(cause?: unknown): Problem {
  return new Problem("BLOB_UPLOAD_INVALID", "the request ended early", { cause });
}

/** Answers 405 to the methods that a path has no route for; to be called behind those it has. */
export function refuseOtherMethods(app: Hono<RegistryEnv>, path: string, allow: string): void {
  app.all(path, ({ req }) => {
    throw new Problem("UNSUPPORTED", `${req.method} is not possible here`, { headers: { allow } });
  });
}
