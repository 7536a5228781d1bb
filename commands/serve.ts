import { Command, InvalidArgumentError, Option } from "commander";
import { resolve } from "node:path";
import { RegctlError } from "../core/errors.ts";
import { isLoopbackHost } from "../core/reference/registry.ts";
import { createAuthenticate } from "../core/server/htpasswd.ts";
import { serve } from "../core/server/serve.ts";
import type { Context } from "./context.ts";
import { readFile } from "./input.ts";

const MAX_FILE_BYTES = 1024 * 1024;

interface Address {
  readonly host: string;
  readonly port: number;
}

interface ServeOptions {
  readonly dir?: string;
  readonly listen: Address;
  readonly readOnly?: true;
  readonly delete: boolean;
  readonly htpasswd?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly demo?: true;
}

/** `regctl serve` */
export function createServeCommand(context: Context): Command {
  return new Command("serve")
    .description("Run a registry on this machine; it ends with Ctrl-C")
    .addOption(
      new Option(
        "--dir <path>",
        "keep the images here, as OCI layouts (default: only until the end)",
      ).argParser(parsePath),
    )
    .addOption(
      new Option("--listen <address>", "PORT, HOST:PORT, or :PORT for all; 0 is any free one")
        .argParser(parseAddress).default({ host: "127.0.0.1", port: 5000 }, "127.0.0.1:5000"),
    )
    .option("--demo", "fill an empty registry with images to try things out on")
    .option("--read-only", "refuse every change")
    .option("--no-delete", "refuse to delete anything")
    .option("--htpasswd <file>", "ask for the users of this file (made by htpasswd -B)")
    .option("--tls-cert <file>", "speak https with this certificate (PEM)")
    .option("--tls-key <file>", "the certificate's key (PEM)")
    .action((options: ServeOptions) => run(context, options));
}

async function run(context: Context, options: ServeOptions): Promise<void> {
  const { host, diagnostics, flags } = context;
  const { dir, listen, readOnly = false, htpasswd } = options;
  const stopped = new Promise<void>((done) => host.onStop(() => done()));
  const read = (path: string) => readFile(context, path, MAX_FILE_BYTES);
  const tls = await readTls(options, read);
  const registry = await serve({
    folder: dir === undefined ? undefined : resolve(dir),
    listen: { ...listen, tls },
    readOnly,
    noDelete: !options.delete,
    authenticate: htpasswd === undefined
      ? undefined
      : await createAuthenticate(new TextDecoder().decode(await read(htpasswd)), htpasswd),
    demoFrom: options.demo ? host.clock.now() : undefined,
    log: flags.verbose > 0
      ? { headers: flags.verbose > 1, write: (line) => diagnostics.log(line) }
      : undefined,
    warn: (text) => diagnostics.warn(text),
  });
  try {
    await host.stdout.write(`${registry.url}\n`);
    if (!isLoopbackHost(new URL(registry.url).host)) {
      warnOfOthers(options, (text) => diagnostics.warn(text));
    }
    diagnostics.note(
      dir === undefined
        ? "What is pushed is gone when it ends; --dir keeps it. Ctrl-C ends it"
        : `The images are in ${registry.folder}. Ctrl-C ends it`,
    );
    if (options.demo) {
      diagnostics.note(`To begin with: regctl tags ${registry.url}/library/busybox`);
    }
    await stopped;
  } finally {
    await registry.close();
  }
}

async function readTls(
  { tlsCert, tlsKey }: ServeOptions,
  read: (path: string) => Promise<Uint8Array>,
) {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new RegctlError("USAGE", "https needs both --tls-cert and --tls-key");
  }
  return { cert: await read(tlsCert), key: await read(tlsKey) };
}

function warnOfOthers(
  { htpasswd, readOnly, tlsCert }: ServeOptions,
  warn: (text: string) => void,
): void {
  if (htpasswd === undefined && !readOnly) {
    warn("everybody who reaches this machine can push and delete; --htpasswd asks who they are");
  } else if (htpasswd !== undefined && tlsCert === undefined) {
    warn("passwords go over the network readable; --tls-cert and --tls-key hide them");
  }
}

/** A script's variable that is not set must not mean the current folder. */
function parsePath(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("Name a folder.");
}

/** Reads `HOST:PORT`, `[::1]:PORT`, `:PORT` for every address, or a port of this machine alone. */
function parseAddress(text: string): Address {
  const [, host, colon, digits] = /^(\[[0-9a-fA-F:.]+\]|[\w.-]*?)(:?)(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const isWritten = host !== undefined && (host === "" || colon === ":");
  if (!isWritten || !(port <= 65_535)) {
    throw new InvalidArgumentError("Write a port, or HOST:PORT such as 127.0.0.1:5000.");
  }
  if (host === "") return { host: colon === "" ? "127.0.0.1" : "0.0.0.0", port };
  return { host: host.replace(/^\[|\]$/g, ""), port };
}
