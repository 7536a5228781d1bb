import { Buffer } from "node:buffer";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Options of {@linkcode writeCredentialHelper}: what the fake does at each call. */
export interface CredentialHelperOptions {
  /** Printed to stdout: a string as it is, an object as JSON. Default: nothing. */
  readonly answer?: string | object;
  /** Exit code; helpers print their error message to stdout and exit 1. Default: 0. */
  readonly exitCode?: number;
  /** Printed to stderr. Default: nothing. */
  readonly stderr?: string;
  /** Prints this many bytes of `x` before the answer. Default: 0. */
  readonly floodBytes?: number;
  /** Reads its input and then waits for a minute. Default: false. */
  readonly hang?: boolean;
}

/** One call of the fake. */
export interface CredentialHelperCall {
  readonly args: readonly string[];
  readonly stdin: string;
}

/** A fake helper on disk; it goes away with its folder. */
export interface CredentialHelper {
  readonly path: string;
  /** The calls so far, oldest first. */
  calls(): Promise<CredentialHelperCall[]>;
}

/** Writes `docker-credential-<name>`, a POSIX shell script, into a folder the test puts on PATH. */
export async function writeCredentialHelper(
  folder: string,
  name: string,
  options: CredentialHelperOptions = {},
): Promise<CredentialHelper> {
  const path = join(folder, `docker-credential-${name}`);
  const { answer = "" } = options;
  await writeFile(`${path}.stdout`, typeof answer === "string" ? answer : JSON.stringify(answer));
  await writeFile(`${path}.stderr`, options.stderr ?? "");
  await writeFile(`${path}.calls`, "");
  await writeFile(path, formatScript(path, options));
  await chmod(path, 0o755);
  return { path, calls: async () => parseCalls(await readFile(`${path}.calls`, "utf8")) };
}

/** Hexadecimal keeps any byte of arguments and input apart from the separators of the record. */
function formatScript(path: string, options: CredentialHelperOptions): string {
  const file = `'${path.replaceAll("'", `'\\''`)}'`;
  return [
    "#!/bin/sh",
    "PATH=/usr/bin:/bin",
    "hex() { od -An -v -tx1 | tr -d ' \\n'; }",
    'line=$(for arg in "$@"; do printf %s "$arg" | hex; printf ,; done)',
    'line="$line $(hex)"',
    `printf '%s\\n' "$line" >> ${file}.calls`,
    ...(options.hang ? ["exec sleep 60"] : []),
    ...(options.floodBytes ? [`head -c ${options.floodBytes} /dev/zero | tr '\\0' x`] : []),
    `cat ${file}.stdout`,
    `cat ${file}.stderr >&2`,
    `exit ${options.exitCode ?? 0}`,
    "",
  ].join("\n");
}

function parseCalls(record: string): CredentialHelperCall[] {
  const decode = (hex: string) => Buffer.from(hex, "hex").toString("utf8");
  return record.split("\n").filter((line) => line !== "").map((line) => {
    const [args = "", stdin = ""] = line.split(" ");
    return { args: args.split(",").slice(0, -1).map(decode), stdin: decode(stdin) };
  });
}
