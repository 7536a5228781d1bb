/**
 * `build_deno.ts OUTPUT`: compiles cli.ts into a standalone program with `deno compile`.
 *
 * The program is first bundled into one file, or `deno compile` would embed all of node_modules.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { stripVTControlCharacters } from "node:util";

/** Deno fetches some 40 MB before it compiles; a slow line needs minutes, a dead one must not hang. */
const RUN_TIMEOUT_MS = 180_000;

function fail(message: string): never {
  console.error(`error: ${message}`);
  process.exit(1);
}

/** Runs a program to its end; what it printed comes back as one text. */
function run(program: string, args: readonly string[], cwd: string): { ok: boolean; text: string } {
  const result = spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    timeout: RUN_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const text = stripVTControlCharacters(`${result.stdout ?? ""}${result.stderr ?? ""}`).trim();
  return {
    ok: result.status === 0,
    text: result.error === undefined ? text : `${text}\n${result.error.message}`,
  };
}

const root = resolve(import.meta.dirname ?? ".", "..");
const output = resolve(process.argv[2] ?? join(root, "dist/regctl-deno"));
// Outside of the project, where Deno finds neither its configuration nor node_modules.
const work = mkdtempSync(join(tmpdir(), "regctl-build-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));

const bundle = run(join(root, "node_modules/.bin/bun"), [
  "build",
  "cli.ts",
  "--target=node",
  "--minify-syntax",
  "--minify-whitespace",
  `--outfile=${join(work, "regctl.js")}`,
], root);
if (!bundle.ok) fail(`Cannot bundle cli.ts\n${bundle.text}`);

const program = join(work, "regctl-deno");
const compile = run(join(root, "node_modules/.bin/deno"), [
  "compile",
  "-A",
  "--no-check",
  "--no-config",
  "--app-name=regctl",
  `--output=${program}`,
  "regctl.js",
], work);
if (!compile.ok) {
  // Deno names the address before it asks, so that it is there after a time-out too.
  const address = /https:\/\/\S*\/denort[^\s)]*/.exec(compile.text)?.[0];
  fail(
    address === undefined
      ? `Cannot compile ${output}\n${compile.text}`
      : `Cannot compile with Deno: its base binary cannot be downloaded from ${address}`,
  );
}
mkdirSync(dirname(output), { recursive: true });
copyFileSync(program, output);
