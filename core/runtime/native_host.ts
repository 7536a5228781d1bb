import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { RegctlError } from "../errors.ts";
import type { Host, HostPlatform } from "../host.ts";
import { createOutput } from "./output.ts";
import { SYSTEM_CLOCK } from "./system_clock.ts";

/** The machine the program runs on. Modules that cost time are loaded when they are used. */
export function createNativeHost(): Host {
  return {
    args: process.argv.slice(2),
    homeDirectory: process.env["HOME"] || homedir(),
    get platforms() {
      return hostPlatforms();
    },
    userId: process.getuid?.(),
    clock: SYSTEM_CLOCK,
    stdout: createOutput("stdout"),
    stderr: createOutput("stderr"),
    get stdinIsTerminal() {
      return process.stdin.isTTY === true;
    },
    env: (name) => process.env[name] || undefined,
    readStdin,
    spoolStdin: async (options) => (await import("./input.ts")).spool(process.stdin, options),
    createFile: async (path) => (await import("./new_file.ts")).createNewFile(path),
    openLog: async (path) => (await import("./append_log.ts")).openAppendLog(path),
    openBlob: async (path) => (await import("./input.ts")).openFile(path),
    ask: async (question) => (await import("./ask.ts")).ask(question),
    askPassword: async (question) => (await import("./ask.ts")).askPassword(question),
    readFile: async (...words) => (await import("./files.ts")).readInput(...words),
    updateFile: async (...words) =>
      (await import("./update_file.ts")).updateFile(SYSTEM_CLOCK, ...words),
    openCache: async (...words) => (await import("./cache_folder.ts")).openCacheFolder(...words),
    listDirectory: async (path) => (await import("./files.ts")).listNames(path),
    run: async (...words) => (await import("./run_program.ts")).runProgram(...words),
    onStop,
  };
}

/** Ends the process at once. What was written is not lost: a write resolves when it is handed over. */
export function exitProcess(exitCode: number): never {
  process.exit(exitCode);
}

// Where Go's words are not Node's.
const OS_NAMES: Readonly<Record<string, string>> = { win32: "windows", sunos: "solaris" };
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

function hostPlatforms(): readonly HostPlatform[] {
  const { platform, arch } = process;
  const os = OS_NAMES[platform] ?? platform;
  // Node has one name for both byte orders, and Node itself runs on the little one alone.
  const architecture = arch === "ppc64" ? "ppc64le" : ARCHITECTURES[arch] ?? arch;
  const own = { os, architecture };
  // Elsewhere, containers run in a virtual machine.
  return os === "linux" ? [own] : [own, { os: "linux", architecture }];
}

async function readStdin(maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Uint8Array);
    length += (chunk as Uint8Array).byteLength;
    if (length > maxBytes) {
      throw new RegctlError("USAGE", `Standard input is larger than ${maxBytes} bytes`);
    }
  }
  return Buffer.concat(chunks).toString("utf8");
}

// A shell passes on what the system has sent already, and `timeout` sends twice.
const SAME_WISH_MS = 1000;

/** A terminal that is closed asks as a system that goes down does: there is still time to tidy up. */
function onStop(listener: (signal: "SIGINT" | "SIGTERM") => void): void {
  let stoppedAt: number | undefined;
  const names = ["SIGINT", "SIGTERM", ...(ignoresHangUp() ? [] : ["SIGHUP"] as const)] as const;
  for (const name of names) {
    process.on(name, () => {
      const signal = name === "SIGINT" ? "SIGINT" : "SIGTERM";
      if (stoppedAt === undefined) {
        stoppedAt = performance.now();
        return listener(signal);
      }
      // Who asks twice does not want to wait for a tidy end.
      if (name === "SIGINT") process.exit(130);
      if (performance.now() - stoppedAt > SAME_WISH_MS) process.exit(143);
    });
  }
}

/** True under nohup, which a listener would undo; also where nothing tells. */
function ignoresHangUp(): boolean {
  try {
    const [, mask = "1"] = /^SigIgn:\s*[0-9a-f]*([0-9a-f])$/m.exec(
      readFileSync("/proc/self/status", "utf8"),
    ) ?? [];
    return (parseInt(mask, 16) & 1) === 1;
  } catch {
    return true;
  }
}
