import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { findProgram } from "./find_program.ts";
import { createTempFolder, type TempFolder } from "./temp_folder.ts";

/** Options of {@linkcode startDockerRegistry}. */
export interface DockerRegistryOptions {
  /** Whether manifests and blobs can be deleted. Default: true. */
  readonly deleteEnabled?: boolean;
  /** Serve TLS with this certificate. Default: plain HTTP. */
  readonly tls?: { readonly certPem: string; readonly keyPem: string };
  /** Ask for a client certificate signed by this authority; needs `tls`. Default: none asked. */
  readonly clientCaPem?: string;
  /** Basic authentication: user to password. Needs the program `htpasswd`. */
  readonly htpasswd?: Readonly<Record<string, string>>;
  /** Token authentication; a `TokenServer` fits as it is. */
  readonly token?: {
    readonly realm: string;
    readonly service: string;
    readonly issuer: string;
    readonly certificatePem: string;
  };
  /** A file that gets the log as well. */
  readonly logFile?: string;
}

/** A running `docker-registry` (distribution) with its storage in a temporary folder. */
export interface DockerRegistry extends AsyncDisposable {
  readonly url: string;
  /** `127.0.0.1:PORT`, as in an image reference. */
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** Holds config.yml and the storage in `data`. */
  readonly folder: string;
  /**
   * What the registry has written to stderr so far: a line `response completed` for each request, or
   * `response completed with error` for an answer of 400 and above.
   */
  log(): string;
}

const START_TIMEOUT_MS = 15_000;

/** Starts the registry on 127.0.0.1. Throws when a program is missing or the registry does not come up. */
export async function startDockerRegistry(
  options: DockerRegistryOptions = {},
): Promise<DockerRegistry> {
  const program = findProgram("docker-registry");
  if (program === undefined) throw new Error("The program docker-registry is not installed");
  const folder = await createTempFolder();
  let child: ChildProcess | undefined;
  try {
    // A minimal environment: any REGISTRY_* variable of the caller would override the configuration.
    child = spawn(program, ["serve", await writeConfiguration(folder, options)], {
      env: {},
      stdio: ["ignore", "ignore", "pipe"],
    });
    let log = "";
    let isListening = false;
    const port = await new Promise<number>((resolve, reject) => {
      const fail = (reason: string) => {
        clearTimeout(timer);
        reject(new Error(`docker-registry ${reason}:\n${log}`));
      };
      const timer = setTimeout(() => fail("did not start in time"), START_TIMEOUT_MS);
      child?.once("error", (error) => fail(`cannot be run: ${error.message}`));
      child?.once("close", (code) => fail(`ended with ${code}`));
      child?.stderr?.setEncoding("utf8").on("data", (text: string) => {
        log += text;
        if (options.logFile !== undefined) appendFileSync(options.logFile, text);
        // A long log is not to be searched for each line that comes to it.
        if (isListening) return;
        // The socket listens before this line is written, so a request can follow at once.
        const found = /listening on 127\.0\.0\.1:(\d+)/.exec(log)?.[1];
        if (found === undefined) return;
        isListening = true;
        clearTimeout(timer);
        resolve(Number(found));
      });
    });
    const running = child;
    return {
      url: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
      host: `127.0.0.1:${port}`,
      port,
      pid: running.pid ?? 0,
      folder: folder.path,
      log: () => log,
      [Symbol.asyncDispose]: () => stop(running, folder),
    };
  } catch (error) {
    await stop(child, folder);
    throw error;
  }
}

async function writeConfiguration(
  folder: TempFolder,
  options: DockerRegistryOptions,
): Promise<string> {
  const { tls, clientCaPem, htpasswd, token } = options;
  const http: Record<string, unknown> = { addr: "127.0.0.1:0", secret: "test" };
  if (tls !== undefined) {
    http["tls"] = {
      certificate: await folder.write("tls.crt", tls.certPem),
      key: await folder.write("tls.key", tls.keyPem, 0o600),
      ...(clientCaPem && { clientcas: [await folder.write("clients.crt", clientCaPem)] }),
    };
  }
  const auth: Record<string, unknown> = {};
  if (htpasswd !== undefined) {
    const path = await folder.write("htpasswd", hashPasswords(htpasswd), 0o600);
    auth["htpasswd"] = { realm: "registry.test", path };
  }
  if (token !== undefined) {
    const { realm, service, issuer, certificatePem } = token;
    const rootcertbundle = await folder.write("token.crt", certificatePem);
    auth["token"] = { realm, service, issuer, rootcertbundle };
  }
  const configuration = {
    version: "0.1",
    log: { level: "info", fields: {} },
    storage: {
      filesystem: { rootdirectory: folder.join("data") },
      delete: { enabled: options.deleteEnabled ?? true },
    },
    http,
    ...(Object.keys(auth).length > 0 && { auth }),
  };
  // JSON is YAML, and needs no quoting rules of its own.
  return await folder.write("config.yml", JSON.stringify(configuration, undefined, 2), 0o600);
}

/** bcrypt lines, the only kind distribution accepts. Cost 4 keeps every request quick. */
function hashPasswords(users: Readonly<Record<string, string>>): string {
  const program = findProgram("htpasswd");
  if (program === undefined) throw new Error("The program htpasswd is not installed");
  return Object.entries(users).map(([user, password]) => {
    const { status, stdout, stderr } = spawnSync(program, ["-niB", "-C", "4", user], {
      input: password,
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`htpasswd failed: ${stderr}`);
    return `${stdout.trim()}\n`;
  }).join("");
}

async function stop(child: ChildProcess | undefined, folder: TempFolder): Promise<void> {
  if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    // Nothing it stores is worth an orderly end.
    child.kill("SIGKILL");
    await ended;
  }
  await folder[Symbol.asyncDispose]();
}
