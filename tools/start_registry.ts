import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline/promises";

/** `PROGRAM serve`, running; disposing ends it. */
export interface ServedRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:40123` */
  readonly url: string;
  /** `127.0.0.1:40123` */
  readonly host: string;
  readonly pid: number;
}

/** Starts `PROGRAM serve` on a free port; throws when it does not come up. */
export async function startRegistry(
  program: string,
  words: readonly string[] = [],
): Promise<ServedRegistry> {
  const all = ["serve", "--listen", "127.0.0.1:0", "--quiet", ...words];
  const child = spawn(program, all, { stdio: ["ignore", "pipe", "inherit"] });
  const kill = () => void child.kill();
  process.on("exit", kill);
  for await (const url of createInterface({ input: child.stdout })) {
    return {
      url,
      host: new URL(url).host,
      pid: child.pid ?? 0,
      async [Symbol.asyncDispose]() {
        await end(child);
        process.off("exit", kill);
      },
    };
  }
  throw new Error("The registry did not start; its own message is above");
}

async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  if (child.kill()) await ended;
}
