/**
 * `conformance.ts PROGRAM`: runs the conformance suite of the OCI distribution spec, a Go program,
 * against `PROGRAM serve` with all its tests but those of sparse manifests, and prints its counts. The
 * full reports go to dist/conformance.
 */
import { execFile, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { startRegistry } from "./start_registry.ts";

/** The suite of August 2026, which has no numbered version. */
const SUITE =
  "github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111";
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

const [program = "dist/regctl"] = process.argv.slice(2);

function assertGo(): void {
  const { stdout } = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8" });
  const [found, major, minor] = /^go(\d+)\.(\d+)\S*/.exec(stdout ?? "") ?? [];
  if (found === undefined) throw new Error("Go 1.24 or newer is needed, and none is on PATH");
  if (Number(major) * 1000 + Number(minor) < 1024) {
    throw new Error(`Go 1.24 or newer is needed, and this is ${found}`);
  }
}

/** Everything the suite printed; it ends with an error where a test failed. */
async function runSuite(host: string, results: string): Promise<string> {
  const running = promisify(execFile)("go", ["run", SUITE], {
    maxBuffer: MAX_OUTPUT_BYTES,
    env: {
      ...process.env,
      OCI_REGISTRY: host,
      OCI_TLS: "disabled",
      // The newest rules, with those that the stable version leaves out.
      OCI_VERSION: "dev",
      OCI_LOG: "error",
      OCI_RESULTS_DIR: results,
    },
  });
  const { stdout } = await running.catch((error: Error & { stdout: string }) => {
    if (error.stdout === "") throw error;
    return error;
  });
  return stdout;
}

try {
  assertGo();
  const results = resolve("dist/conformance");
  mkdirSync(results, { recursive: true });
  await using registry = await startRegistry(program);
  const output = await runSuite(registry.host, results);
  const counts = [...output.matchAll(/^ {2}(\w+)\.{3,}: +(\d+)$/gm)];
  if (counts.length === 0) throw new Error("The suite printed no counts");
  console.log(counts.map(([, name, count]) => `${name}: ${count}`).join(", "));
  const isBad = counts.some(([, name, count]) => /fail|error/i.test(name ?? "") && count !== "0");
  process.exitCode = isBad ? 1 : 0;
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
