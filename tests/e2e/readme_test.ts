import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runCommand, runProgram } from "../support/program.ts";
import { startServe } from "../support/serve_program.ts";
import { createTempFolder } from "../support/temp_folder.ts";

const ROOT = new URL("../../", import.meta.url);
/** The registry of the README's transcripts: `regctl serve --demo`. */
const HOST = "localhost:5000";

interface Example {
  readonly command: string;
  readonly output: string;
}

const BLOCKS = [
  ...readFileSync(new URL("README.md", ROOT), "utf8").matchAll(
    /^```console\n(.*?)^```$/gms,
  ),
].map(([, block = ""]) => block);

const [DEMO = "", ...OTHERS] = BLOCKS;

/** The commands of a block, each with the lines behind it. */
function readExamples(block: string): Example[] {
  return block.split(/^\$ /m).slice(1).map((example) => {
    const [command = "", ...lines] = example.split("\n");
    return { command, output: lines.join("\n") };
  });
}

/** Splits words as a shell would; the README needs single quotes and no more. */
function splitWords(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) =>
    quoted ?? plain ?? ""
  );
}

/** What differs from run to run. */
function generalize(text: string): string {
  return text.replace(/^(time: +)\d+ ms$/m, "$1N ms")
    .replace(/\b127\.0\.0\.1:\d+/g, "HOST")
    // The demo's images are as old as its day says.
    .replace(/\bsha256:[0-9a-f]{64}\b/g, "DIGEST")
    .replace(/\bsha256:[0-9a-f]{12}\b/g, "DIGEST")
    .replace(/\b\d{4}-\d\d-\d\d(?:T00:00:00\.000Z)?/g, "DATE");
}

test("README: there are transcripts", () => assert.ok(OTHERS.length > 8));

test("README: make demo", async () => {
  const { command, output } = readExamples(DEMO)[0] ?? { command: "", output: "" };
  assert.equal(command, "make demo");
  const path = (name: string) => fileURLToPath(new URL(name, ROOT));
  const words = [path("node_modules/.bin/deno"), "run", "-A", path("tools/demo.ts")];
  const run = await runCommand([...words, "dist/regctl"], { cwd: path(".") });
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  const transcript = DEMO.slice(DEMO.indexOf("\n") + 1);
  assert.ok(transcript.startsWith(output));
  assert.equal(generalize(run.stdout), generalize(transcript));
});

for (const examples of OTHERS.map(readExamples)) {
  test(`README: ${examples.map(({ command }) => command).join("; ")}`, async () => {
    await using serving = await startServe(["--demo", "-q"]);
    await using state = await createTempFolder();
    const { port } = new URL(serving.url);
    for (const { command, output } of examples) {
      const [program, ...args] = splitWords(command.replaceAll(HOST, `localhost:${port}`));
      assert.equal(program, "regctl");
      // What one command of a block deletes, the next one puts back.
      const run = await runProgram(args, { env: { XDG_STATE_HOME: state.path } });
      const printed = `${run.stdout}${run.stderr}`.replaceAll(`localhost:${port}`, HOST);
      assert.equal(generalize(printed), generalize(output));
    }
  });
}
