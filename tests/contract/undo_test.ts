import assert from "node:assert/strict";
import { chmod, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { main } from "../../cli.ts";
import { createNativeHost } from "../../core/runtime/native_host.ts";
import { type Lab, problem, startLab } from "./deletion_lab.ts";
import { image, index, pointTo } from "./oci_content.ts";
import { assertRun } from "./run_against.ts";

const A = image({ annotations: { name: "a" } });
const B = image({ annotations: { name: "b" } });
const INDEX = index([pointTo(A)]);
const UNDO = ["undo", "--yes"];

async function start(): Promise<Lab> {
  const lab = await startLab({ tags: { 1: A, 2: A, 3: B, multi: INDEX } });
  lab.name({ A, B, INDEX });
  return lab;
}

const changes = (log: readonly string[]) => log.filter((line) => /^(PUT|DELETE) /.test(line));

/** The files of the journals, the oldest first. */
async function files({ journals }: Lab): Promise<string[]> {
  return (await readdir(journals)).sort().map((name) => `${journals}/${name}`);
}

const nameOf = (file: string) => file.replace(/.*\/|\.jsonl$/g, "");

test("undo puts back children, then indexes, then tags, byte for byte", async () => {
  await using lab = await start();
  const names = [A, INDEX].map(({ digest }) => `HOST/app@${digest}`);
  assert.equal((await lab.run(["delete", ...names, "--yes"])).exitCode, 0);
  assert.deepEqual(lab.state(), { 3: "@B" });
  const run = await lab.run([...UNDO, "--concurrency", "1"]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.deepEqual(changes(run.log), ["PUT @A", "PUT @INDEX", "PUT 1", "PUT 2", "PUT multi"]);
  for (const { method, body, headers } of run.requests) {
    if (method !== "PUT") continue;
    const { bytes, mediaType } = body.includes('"layers"') ? A : INDEX;
    assert.deepEqual([body, headers["content-type"]], [bytes.toString(), mediaType]);
  }
  assert.equal(
    run.stdout,
    [
      ...[`HOST/app@${A.digest}`, `HOST/app@${INDEX.digest}`],
      ...[`HOST/app:1  ${A.digest}`, `HOST/app:2  ${A.digest}`, `HOST/app:multi  ${INDEX.digest}`],
    ].map((line) => `restored ${line}\n`).join(""),
  );
  assert.deepEqual(lab.state(), { 3: "@B", 1: "@A", 2: "@A", multi: "@INDEX" });
});

test("the newest run comes first, and an earlier one only by its name", async () => {
  await using lab = await start();
  for (const tag of ["1", "3"]) await lab.run(["delete", `HOST/app:${tag}`, "--yes"]);
  const [first = "", last = ""] = await files(lab);
  const newest = await lab.run([...UNDO, "-o", "json"]);
  assert.equal(newest.exitCode, 0, newest.stderr);
  const { journal, results } = JSON.parse(newest.stdout);
  assert.deepEqual([journal, results.length, results[0].tag], [nameOf(last), 1, "3"]);
  assertRun(await lab.run(UNDO), {
    exitCode: 3,
    stdout: "",
    stderr: `error: The last run, ${nameOf(last)}, is undone already\n` +
      "hint: Name an earlier one of regctl undo --list\n",
  });
  assert.equal((await lab.run([...UNDO, nameOf(first)])).exitCode, 0);
  // By its name or its path, once more: nothing is missing.
  for (const name of [nameOf(first), first]) {
    const again = await lab.run([...UNDO, name]);
    assertRun(again, { exitCode: 0, stdout: `present  HOST/app:1  ${A.digest}\n`, stderr: "" });
    assert.deepEqual(changes(again.log), []);
  }
});

test("a tag that points elsewhere now is left alone, but with --force", async () => {
  await using lab = await start();
  await lab.run(["delete", "HOST/app:1", "HOST/app:3", "--yes"]);
  lab.tags.set("1", B);
  const run = await lab.run([...UNDO, "--concurrency", "1"]);
  assertRun(run, {
    exitCode: 8,
    stdout: `conflict HOST/app:1\nrestored HOST/app:3  ${B.digest}\n`,
    stderr: `"HOST/app:1" points to ${B.digest} now, and was left alone\n` +
      "error: Cannot restore 1 of 2\nhint: Add --force to move it back\n",
  });
  const again = await lab.run(UNDO);
  assert.deepEqual([again.exitCode, changes(again.log)], [8, []]);
  const { runs } = JSON.parse((await lab.run(["undo", "--list", "-o", "json"])).stdout);
  assert.equal(runs[0].state, "partly undone");
  const forced = await lab.run([...UNDO, "--force"]);
  assert.deepEqual([forced.exitCode, changes(forced.log)], [0, ["PUT 1"]]);
  assert.deepEqual(lab.state()["1"], "@A");
});

test("what --force moves is written down first, and can be moved back in its turn", async () => {
  await using lab = await start();
  await lab.run(["delete", "HOST/app:1", "HOST/app:3", "--yes"]);
  lab.tags.set("1", B);
  const written: unknown[] = [];
  lab.on("PUT", "1", {
    act: async () => {
      const { removal } = (await lab.journal()).at(-1) ?? {};
      written.push(removal?.["tags"], removal?.["digest"], removal?.["manifest"]);
    },
  });
  assert.equal((await lab.run([...UNDO, "--force"])).exitCode, 0);
  assert.deepEqual(written, [["1"], B.digest, false]);
  assert.deepEqual([lab.state()["1"], lab.state()["3"]], ["@A", "@B"]);
  const [first = "", second = "", ...more] = await files(lab);
  assert.match(nameOf(first), /-delete-/);
  assert.match(nameOf(second), /^\d{8}T\d{9}-undo-[0-9a-f]{8}$/);
  assert.deepEqual(more, []);
  const { runs } = JSON.parse((await lab.run(["undo", "--list", "-o", "json"])).stdout);
  assert.deepEqual(
    runs.map((one: Record<string, unknown>) => [one["command"], one["tags"], one["state"]]),
    [["undo", 1, "can be undone"], ["delete", 2, "undone"]],
  );
  // What undo moved is not the newest run, and the one that is was undone.
  assertRun(await lab.run(UNDO), {
    exitCode: 3,
    stdout: "",
    stderr: `error: The last run, ${nameOf(first)}, is undone already\n` +
      "hint: Name an earlier one of regctl undo --list\n",
  });
  const back = await lab.run([...UNDO, nameOf(second), "--force"]);
  assert.deepEqual([back.exitCode, changes(back.log)], [0, ["PUT 1"]], back.stderr);
  assert.equal(lab.state()["1"], "@B");
});

test("where what --force would move cannot be written down, it is not moved", async () => {
  await using lab = await start();
  await lab.run(["delete", "HOST/app:1", "--yes"]);
  const [file = ""] = await files(lab);
  await rename(file, lab.folder.join("elsewhere.jsonl"));
  await rm(lab.journals, { recursive: true });
  await lab.folder.write("state/regctl", "");
  lab.tags.set("1", B);
  const run = await lab.run([...UNDO, lab.folder.join("elsewhere.jsonl"), "--force"]);
  assert.deepEqual([run.exitCode, run.stdout, changes(run.log)], [1, "failed   HOST/app:1\n", []]);
  assert.equal(lab.state()["1"], "@B");
});

test("what the registry has collected is lost, and the rest comes back", async () => {
  await using lab = await start();
  await lab.run(["delete", `HOST/app@${A.digest}`, "HOST/app:3", "--yes", "--force"]);
  const lost = { reply: problem(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown"), times: 2 };
  lab.on("PUT", "@A", { ...lost, times: 1 });
  lab.on("PUT", "1", { ...lost, times: 1 });
  lab.on("PUT", "2", { ...lost, times: 1 });
  const run = await lab.run([...UNDO, "--concurrency", "1"]);
  assert.equal(run.exitCode, 8);
  assert.equal(
    run.stdout,
    `lost     HOST/app@${A.digest}\nrestored HOST/app:3  ${B.digest}\n` +
      "lost     HOST/app:1\nlost     HOST/app:2\n",
  );
  assert.match(run.stderr, /400 MANIFEST_BLOB_UNKNOWN: blob unknown\n/);
  assert.match(
    run.stderr,
    /error: Cannot restore 3 of 4\nhint: The registry has no longer what it consists of: push the image again\n$/,
  );
  // It is not undone as long as something is missing.
  assert.equal((await lab.run(UNDO)).exitCode, 0);
});

test("an undo that was stopped can be run again", async () => {
  await using lab = await start();
  await lab.run(["delete", "HOST/app:1", "HOST/app:3", "--yes"]);
  lab.on("PUT", "1", { reply: { status: 503 } });
  const run = await lab.run([...UNDO, "--concurrency", "1"], { stopWhileWaiting: "SIGINT" });
  assertRun(run, {
    exitCode: 130,
    stdout: "failed   HOST/app:1\n",
    stderr:
      "error: Interrupted: 2 of 2 not restored\nhint: Run it again: what is done is left alone\n",
  });
  assert.equal((await lab.run(UNDO)).exitCode, 0);
  assert.deepEqual([lab.state()["1"], lab.state()["3"]], ["@A", "@B"]);
});

test("undo asks first, and --dry-run asks nobody", async () => {
  await using lab = await start();
  await lab.run(["delete", "HOST/app:1", "--yes"]);
  const alone = await lab.run(["undo"]);
  assert.deepEqual([alone.exitCode, alone.stdout, alone.log], [2, "", []]);
  assert.match(alone.stderr, /Nobody is here to be asked/);
  const no = await lab.run(["undo"], { isTerminal: true, typedPassword: "", typed: "n" });
  assert.deepEqual([no.exitCode, no.log], [130, []]);
  assert.ok(no.stderr.startsWith(`HOST/app:1  ${A.digest}\n`));
  const dry = await lab.run(["undo", "--dry-run"]);
  assertRun(dry, { exitCode: 0, stdout: `planned  HOST/app:1  ${A.digest}\n`, stderr: "" });
  assert.deepEqual(dry.log, []);
  const yes = await lab.run(["undo"], { isTerminal: true, typedPassword: "", typed: "y" });
  assert.deepEqual([yes.exitCode, changes(yes.log)], [0, ["PUT 1"]]);
});

test("the question tells when it was, to the minute", async () => {
  await using lab = await start();
  await lab.run(["delete", "HOST/app:1", "HOST/app:3", "--yes"]);
  const [file = ""] = await files(lab);
  const text = await readFile(file, "utf8");
  await writeFile(
    file,
    text.replace(/"startedAt":"[^"]+"/, '"startedAt":"2026-11-26T04:31:59.999Z"'),
  );
  let asked = "";
  const env = lab.env();
  const output = { isTerminal: true, columns: 80, write: () => Promise.resolve() };
  const exitCode = await main({
    ...createNativeHost(),
    args: ["undo"],
    homeDirectory: env["HOME"] ?? "",
    env: (name) => env[name],
    stdinIsTerminal: true,
    ...{ stdout: output, stderr: output },
    ask: (question) => Promise.resolve(void (asked += question)).then(() => "n"),
    onStop: () => {},
  });
  assert.deepEqual([exitCode, asked], [
    130,
    "Put back 2 tags, deleted 2026-11-26 04:31 UTC? [y/N]",
  ]);
});

test("--list hides a run that deleted nothing", async () => {
  await using lab = await start();
  lab.on("DELETE", "1", { reply: problem(403, "DENIED") });
  assert.equal((await lab.run(["delete", "HOST/app:1", "--yes"])).exitCode, 4);
  assert.equal((await files(lab)).length, 1);
  assert.deepEqual(JSON.parse((await lab.run(["undo", "--list", "-o", "json"])).stdout), {
    runs: [],
  });
  assertRun(await lab.run(UNDO), {
    exitCode: 3,
    stdout: "",
    stderr: "error: There is nothing to undo\nhint: See regctl undo --list\n",
  });
});

test("--list shows the runs, the newest first", async () => {
  await using lab = await start();
  const empty = await lab.run(["undo", "--list", "-o", "json"]);
  assert.deepEqual(JSON.parse(empty.stdout), { runs: [] });
  await lab.run(["delete", "HOST/app:1", "--yes"]);
  await lab.run(["undo", "--yes"]);
  await lab.run(["delete", `HOST/app@${A.digest}`, "--yes", "--force"]);
  const [first = "", second = ""] = (await files(lab)).map(nameOf);
  await writeFile(`${lab.journals}/20000101T000000000-delete-00000000.jsonl`, "junk\njunk\n");
  const json = JSON.parse((await lab.run(["undo", "--list", "-o", "json"])).stdout).runs;
  const repositories = ["HOST/app"];
  const state = "can be undone";
  for (const run of json.slice(0, 2)) assert.match(run.startedAt, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(json.map(({ startedAt: _, ...rest }: { startedAt: string }) => rest), [
    { journal: second, command: "delete", repositories, tags: 2, manifests: 1, state },
    { journal: first, command: "delete", repositories, tags: 1, manifests: 0, state: "undone" },
    {
      ...{ journal: "20000101T000000000-delete-00000000", command: "", repositories: [] },
      ...{ tags: 0, manifests: 0, state: "damaged" },
    },
  ]);
  const text = (await lab.run(["undo", "--list"])).stdout.split("\n");
  assert.match(text[0] ?? "", /^JOURNAL +TAGS +MANIFESTS +STATE +REPOSITORY$/);
  assert.equal(text[2]?.replace(/ +/g, " "), `${first} 1 0 undone HOST/app`);
});

test("the journal is for its owner alone, in a folder of its own", async () => {
  await using lab = await start();
  await lab.run(["delete", "HOST/app:1", "--yes"]);
  const [file = ""] = await files(lab);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal((await stat(lab.journals)).mode & 0o777, 0o700);
  assert.match(nameOf(file), /^\d{8}T\d{9}-delete-[0-9a-f]{8}$/);
  const none = await lab.run(["delete", "HOST/app:2", "--yes", "--no-journal"]);
  assert.deepEqual([none.exitCode, (await files(lab)).length], [0, 1]);
});

test("a state folder that is not absolute is ignored", async () => {
  await using lab = await start();
  await lab.run(["delete", "HOST/app:1", "--yes"], { env: { XDG_STATE_HOME: "here" } });
  const home = lab.folder.join("home", ".local", "state", "regctl");
  assert.equal((await readdir(home)).length, 1);
  await assert.rejects(stat("here"));
});

test("without a journal nothing is deleted, and the hint says how else", async () => {
  for (const kind of ["file", "read-only"]) {
    await using lab = await start();
    if (kind === "file") await lab.folder.write("state/regctl", "");
    else {
      // root may write everywhere.
      if (process.getuid?.() === 0) continue;
      await lab.folder.write("state/x", "");
      await chmod(lab.folder.join("state"), 0o500);
    }
    const words = ["delete", "HOST/app:1", "HOST/app:3", "--yes"];
    const run = await lab.run([...words, "-o", "json"]);
    if (kind !== "file") await chmod(lab.folder.join("state"), 0o700);
    assert.equal(run.exitCode, 1, run.stderr);
    assert.deepEqual(changes(run.log), []);
    const { message, hint } = JSON.parse(run.stderr).error;
    assert.ok(message.startsWith(`Cannot write ${lab.journals}/`), message);
    assert.match(hint, /add --no-journal: then nothing can be put back$/);
    const outcomes = JSON.parse(run.stdout).results.map((one: { outcome: string }) => one.outcome);
    assert.deepEqual(outcomes, ["failed", "skipped"]);
    const without = await lab.run([...words, "--no-journal"]);
    assert.equal(without.exitCode, 0, without.stderr);
  }
});
