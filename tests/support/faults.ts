import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { encodeBody, encodeHead, type Reply } from "./scripted_reply.ts";

/**
 * How a scripted answer goes wrong:
 * - `reset-before-response`: a TCP reset in place of an answer (over TLS: the connection is cut without close_notify).
 * - `reset-mid-body`: head, part of the body, then a reset.
 * - `short-body`: head, part of the body, then an orderly close: fewer bytes than `content-length` says.
 * - `hang`: no answer until the client leaves.
 * - `{ dripMs, bytes }`: head, then one byte every `dripMs` milliseconds, `bytes` in all.
 * - `endless-body`: chunked body as long as the client reads, 2 GiB at most.
 * - `half-close`: the sending side is closed without an answer; reading goes on until the client leaves.
 */
export type Fault =
  | "reset-before-response"
  | "reset-mid-body"
  | "short-body"
  | "hang"
  | "endless-body"
  | "half-close"
  | { readonly dripMs: number; readonly bytes: number };

const MAX_ENDLESS_BYTES = 2 * 1024 ** 3;
const CHUNK_BYTES = 64 * 1024;
const CLOSE = [["connection", "close"]] as const;

/**
 * Plays a fault on a socket whose request was read; returns when the connection is over.
 * `cutAt` is the number of body bytes sent before the two cuts; default: half of the body.
 */
export async function playFault(
  socket: Socket,
  fault: Fault,
  reply: Reply = { status: 200 },
  cutAt?: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  if (fault === "reset-before-response") {
    reset(socket);
  } else if (fault === "half-close") {
    socket.end();
  } else if (fault === "endless-body") {
    await sendEndless(socket, reply);
  } else if (fault === "reset-mid-body" || fault === "short-body") {
    await sendPart(socket, fault, reply, cutAt);
  } else if (fault !== "hang") {
    await drip(socket, reply, fault);
  }
  await closed;
}

/** Sends an RST; a TLS socket has no way to do so and is cut off without its closing alert instead. */
function reset(socket: Socket): void {
  if ("encrypted" in socket) socket.destroy();
  else socket.resetAndDestroy();
}

async function sendPart(
  socket: Socket,
  fault: "reset-mid-body" | "short-body",
  reply: Reply,
  cutAt: number | undefined,
): Promise<void> {
  // Without a body there is nothing to cut: any will do.
  const whole = reply.body === undefined ? { ...reply, body: "x".repeat(CHUNK_BYTES) } : reply;
  const body = encodeBody(whole.body);
  const part = body.subarray(0, cutAt ?? Math.floor(body.length / 2));
  await send(socket, Buffer.concat([Buffer.from(encodeHead(whole, CLOSE)), part]));
  // A reset throws away what the peer has not read yet, and Bun does so with an end that comes along with the
  // bytes. They are on loopback already; a moment lets it see them.
  await pause(50);
  if (fault === "short-body") socket.end();
  else reset(socket);
}

async function sendEndless(socket: Socket, reply: Reply): Promise<void> {
  const head: Reply = { status: reply.status, ...(reply.headers && { headers: reply.headers }) };
  await send(socket, encodeHead(head, [["transfer-encoding", "chunked"], ...CLOSE]));
  const given = encodeBody(reply.body);
  const filler = given.length > 0 ? given : Buffer.alloc(CHUNK_BYTES, " ");
  const chunk = Buffer.concat([
    Buffer.from(`${filler.length.toString(16)}\r\n`),
    filler,
    Buffer.from("\r\n"),
  ]);
  for (let sent = 0; sent < MAX_ENDLESS_BYTES && !socket.destroyed; sent += filler.length) {
    await send(socket, chunk);
  }
  if (!socket.destroyed) socket.end("0\r\n\r\n");
}

async function drip(
  socket: Socket,
  reply: Reply,
  { dripMs, bytes }: { readonly dripMs: number; readonly bytes: number },
): Promise<void> {
  const given = encodeBody(reply.body);
  const body = Buffer.alloc(bytes, given.length > 0 ? given : " ");
  await send(socket, encodeHead({ ...reply, body }, CLOSE));
  for (const byte of body) {
    await pause(dripMs);
    if (socket.destroyed) return;
    await send(socket, Uint8Array.of(byte));
  }
  socket.end();
}

/** Writes, and waits while the client does not read. Returns at once when the connection is gone. */
function send(socket: Socket, data: string | Uint8Array): Promise<void> {
  if (socket.destroyed || socket.write(data)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
