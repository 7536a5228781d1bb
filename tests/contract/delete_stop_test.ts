import assert from "node:assert/strict";
import { test } from "node:test";
import { type Deleting, type Lab, problem, startLab, visible } from "./deletion_lab.ts";
import { image } from "./oci_content.ts";
import { assertRun } from "./run_against.ts";

const A = image({ annotations: { name: "a" } });
const B = image({ annotations: { name: "b" } });
const ALL = { 1: "@A", 2: "@A", 3: "@B" };
const DELETE_1 = ["delete", "HOST/app:1", "--yes"];
const NOTE =
  "note: The registry cannot delete a tag alone: it was done by way of a copy of the manifest; " +
  "the image and its other tags are as they were\n";

/** A registry where `1` and `2` are one image, and `3` is another. */
async function start(deleting: Deleting = "digests"): Promise<Lab> {
  const lab = await startLab({ tags: { 1: A, 2: A, 3: B }, deleting });
  lab.name({ A, B });
  return lab;
}

test("45: what has begun is finished after a stop, and nothing else begins", async () => {
  const ends = [["SIGINT", 130, "Interrupted"], ["SIGTERM", 143, "Terminated"]] as const;
  for (const [stopWhileWaiting, exitCode, word] of ends) {
    for (const step of ["DELETE @random", "PUT 1", "DELETE @copy", "HEAD 1"]) {
      await using lab = await start();
      const [method = "", name = ""] = step.split(" ");
      // The first HEAD comes before anything has begun.
      const trouble = () => lab.on(method, name, { reply: { status: 503 } });
      if (method === "HEAD") lab.on("DELETE", "@copy", { act: trouble });
      else trouble();
      const words = ["delete", "HOST/app:1", "HOST/app:2", "HOST/app:3", "--yes"];
      const run = await lab.run(words, { stopWhileWaiting });
      assertRun(run, {
        exitCode,
        stdout: `deleted  HOST/app:1  ${A.digest}\n`,
        stderr: `${NOTE}error: ${word}: 2 of 3 not deleted\n` +
          "hint: Run it again with --ignore-missing to finish it\n",
      });
      assert.deepEqual(lab.state(), { 2: "@A", 3: "@B" }, step);
    }
  }
});

test("45: on a terminal a stop says what it waits for, and json still tells what was skipped", async () => {
  await using lab = await start("tags");
  lab.on("DELETE", "1", { reply: { status: 503 } });
  const words = [...DELETE_1, "HOST/app:3", "--concurrency", "1"];
  const run = await lab.run(words, {
    ...{ stopWhileWaiting: "SIGINT", isTerminal: true, env: { NO_COLOR: "1" } },
  });
  assert.deepEqual([run.exitCode, run.stdout], [
    130,
    `deleted  HOST/app:1  ${A.digest.slice(0, 19)}\n`,
  ]);
  assert.match(
    visible(run.stderr),
    /^note: Finishing what has begun; Ctrl-C again ends it at once\nnote: To put it back: [^\n]+\nerror: Interrupted: 1 of 2 not deleted\n/,
  );

  for (const format of ["json", "ndjson"]) {
    lab.push("1", A);
    lab.on("DELETE", "1", { reply: { status: 503 } });
    const { stdout, stderr } = await lab.run([...words, "-o", format], {
      stopWhileWaiting: "SIGINT",
    });
    const results = format === "json"
      ? JSON.parse(stdout).results
      : stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(
      results.map(({ tag, outcome }: Record<string, string>) => [tag, outcome]),
      [["1", "deleted"], ["3", "skipped"]],
    );
    assert.doesNotMatch(stderr, /Finishing/);
  }
});

test("45: what cannot be finished after a stop is put back", async () => {
  await using lab = await start();
  lab.on("DELETE", "@copy", {
    reply: { status: 503 },
    act: () => lab.on("DELETE", "@copy", { reply: problem(403, "DENIED") }),
  });
  const run = await lab.run(DELETE_1, { stopWhileWaiting: "SIGINT" });
  assert.deepEqual([run.exitCode, run.stdout], [130, "failed   HOST/app:1\n"]);
  const puts = run.requests.filter(({ method }) => method === "PUT");
  assert.deepEqual([puts.length, puts[1]?.body], [2, A.bytes.toString()]);
  assert.deepEqual(lab.state(), ALL);
});

test("45: what can be neither finished nor put back after a stop is said", async () => {
  await using lab = await start();
  const denied = { reply: problem(403, "DENIED") };
  lab.on("DELETE", "@copy", {
    reply: { status: 503 },
    act: () => lab.on("DELETE", "@copy", { ...denied, act: () => lab.on("PUT", "1", denied) }),
  });
  const run = await lab.run([...DELETE_1, "HOST/app:3"], { stopWhileWaiting: "SIGINT" });
  assertRun(run, {
    exitCode: 130,
    stdout: "failed   HOST/app:1\n",
    stderr:
      'Cannot delete "HOST/app:1": HOST answered 403 DENIED (2 tries); the tag may be left at a copy of ' +
      `its manifest, ${lab.tags.get("1")?.digest}\n` +
      "error: Interrupted: 2 of 2 not deleted\nhint: Put it back with regctl undo\n",
  });
});

test("45: --timeout in the middle does the same, with 5", async () => {
  await using lab = await start();
  // Long enough for the time to be over when the answer comes.
  const wait = () => new Promise<void>((resolve) => setTimeout(resolve, 1500));
  lab.on("PUT", "1", { act: wait });
  const run = await lab.run([...DELETE_1, "HOST/app:3", "--timeout", "1s"]);
  assert.deepEqual([run.exitCode, run.stdout], [5, `deleted  HOST/app:1  ${A.digest}\n`]);
  assert.match(run.stderr, /error: Gave up after 1 s, as --timeout says: 1 of 2 not deleted\n/);
  assert.deepEqual(lab.state(), { 2: "@A", 3: "@B" });
});

test("45: a stop comes between a tag's reading and its deletion", async () => {
  await using lab = await start("tags");
  lab.on("GET", "1", { reply: { status: 503 } });
  const run = await lab.run([...DELETE_1, "HOST/app:3"], { stopWhileWaiting: "SIGINT" });
  assertRun(run, {
    exitCode: 130,
    stdout: "",
    stderr: "error: Interrupted: 2 of 2 not deleted\n" +
      "hint: Run it again with --ignore-missing to finish it\n",
  });
  assert.deepEqual([lab.state(), await lab.journal()], [ALL, []]);
});

test("45: a digest whose deletion has begun is waited for, the next one is not begun", async () => {
  await using lab = await start("tags");
  lab.on("DELETE", "@A", { reply: { status: 503 } });
  const words = [A, B].map(({ digest }) => `HOST/app@${digest}`);
  const run = await lab.run(["delete", ...words, "--yes", "--concurrency", "1"], {
    stopWhileWaiting: "SIGTERM",
  });
  assert.equal(run.exitCode, 143);
  assert.deepEqual(lab.state(), { 3: "@B" });
  assert.match(run.stderr, /error: Terminated: 2 of 5 not deleted\n/);
});

test("45: who stops it at its very end ends more than this call", async () => {
  await using lab = await start("tags");
  lab.on("DELETE", "1", { reply: { status: 503 } });
  const run = await lab.run(DELETE_1, { stopWhileWaiting: "SIGINT" });
  assertRun(run, {
    exitCode: 130,
    stdout: `deleted  HOST/app:1  ${A.digest}\n`,
    stderr: "error: Interrupted: all deleted by then\n",
  });
});

test("45: what is all done when --timeout is over was in time", async () => {
  await using lab = await start("tags");
  const wait = () => new Promise<void>((resolve) => setTimeout(resolve, 1500));
  lab.on("DELETE", "1", { act: wait });
  const run = await lab.run([...DELETE_1, "--timeout", "1s"]);
  assertRun(run, { exitCode: 0, stdout: `deleted  HOST/app:1  ${A.digest}\n`, stderr: "" });
});

test("45: a copy that waits for its turn is not begun after a stop", async () => {
  await using lab = await start();
  lab.on("DELETE", "@copy", {
    act: () => lab.on("DELETE", "@copy", { reply: { status: 503 } }),
  });
  const words = [...DELETE_1, "HOST/app:2", "HOST/app:3", "--allow-empty"];
  const run = await lab.run(words, { stopWhileWaiting: "SIGINT" });
  assert.equal(run.exitCode, 130);
  const outcomes = run.stdout.split("\n").map((line) => line.split(" ")[0]).sort();
  assert.deepEqual(outcomes, ["", "deleted", "deleted"]);
  assert.match(run.stderr, /error: Interrupted: 1 of 3 not deleted\n/);
  assert.deepEqual(run.log.filter((line) => line.startsWith("PUT")).length, 2);
  assert.equal(lab.tags.size, 1);
});
