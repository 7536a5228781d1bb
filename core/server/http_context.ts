import type { Context, Hono } from "hono";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tryParseDigest, type VerifiableDigest } from "../oci/digest.ts";
import { isRepositoryPath } from "../reference/repository.ts";
import { Problem } from "./problem.ts";

/** Who sends more than this without a look at the answer has the connection closed. */
const MAX_DROPPED_BYTES = 64 * 1024 * 1024;

/** What a route of the registry is given. */
export type RegistryEnv = {
  Bindings: { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse };
};
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

/**
 * The request's body, piece by piece; one that breaks off throws `BLOB_UPLOAD_INVALID`. Who stops
 * reading early has the rest read and dropped: a client that sends first and reads then would not
 * get to see the answer otherwise.
 */
export async function* readBody({ req, env }: RegistryContext): AsyncGenerator<Uint8Array> {
  const reader = req.raw.body?.getReader();
  if (!reader) return;
  let isOver = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      isOver = done;
      if (done) break;
      yield value;
    }
  } catch (error) {
    isOver = true;
    throw brokenOff(error);
  } finally {
    if (!isOver) await drop(reader, env.outgoing);
  }
  // Whatever a runtime makes of a lost connection, a part must not pass for the whole.
  if (!env.incoming.complete) throw brokenOff();
}

/** Reads and drops a body that no route has read, for the same reason. */
export async function dropBody({ req, env }: RegistryContext): Promise<void> {
  const { body } = req.raw;
  if (body && !body.locked) await drop(body.getReader(), env.outgoing);
}

async function drop(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  outgoing: ServerResponse,
): Promise<void> {
  try {
    for (let left = MAX_DROPPED_BYTES; left > 0;) {
      const { done, value } = await reader.read();
      if (done) return;
      left -= value.byteLength;
    }
    outgoing.setHeader("connection", "close");
  } catch {
    // The client has gone.
  }
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
