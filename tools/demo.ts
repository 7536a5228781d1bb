/**
 * `demo.ts PROGRAM`: serves the program's demo registry on a free port, runs commands against it,
 * each shown with what it prints, and stops it.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { startRegistry } from "./start_registry.ts";

const [program = "dist/regctl"] = process.argv.slice(2);

/** Words of each command; HOST stands for the registry. */
const COMMANDS: readonly (readonly string[])[] = [
  ["ping", "HOST"],
  ["catalog", "HOST"],
  ["tags", "HOST/library/busybox", "--sort", "version", "--reverse", "--limit", "4"],
  ["tags", "HOST/library/busybox", "--semver", "^1.13", "-o", "json"],
  ["tags", "HOST/team/app", "--match", "pr-*", "-o", "table"],
  ["tags", "HOST/team/app", "--long", "--sort", "created", "--limit", "4"],
  ["which", "HOST/library/busybox:latest"],
  ["manifest", "HOST/team/app:2.1.0", "-o", "table"],
  ["digest", "HOST/team/app:2.1.0", "--platform", "linux/arm64"],
  ["parse", "HOST/team/app:2.1.0"],
  ["delete", "HOST/team/app:pr-101", "--yes"],
  ["undo", "--yes"],
  ["prune", "HOST/library/busybox", "--keep", "3", "--match", "1.*"],
];

const state = mkdtempSync(join(tmpdir(), "regctl-demo-"));

/** Runs a command of the program, shown as one would type it. */
function run(words: readonly string[]): void {
  console.log(`\n$ regctl ${words.map(quote).join(" ")}`);
  const { status, stdout, stderr } = spawnSync(program, words, {
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    // The journal of what is deleted is to go with the demo, and what is kept of what was read.
    env: { ...process.env, XDG_STATE_HOME: state, XDG_CACHE_HOME: state },
  });
  // Its notes belong to what it prints.
  process.stdout.write(stdout + stderr);
  if (status !== 0) throw new Error(`The command ended with ${status}`);
}

function quote(word: string): string {
  return /^[\w./:=-]+$/.test(word) ? word : `'${word}'`;
}

try {
  await using registry = await startRegistry(program, ["--demo"]);
  console.log(`A registry with a few images runs at ${registry.url} for as long as this takes.`);
  for (const words of COMMANDS) run(words.map((word) => word.replace("HOST", registry.host)));
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  rmSync(state, { recursive: true, force: true });
}
if (process.exitCode) process.exit();
console.log(`\nIt is stopped. Start one to try things out on: ${program} serve --demo`);
