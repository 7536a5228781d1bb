/**
 * Runs the static checks and every test suite, one after another, and sums up.
 *
 * `run.ts [--only unit|e2e|static] [--filter TEXT]`. The last line is always
 * `N passed, N failed, N skipped`; the exit code is 1 when something failed.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { findProgram } from "./support/find_program.ts";
import { readReport, type Report } from "./support/junit.ts";

const ROOT = resolve(import.meta.dirname ?? ".", "..");
const DENO = join(ROOT, "node_modules/.bin/deno");
const BUN = join(ROOT, "node_modules/.bin/bun");

/** A suite that takes longer hangs. */
const SUITE_TIMEOUT_MS = 20 * 60_000;

/** The real programs that tests talk to; one that is not there makes tests skip. */
const COMPONENTS = ["docker-registry", "skopeo", "htpasswd", "bash", "zsh", "fish"];

/** What `--only` takes. */
type Group = "static" | "unit" | "e2e";

/** The scripted registry and its like have tests of their own. */
const UNIT_FOLDERS = ["tests/unit", "tests/contract", "tests/support"];

/** One line of the summary: a static check, or tests under one runner. */
interface Suite {
  readonly name: string;
  readonly group: Group;
  /** The folders whose tests run; none for a static check, which counts as one test. */
  readonly folders: readonly string[];
  readonly runner: "deno" | "bun";
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const SUITES: readonly Suite[] = [
  { name: "format", group: "static", folders: [], runner: "deno", args: ["fmt", "--check"] },
  { name: "lint", group: "static", folders: [], runner: "deno", args: ["lint"] },
  { name: "types", group: "static", folders: [], runner: "deno", args: ["check", "."] },
  {
    name: "documentation",
    group: "static",
    folders: [],
    runner: "deno",
    args: ["doc", "--lint", "core/mod.ts"],
  },
  {
    name: "unit and contract, Deno",
    group: "unit",
    folders: UNIT_FOLDERS,
    runner: "deno",
  },
  {
    name: "unit and contract, Bun",
    group: "unit",
    folders: UNIT_FOLDERS,
    runner: "bun",
  },
  {
    name: "end to end, dist/regctl",
    group: "e2e",
    folders: ["tests/e2e"],
    runner: "deno",
    env: { REGCTL_TEST_TARGET: "binary" },
  },
  {
    name: "end to end, deno run cli.ts",
    group: "e2e",
    folders: ["tests/e2e"],
    runner: "deno",
    env: { REGCTL_TEST_TARGET: "deno" },
  },
];

/** What a suite came to. */
interface Outcome extends Report {
  readonly suite: string;
  readonly seconds: number;
}

/** The test files under a folder, sorted, as paths from the project's root. */
function findTestFiles(folder: string): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith("_test.ts"))
    .map((path) => `./${join(folder, path)}`)
    .sort();
}

/** Runs a program with its output on ours; undefined when it went well, else how it ended. */
function runProgram(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  return new Promise((done) => {
    const child = spawn(program, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ["ignore", "inherit", "inherit"],
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), SUITE_TIMEOUT_MS);
    child.on("error", (error) => {
      clearTimeout(timer);
      done(error.message);
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      done(code === 0 ? undefined : signal === null ? `exit code ${code}` : `ended by ${signal}`);
    });
  });
}

async function runSuite(suite: Suite, reportPath: string, filter: string | undefined) {
  const started = performance.now();
  const finish = (report: Report): Outcome => ({
    ...report,
    suite: suite.name,
    seconds: (performance.now() - started) / 1000,
  });
  const program = suite.runner === "deno" ? DENO : BUN;

  if (suite.folders.length === 0) {
    const problem = await runProgram(program, suite.args ?? [], {});
    return finish({
      passed: problem === undefined ? 1 : 0,
      failed: problem === undefined ? [] : [suite.name],
      skipped: [],
    });
  }

  const files = suite.folders.flatMap(findTestFiles);
  if (files.length === 0) return finish({ passed: 0, failed: [], skipped: [] });
  const args = suite.runner === "deno"
    // Types are a check of their own.
    ? ["test", "-A", "--no-check", `--junit-path=${reportPath}`]
    : ["test", "--reporter=junit", `--reporter-outfile=${reportPath}`];
  if (filter !== undefined && suite.runner === "deno") args.push(`--filter=${filter}`);
  if (filter !== undefined && suite.runner === "bun") args.push("-t", escapeRegExp(filter));
  const problem = await runProgram(program, [...args, ...files], suite.env ?? {});
  const report = readReport(reportPath);

  if (report === undefined) {
    return finish({ passed: 0, failed: [`no report: ${problem ?? "exit code 0"}`], skipped: [] });
  }
  // Bun reports what the filter leaves out as skipped, and fails when nothing is left.
  const skipped = filter === undefined
    ? report.skipped
    : report.skipped.filter((name) => name.includes(filter));
  const isNothingLeft = filter !== undefined && report.passed === 0 && skipped.length === 0;
  const failed = [...report.failed];
  // An error outside of a test, such as a file that cannot be loaded, fails no test by name.
  if (problem !== undefined && failed.length === 0 && !isNothingLeft) {
    failed.push(`outside of any test: ${problem}`);
  }
  return finish({ passed: report.passed, failed, skipped });
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** Prints the summary and returns how many things failed. */
function printSummary(outcomes: readonly Outcome[], missing: readonly string[]): number {
  const isCi = process.env["CI"] === "true";
  const lines = [""];
  for (const { suite, passed, failed, skipped, seconds } of outcomes) {
    const counts = passed + failed.length + skipped.length === 0
      ? "no tests"
      : `${passed} passed, ${failed.length} failed, ${skipped.length} skipped`;
    lines.push(`${suite.padEnd(28)} ${seconds.toFixed(1).padStart(6)} s  ${counts}`);
  }
  const failed = outcomes.flatMap((one) => one.failed.map((name) => `${one.suite}: ${name}`));
  const skipped = outcomes.flatMap((one) => one.skipped.map((name) => `${one.suite}: ${name}`));
  if (isCi) failed.push(...missing.map((name) => `missing component: ${name}`));
  if (failed.length > 0) lines.push("", "failed:", ...failed.map((name) => `  ${name}`));
  if (skipped.length > 0) lines.push("", "skipped:", ...skipped.map((name) => `  ${name}`));
  lines.push("");
  if (missing.length > 0) lines.push(`not installed here: ${missing.join(", ")}`);
  const passed = outcomes.reduce((sum, one) => sum + one.passed, 0);
  lines.push(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
  console.log(lines.join("\n"));
  return failed.length;
}

/** The options, or the end of the program with a usage error. */
function readOptions(): { only: string | undefined; filter: string | undefined } {
  const usage = "usage: tests/run.ts [--only unit|e2e|static] [--filter TEXT]";
  try {
    const { values } = parseArgs({
      args: process.argv.slice(2),
      options: { only: { type: "string" }, filter: { type: "string" } },
    });
    const groups = new Set<string>(SUITES.map((suite) => suite.group));
    if (values.only === undefined || groups.has(values.only)) {
      return { only: values.only, filter: values.filter };
    }
    console.error(usage);
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}\n${usage}`);
  }
  process.exit(2);
}

const { only, filter } = readOptions();
const reports = mkdtempSync(join(tmpdir(), "regctl-tests-"));
const outcomes: Outcome[] = [];
try {
  for (const [index, suite] of SUITES.entries()) {
    if (only !== undefined && suite.group !== only) continue;
    // A filter names tests, and a static check has none.
    if (filter !== undefined && suite.group === "static" && only === undefined) continue;
    console.log(`\n== ${suite.name}`);
    outcomes.push(await runSuite(suite, join(reports, `${index}.xml`), filter));
  }
} finally {
  rmSync(reports, { recursive: true, force: true });
}
const failures = printSummary(
  outcomes,
  COMPONENTS.filter((name) => findProgram(name) === undefined),
);
process.exitCode = failures === 0 ? 0 : 1;
