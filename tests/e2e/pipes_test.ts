import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { programCommand, runCommand, runProgram, startProgram } from "../support/program.ts";
import { startScriptedRegistry, type Step } from "../support/scripted_registry.ts";

const PATH = "/v2/app/tags/list";

/** One page with all these tags. */
function listing(tags: readonly string[]): readonly Step[] {
  return [{ method: "GET", path: PATH, reply: { status: 200, body: { name: "app", tags } } }];
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `1.0.0-build.${String(i).padStart(6, "0")}`);
}

/** Pages of 1000 tags, 100,000 in all. */
function manyPages(): readonly Step[] {
  const tags = numbered(100_000);
  return [{
    method: "GET",
    path: /^\/v2\/app\/tags\/list/,
    times: Infinity,
    replyWith: ({ path }) => {
      const start = Number(new URL(path, "http://x").searchParams.get("last") ?? 0);
      const end = start + 1000;
      return {
        status: 200,
        headers: end < tags.length ? { link: `<${PATH}?last=${end}>; rel="next"` } : {},
        body: { tags: tags.slice(start, end) },
      };
    },
  }];
}

test("66: a reader that has enough ends the program quietly", async () => {
  for (const words of [[], ["--sort", "none"], ["-o", "ndjson", "--sort", "none"]]) {
    await using registry = await startScriptedRegistry(manyPages());
    const run = await runProgram(["tags", `${registry.host}/app`, ...words], {
      pipeTo: "head -n 1",
    });
    assert.match(run.stdout, /^.*1\.0\.0-build\.000000.*\n$/);
    assert.equal(run.stderr, "");
    assert.equal(run.exitCode, 0);
  }
});

test("66: with --sort none a reader that has enough spares the registry the rest", async () => {
  await using registry = await startScriptedRegistry(manyPages());
  const words = ["tags", `${registry.host}/app`, "--sort", "none"];
  const run = await runProgram(words, { pipeTo: "head -n 1" });
  assert.equal(run.exitCode, 0);
  assert.ok(registry.requests.length < 50, `${registry.requests.length} of 100 pages`);
});

test("66: a reader that reads nothing at all ends the program quietly", async () => {
  await using registry = await startScriptedRegistry(manyPages());
  const run = await runProgram(["tags", `${registry.host}/app`], { pipeTo: "exec <&-; true" });
  assert.deepEqual([run.exitCode, run.stdout, run.stderr], [0, "", ""]);
});

/** Runs the program with a redirection of the shell behind it. */
function runRedirected(redirection: string, words: readonly string[]) {
  const script = `exec "$@" ${redirection}`;
  return runCommand(["/bin/sh", "-c", script, "sh", ...programCommand(), ...words]);
}

test("66: a standard output that is closed from the start is no error", async () => {
  for (const words of [["--version"], ["parse", "a"], ["--help"]]) {
    const run = await runRedirected(">&-", words);
    assert.deepEqual([run.exitCode, run.stdout, run.stderr], [0, "", ""]);
  }
  const wrong = await runRedirected(">&-", ["parse", "A"]);
  assert.equal(wrong.exitCode, 2);
  assert.match(wrong.stderr, /^error: Invalid reference "A": /);
});

test("66: a standard output that is full is an error", async () => {
  for (const words of [["--version"], ["parse", "a"]]) {
    const run = await runRedirected(">/dev/full", words);
    assert.equal(run.exitCode, 1);
    assert.match(run.stderr, /^error: Cannot write to stdout: .*\n$/);
  }
});

test("66: over 1 MB arrives whole at a slow reader, in every format", async () => {
  const tags = numbered(60_000);
  for (const output of ["text", "json", "ndjson"]) {
    await using registry = await startScriptedRegistry(listing(tags));
    const words = ["tags", `${registry.host}/app`, "-o", output];
    // A reader of 16 bytes at a time is slower than any writer.
    const run = await runProgram(words, { pipeTo: "dd bs=16 2>/dev/null" });
    assert.equal(run.stderr, "");
    assert.equal(run.exitCode, 0);
    assert.ok(run.stdout.length > 1_000_000);
    const lines = run.stdout.trimEnd().split("\n");
    const names = output === "text"
      ? lines
      : output === "json"
      ? JSON.parse(run.stdout).tags
      : lines.map((line) => JSON.parse(line).tag);
    assert.deepEqual(names, tags);
  }
});

test("26: 100,000 tags on 100 pages are printed in order", async () => {
  await using registry = await startScriptedRegistry(manyPages());
  const run = await runProgram(["tags", `${registry.host}/app`, "--reverse"]);
  assert.equal(run.exitCode, 0);
  assert.equal(run.stdout, `${numbered(100_000).reverse().join("\n")}\n`);
  assert.equal(registry.requests.length, 100);
});

/** A signal, and the exit code and the word it ends with. */
const SIGNALS = [["SIGINT", 130, "Interrupted"], ["SIGTERM", 143, "Terminated"]] as const;

for (const [signal, exitCode, word] of SIGNALS) {
  test(`67: ${signal} in a request that hangs ends with ${exitCode} and one line`, async () => {
    const { promise: arrived, resolve } = Promise.withResolvers<void>();
    await using registry = await startScriptedRegistry([{
      method: "GET",
      path: PATH,
      replyWith: () => {
        resolve();
        return { status: 200 };
      },
      fault: "hang",
    }]);
    await using program = await startProgram(["tags", `${registry.host}/app`]);
    program.stdout.resume();
    await arrived;
    // Deno reports the signal as the end of a child that it sent one to, whatever came of it.
    process.kill(program.pid, signal);
    assert.deepEqual(await program.wait(), { exitCode, signal: null });
    assert.equal(program.stderr(), `error: ${word}\n`);
  });
}

test("65: the version is printed alone, and nothing else", async () => {
  const run = await runProgram(["--version"]);
  assert.match(run.stdout, /^\d+\.\d+\.\d+\n$/);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
});

test("65: nothing of a terminal is sent into pipes", async () => {
  await using registry = await startScriptedRegistry([{
    method: "GET",
    path: PATH,
    reply: { status: 404 },
  }]);
  const env = { TERM: "xterm-256color", FORCE_COLOR: "1", CLICOLOR_FORCE: "1" };
  const run = await runProgram(["tags", `${registry.host}/app`], { env });
  assert.equal(run.exitCode, 3);
  assert.equal(run.stdout, "");
  assert.match(run.stderr, /^error: .*\nhint: .*\n$/);
  assert.ok(!run.stderr.includes("\x1b"));
});

test("6: a hostile name of 50,000 characters is refused at once", async () => {
  await runProgram(["--version"]);
  for (const name of ["a-".repeat(25_000), "A".repeat(50_000), `a:${".".repeat(50_000)}`]) {
    const startedAt = performance.now();
    const run = await runProgram(["tags", name]);
    assert.equal(run.exitCode, 2);
    assert.equal(run.stdout, "");
    assert.ok(run.stderr.length < 500);
    assert.ok(performance.now() - startedAt < 5_000);
  }
});
