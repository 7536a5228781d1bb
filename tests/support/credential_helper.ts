import { Buffer } from "node:buffer";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
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
  /**
   * Really stores, gets, erases and lists, until the folder goes away; the answer is then for any
   * other action. Texts with quotes in them cannot be listed. Default: false.
   */
  readonly keeps?: boolean;
  /** Fails at these actions as the exit code and the answer say, whatever else it does. Default: none. */
  readonly failsAt?: readonly string[];
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
  await mkdir(`${path}.kept`, { recursive: true });
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
    // A variable drops the ends of lines behind the last word, so there is one more character.
    "input=$(cat; printf x)",
    "input=${input%x}",
    'line="$line $(printf %s "$input" | hex)"',
    `printf '%s\\n' "$line" >> ${file}.calls`,
    ...(options.hang ? ["exec sleep 60"] : []),
    ...(options.floodBytes ? [`head -c ${options.floodBytes} /dev/zero | tr '\\0' x`] : []),
    ...(options.keeps ? formatKeeper(file, options.failsAt ?? []) : []),
    `cat ${file}.stdout`,
    `cat ${file}.stderr >&2`,
    `exit ${options.exitCode ?? 0}`,
    "",
  ].join("\n");
}

/** One file for each server URL, which holds what `store` was sent and `get` gives back. */
function formatKeeper(file: string, failsAt: readonly string[]): string[] {
  const field = (name: string) => `sed 's/.*"${name}":"\\([^"]*\\)".*/\\1/'`;
  const missing = "{ echo 'credentials not found in native keychain'; exit 1; }";
  const actions = {
    store: `printf %s "$input" > ${file}.kept/$(printf %s "$input" | ${
      field("ServerURL")
    } | hex); exit 0`,
    get: `cat "$kept" 2>/dev/null || ${missing}; exit 0`,
    erase: `rm "$kept" 2>/dev/null || ${missing}; exit 0`,
    list: `printf '{'; separator=; for it in ${file}.kept/*; do [ -f "$it" ] || continue; ` +
      `printf '%s"%s":"%s"' "$separator" "$(${field("ServerURL")} "$it")" ` +
      `"$(${field("Username")} "$it")"; separator=,; done; printf '}'; exit 0`,
  };
  return [
    `kept=${file}.kept/$(printf %s "$input" | hex)`,
    'case "$1" in',
    ...Object.entries(actions).filter(([action]) => !failsAt.includes(action))
      .map(([action, commands]) => `${action}) ${commands} ;;`),
    "esac",
  ];
}

function parseCalls(record: string): CredentialHelperCall[] {
  const decode = (hex: string) => Buffer.from(hex, "hex").toString("utf8");
  return record.split("\n").filter((line) => line !== "").map((line) => {
    const [args = "", stdin = ""] = line.split(" ");
    return { args: args.split(",").slice(0, -1).map(decode), stdin: decode(stdin) };
  });
}
