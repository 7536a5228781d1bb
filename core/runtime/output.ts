import { RegctlError } from "../errors.ts";
import { ClosedPipe, type Output } from "../host.ts";

/** As much of Bun's global as is used here. */
interface BunGlobal {
  readonly stdout: BunFile;
  readonly stderr: BunFile;
}
interface BunFile {
  writer(): { write(data: string | Uint8Array): unknown; flush(): unknown };
}

/**
 * A standard stream to write to. What costs time to find out is found out when it is asked for:
 * setting up `process.stdout` takes a Bun program longer than all the rest of its start.
 */
export function createOutput(name: "stdout" | "stderr"): Output {
  const { Bun: bun } = globalThis as { Bun?: BunGlobal };
  const send = bun ? createBunWriter(bun[name]) : createNodeWriter(name);
  return {
    get isTerminal() {
      return process[name].isTTY === true;
    },
    get columns() {
      return process[name].columns || 80;
    },
    write: async (data) => {
      try {
        await send(data);
      } catch (error) {
        const { code, message } = error as { code?: string; message: string };
        if (code === "EPIPE") throw new ClosedPipe();
        throw new RegctlError("OUTPUT", `Cannot write to ${name}: ${message}`, { cause: error });
      }
    },
  };
}

function createBunWriter(file: BunFile): (data: string | Uint8Array) => Promise<void> {
  const writer = file.writer();
  return async (data) => {
    await writer.write(data);
    await writer.flush();
  };
}

function createNodeWriter(name: "stdout" | "stderr"): (data: string | Uint8Array) => Promise<void> {
  const stream = process[name];
  // A write's own callback tells of the error; without a listener the event ends the program.
  stream.on("error", () => {});
  return (data) =>
    new Promise((resolve, reject) => {
      stream.write(data, (error) => error ? reject(error) : resolve());
    });
}
