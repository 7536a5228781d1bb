import { Buffer } from "node:buffer";
import { connect, createServer, type Socket } from "node:net";
import { type RequestHead, SocketReader } from "./http_wire.ts";
import { listen } from "./listen.ts";

/** A request the proxy received. */
export interface ProxyRequest {
  readonly method: string;
  /** host:port for CONNECT, else the absolute URL. */
  readonly target: string;
  readonly proxyAuthorization: string | undefined;
}

/** Options of {@linkcode startConnectProxy}. */
export interface ConnectProxyOptions {
  /** Answer 407 to everyone else. Default: open to all. */
  readonly credentials?: { readonly user: string; readonly password: string };
  /**
   * Ports of 127.0.0.1 that stand for invented names: `{ "registry.test:443": registry.port }`.
   * Names not listed must be loopback addresses, any other is answered 502: no test leaves the machine.
   */
  readonly resolve?: Readonly<Record<string, number>>;
}

/** A running HTTP proxy. */
export interface ConnectProxy extends AsyncDisposable {
  /** For HTTP_PROXY and HTTPS_PROXY; without credentials. */
  readonly url: string;
  /** The same with the credentials in it, percent-encoded. */
  readonly urlWithCredentials: string;
  readonly port: number;
  readonly requests: readonly ProxyRequest[];
}

/** Starts a proxy on 127.0.0.1 for CONNECT (RFC 9110 section 9.3.6) and for absolute URLs over plain HTTP. */
export async function startConnectProxy(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const requests: ProxyRequest[] = [];
  const upstreams = new Set<Socket>();

  async function serve(client: Socket): Promise<void> {
    const reader = new SocketReader(client);
    const head = await reader.readHead();
    if (head === undefined) return void client.destroy();
    const proxyAuthorization = head.headers["proxy-authorization"];
    requests.push({ method: head.method, target: head.target, proxyAuthorization });
    const refusal = refuse(head, options);
    if (refusal !== undefined) return void client.end(refusal);

    const isTunnel = head.method === "CONNECT";
    const body = isTunnel ? new Uint8Array() : await reader.readBody(head);
    const upstream = connect(findPort(head, options) ?? 0, "127.0.0.1");
    upstreams.add(upstream);
    upstream.on("error", () => client.destroy());
    upstream.on("close", () => {
      upstreams.delete(upstream);
      client.end();
    });
    client.on("close", () => upstream.destroy());
    if (isTunnel) {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.write(reader.detach());
    } else {
      upstream.write(Buffer.concat([Buffer.from(formatOriginHead(head)), body]));
      reader.detach();
    }
    client.pipe(upstream);
    upstream.pipe(client);
  }

  const listener = await listen(createServer((socket) => void serve(socket)));
  const { user, password } = options.credentials ?? {};
  const userinfo = user === undefined
    ? ""
    : `${encodeURIComponent(user)}:${encodeURIComponent(password ?? "")}@`;
  return {
    url: `http://127.0.0.1:${listener.port}`,
    urlWithCredentials: `http://${userinfo}127.0.0.1:${listener.port}`,
    port: listener.port,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of upstreams) socket.destroy();
      await listener[Symbol.asyncDispose]();
    },
  };
}

function refuse(head: RequestHead, options: ConnectProxyOptions): string | undefined {
  const { credentials } = options;
  if (credentials !== undefined) {
    const pair = Buffer.from(`${credentials.user}:${credentials.password}`).toString("base64");
    if (head.headers["proxy-authorization"] !== `Basic ${pair}`) {
      return formatRefusal(
        "407 Proxy Authentication Required",
        'proxy-authenticate: Basic realm="proxy"\r\n',
      );
    }
  }
  return findPort(head, options) === undefined ? formatRefusal("502 Bad Gateway") : undefined;
}

function formatRefusal(status: string, header = ""): string {
  return `HTTP/1.1 ${status}\r\n${header}content-length: 0\r\nconnection: close\r\n\r\n`;
}

function findPort(head: RequestHead, options: ConnectProxyOptions): number | undefined {
  const url = head.method === "CONNECT" ? `http://${head.target}` : head.target;
  if (!URL.canParse(url)) return undefined;
  const { hostname, port } = new URL(url);
  const number = Number(port || "80");
  const known = options.resolve?.[`${hostname}:${number}`];
  if (known !== undefined) return known;
  return ["127.0.0.1", "localhost"].includes(hostname) ? number : undefined;
}

/** The head as the origin expects it: origin-form target, no proxy headers, one request per connection. */
function formatOriginHead(head: RequestHead): string {
  const { pathname, search } = new URL(head.target);
  const dropped = ["proxy-authorization", "proxy-connection", "connection", "transfer-encoding"];
  const lines = Object.entries(head.headers).filter(([name]) => !dropped.includes(name)).map((
    [name, value],
  ) => `${name}: ${value}\r\n`);
  return `${head.method} ${pathname}${search} HTTP/1.1\r\n${
    lines.join("")
  }connection: close\r\n\r\n`;
}
