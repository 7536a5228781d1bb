import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from "node:http";
import { buffer } from "node:stream/consumers";
import { listen } from "./listen.ts";

/**
 * What becomes of a request. `hold-request` and `hold-answer`: it waits, before or after the registry
 * has seen it, for {@linkcode StepProxy.release}; `cut-request` and `cut-answer`: its connection is
 * reset, before or after; `fail-answer`: the registry did what was asked, and 502 is what comes back;
 * `dead`: it and all that follow are reset, until {@linkcode StepProxy.release}.
 */
export type StepFault =
  | "hold-request"
  | "hold-answer"
  | "cut-request"
  | "cut-answer"
  | "fail-answer"
  | "dead";

/** A proxy in front of a registry, which does something to one request. */
export interface StepProxy extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Method and path of each request, in the order of their arrival. */
  readonly requests: readonly string[];
  /** Resolves when the fault has begun. */
  readonly reached: Promise<void>;
  /** Ends the fault. */
  release(): void;
}

/** The request, counted from 1, that something happens to. */
export interface Step {
  readonly step: number;
  readonly fault: StepFault;
}

/** Starts a proxy in front of a plain http server on this machine. Without a step it only records. */
export async function startStepProxy(port: number, at?: Step): Promise<StepProxy> {
  const requests: string[] = [];
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  let isReleased = false;
  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { method, url, headers } = incoming;
    const number = requests.push(`${method} ${url}`);
    const isDead = at?.fault === "dead" && number >= at.step && !isReleased;
    const fault = number === at?.step || isDead ? at?.fault : undefined;
    const body = await buffer(incoming);
    if (fault === "dead" || fault === "cut-request") {
      reach();
      incoming.socket.resetAndDestroy();
      return;
    }
    if (fault === "hold-request") {
      reach();
      await released;
    }
    const forwarded = request({ host: "127.0.0.1", port, method, path: url, headers });
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      forwarded.once("response", resolve).once("error", reject).end(body);
    });
    const answered = await buffer(answer);
    if (fault !== undefined) reach();
    if (fault === "cut-answer") {
      incoming.socket.resetAndDestroy();
      return;
    }
    if (fault === "hold-answer") await released;
    const { connection: _, ...rest }: IncomingHttpHeaders = fault === "fail-answer"
      ? {}
      : answer.headers;
    const status = fault === "fail-answer" ? 502 : answer.statusCode ?? 502;
    // A client repeats a request by itself when a connection that it kept is cut.
    outgoing.writeHead(status, { ...rest, connection: "close" });
    outgoing.end(fault === "fail-answer" ? undefined : answered);
  };
  const listener = await listen(createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => incoming.socket.destroy());
  }));
  return {
    host: `127.0.0.1:${listener.port}`,
    requests,
    reached,
    release: () => {
      isReleased = true;
      release();
    },
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}
