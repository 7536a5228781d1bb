import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import { main } from "../../cli.ts";
import { ClosedPipe } from "../../core/host.ts";
import { createNativeHost } from "../../core/runtime/native_host.ts";
import type { CapturedRunOptions } from "../support/capture_host.ts";
import { startScriptedRegistry } from "../support/scripted_registry.ts";
import { type Lab, problem, startLab, visible } from "./deletion_lab.ts";
import { type Content, image } from "./oci_content.ts";
import { assertRun } from "./run_against.ts";
import { bearer, challenge } from "./script.ts";

const A = image({ annotations: { name: "a" } });
const B = image({ annotations: { name: "b" } });

/** Ten images `pr-0` to `pr-9`, and `main`. */
async function startTen(): Promise<Lab> {
  const tags: Record<string, Content> = { main: B };
  for (let i = 0; i < 10; i++) tags[`pr-${i}`] = image({ annotations: { name: `${i}` } });
  const lab = await startLab({ tags });
  lab.name({ main: B });
  return lab;
}

const linesOf = (text: string) => text.trimEnd().split("\n");
const deletes = (log: readonly string[]) => log.filter((line) => line.startsWith("DELETE")).sort();

test("F20, 43: three of ten that fail keep the others from nothing, and a second run finishes", async () => {
  await using lab = await startTen();
  for (const i of [2, 5, 7]) lab.on("DELETE", `pr-${i}`, { reply: problem(409, "CONFLICT") });
  const run = await lab.run(["delete", "HOST/app:pr-*", "--yes"]);
  assert.equal(run.exitCode, 8);
  const outcomes = linesOf(run.stdout).map((line) => line.replace(/ {2}sha256.*/, "")).sort();
  assert.deepEqual(outcomes, [
    ...[0, 1, 3, 4, 6, 8, 9].map((i) => `deleted  HOST/app:pr-${i}`),
    ...[2, 5, 7].map((i) => `failed   HOST/app:pr-${i}`),
  ]);
  const errors = linesOf(run.stderr);
  assert.deepEqual(errors.splice(-2), [
    "error: Cannot delete 3 of 10",
    "hint: Run it again with --ignore-missing to finish it",
  ]);
  const reasons = [2, 5, 7].map((i) =>
    `Cannot delete "HOST/app:pr-${i}": HOST answered 409 CONFLICT`
  );
  assert.deepEqual(errors.sort(), reasons);
  assert.deepEqual(Object.keys(lab.state()).sort(), ["main", "pr-2", "pr-5", "pr-7"]);

  const again = await lab.run(["delete", "HOST/app:pr-*", "--yes"]);
  assert.deepEqual([again.exitCode, again.stderr], [0, ""]);
  assert.deepEqual(deletes(again.log), ["DELETE pr-2", "DELETE pr-5", "DELETE pr-7"]);
  assert.deepEqual(lab.state(), { main: "@main" });
});

test("43: the hint of a partial failure finishes a run that names its tags", async () => {
  await using lab = await startTen();
  const words = ["delete", "HOST/app:pr-0", "HOST/app:pr-1", "--yes"];
  lab.on("DELETE", "pr-1", { reply: problem(409, "CONFLICT") });
  const run = await lab.run([...words, "-o", "json"]);
  assert.equal(run.exitCode, 8);
  assert.match(JSON.parse(run.stderr).error.hint, /--ignore-missing/);
  const again = await lab.run([...words, "--ignore-missing"]);
  assert.deepEqual([again.exitCode, again.stderr], [0, ""]);
  assert.match(again.stdout, /^missing {2}HOST\/app:pr-0\ndeleted {2}HOST\/app:pr-1 {2}sha256/);
});

test("F21, 42: a tag that moves between question and deletion is left alone", async () => {
  await using lab = await startLab({ tags: { 1: A, 2: A, 3: B } });
  lab.name({ A, B });
  // Somebody pushes after the first look.
  lab.on("HEAD", "1", {
    act: () => lab.on("GET", "1", { act: () => void lab.tags.set("1", B) }),
  });
  const run = await lab.run(["delete", "HOST/app:1", "HOST/app:2", "--yes"]);
  assertRun(run, {
    exitCode: 8,
    stdout: `moved    HOST/app:1\ndeleted  HOST/app:2  ${A.digest}\n`,
    stderr: `"HOST/app:1" has moved to ${B.digest} meanwhile, and was left alone\n` +
      "error: Cannot delete 1 of 2\nhint: Run it again with --ignore-missing to finish it\n",
  });
  assert.deepEqual(deletes(run.log), ["DELETE 2"]);
});

test("repo:tag@digest goes only where the tag points there", async () => {
  await using lab = await startLab({ tags: { 1: A, 2: A, 3: B } });
  lab.name({ A, B });
  const moved = await lab.run(["delete", `HOST/app:1@${B.digest}`, "--yes"]);
  assertRun(moved, {
    exitCode: 8,
    stdout: "moved    HOST/app:1\n",
    stderr: `error: "HOST/app:1@${B.digest}" points to ${A.digest}, and was left alone\n`,
  });
  const run = await lab.run(["delete", `HOST/app:1@${A.digest}`, "--yes"]);
  assert.equal(run.exitCode, 0);
  assert.deepEqual([deletes(moved.log), deletes(run.log)], [[], ["DELETE 1"]]);
  assert.deepEqual(lab.state(), { 2: "@A", 3: "@B" });
});

test("what is not there is an error, but with --ignore-missing", async () => {
  await using lab = await startLab({ tags: { 1: A, 2: A } });
  const cases: readonly (readonly [string, string])[] = [
    ["HOST/app:no", '"HOST/app:no" is not there'],
    ["HOST/app:pr-*", 'No tag fits "HOST/app:pr-*"'],
    [`HOST/app@${B.digest}`, `"HOST/app@${B.digest}" is not there`],
  ];
  const hint = "hint: Check the spelling; with --ignore-missing it is no error\n";
  for (const [name, message] of cases) {
    const run = await lab.run(["delete", name, "--yes"]);
    assertRun(run, {
      exitCode: 3,
      stdout: `missing  ${name}\n`,
      stderr: `error: ${message}\n${hint}`,
    });
    const ignored = await lab.run(["delete", name, "--yes", "--ignore-missing"]);
    assertRun(ignored, { exitCode: 0, stdout: `missing  ${name}\n`, stderr: "" });
  }
  const mixed = await lab.run(["delete", "HOST/app:no", "HOST/app:1", "--yes"]);
  assertRun(mixed, {
    exitCode: 8,
    stdout: `missing  HOST/app:no\ndeleted  HOST/app:1  ${A.digest}\n`,
    stderr: `"HOST/app:no" is not there\nerror: Cannot delete 1 of 2\n${hint}`,
  });
});

test("a repository that is not there has nothing to delete", async () => {
  await using registry = await startScriptedRegistry(
    ["GET", "HEAD"].map((method) => ({
      ...{ method, path: /^/, times: Infinity, reply: problem(404, "NAME_UNKNOWN") },
    })),
  );
  await using lab = await startLab({ tags: {} });
  const run = await lab.run(["delete", `${registry.host}/app:1`, "--yes"]);
  assert.deepEqual([run.exitCode, run.stdout], [3, `missing  ${registry.host}/app:1\n`]);
});

test("F13: a token that runs out in the middle is renewed once", async () => {
  const tags = ["1", "2", "3", "4"];
  let issued = 0;
  let deleted = 0;
  const isAuthorized = (value: string | undefined) => value === `Bearer t${issued}`;
  await using lab = await startLab({ tags: {} });
  await using registry = await startScriptedRegistry([
    {
      ...{ method: "GET", path: /^\/token/, times: Infinity },
      replyWith: ({ path }) => {
        if (path.includes("delete")) issued++;
        return { status: 200, body: { token: path.includes("delete") ? `t${issued}` : "pull" } };
      },
    },
    {
      ...{ method: "DELETE", path: /^/, times: Infinity },
      replyWith: ({ headers }) => {
        if (!isAuthorized(headers["authorization"]) || (deleted === 2 && issued === 1)) {
          return challenge(bearer("/token"));
        }
        deleted++;
        return { status: 202 };
      },
    },
    { method: "GET", path: "/v2/app/tags/list", reply: { status: 200, body: { tags } } },
    { method: "GET", path: "/v2/app/tags/list", reply: { status: 200, body: { tags: [] } } },
    ...["GET", "HEAD"].map((method) => ({
      ...{ method, path: /manifests/, times: Infinity },
      reply: {
        status: 200,
        headers: { "content-type": A.mediaType, "docker-content-digest": A.digest },
        body: A.bytes,
      },
    })),
  ]);
  const words = tags.map((tag) => `${registry.host}/app:${tag}`);
  const run = await lab.run(["delete", ...words, "--yes", "--concurrency", "1"]);
  registry.assertDone();
  assert.deepEqual([run.exitCode, run.stderr, deleted, issued], [0, "", 4, 2]);
});

test("F23: a reader that goes keeps nothing from being deleted, nor an error from being told", async () => {
  for (const [reply, exitCode] of [[undefined, 0], [problem(403, "DENIED"), 8]] as const) {
    await using lab = await startLab({ tags: { 1: A, 2: A, 3: B } });
    lab.name({ A, B });
    if (reply) lab.on("DELETE", "2", { reply });
    let stderr = "";
    const env = lab.env();
    const exit = await main({
      ...createNativeHost(),
      args: lab.words([
        "delete",
        "HOST/app:1",
        "HOST/app:2",
        "HOST/app:3",
        "--yes",
        "--allow-empty",
      ]),
      homeDirectory: env["HOME"] ?? "",
      env: (name) => env[name],
      stdout: { isTerminal: false, columns: 80, write: () => Promise.reject(new ClosedPipe()) },
      stderr: {
        ...{ isTerminal: false, columns: 80 },
        write: (text) => Promise.resolve(void (stderr += text)),
      },
      onStop: () => {},
    });
    assert.equal(exit, exitCode);
    assert.doesNotMatch(stderr, /EPIPE|pipe/i);
    assert.deepEqual(lab.state(), reply ? { 2: "@A" } : {});
  }
});

test("several repositories come one after the other, in the order of their names in the call", async () => {
  await using lab = await startLab({ tags: { 1: A, 2: B } });
  await using other = await startLab({ tags: { 9: B, 8: A } });
  const name = `${other.host}/app:9`;
  const run = await lab.run(["delete", "HOST/app:1", name, "HOST/app:2", "--yes"]);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.equal(linesOf(run.stdout).at(-1), `deleted  ${name}  ${B.digest}`);
  assert.deepEqual([Object.keys(lab.state()), Object.keys(other.state())], [[], ["8"]]);
});

test("on a terminal, progress is wiped away, and the end tells how to put it back", async () => {
  const cases: readonly (readonly [string[], CapturedRunOptions])[] = [
    [["-o", "json"], {}],
    [[], { isStdoutTerminal: false }],
    [["-o", "ndjson"], { isStdoutTerminal: false }],
  ];
  for (const [words, options] of cases) {
    await using lab = await startTen();
    const run = await lab.run(["delete", "HOST/app:pr-*", "--yes", ...words], {
      ...{ isTerminal: true, env: { NO_COLOR: "1" } },
      ...options,
    });
    assert.equal(run.exitCode, 0, run.stderr);
    assert.ok(run.stderr.includes("\r\x1b[K[==========>         ]  50%  5 of 10 deleted"));
    assert.ok(run.stderr.includes("\r\x1b[K[====================] 100%  10 of 10 deleted"));
    const [file = ""] = await readdir(lab.journals);
    const undo = `regctl undo ${file.replace(/\.jsonl$/, "")}`;
    const remarks = ["10 tags deleted", `To put it back: ${undo}`];
    const isJson = words.length > 0;
    assert.equal(
      visible(run.stderr),
      remarks.map((note) => isJson ? `${JSON.stringify({ note })}\n` : `note: ${note}\n`).join(""),
    );
  }
});

test("where the results come in on the same terminal, there is no progress beside them", async () => {
  for (const format of ["text", "ndjson"]) {
    await using lab = await startTen();
    const words = ["delete", "HOST/app:pr-*", "--yes", "-o", format];
    const run = await lab.run(words, { isTerminal: true });
    assert.deepEqual([run.exitCode, linesOf(run.stdout).length], [0, 10]);
    assert.doesNotMatch(run.stderr, / of 10 deleted/);
    assert.match(run.stderr, /10 tags deleted/);
  }
});

test("the end counts tags and manifests; what is one thing, or none, is not counted", async () => {
  const person: CapturedRunOptions = { isTerminal: true, env: { NO_COLOR: "1" } };
  const cases: readonly (readonly [string, RegExp])[] = [
    [`HOST/app@${A.digest}`, /^note: 2 tags and 1 manifest deleted\nnote: To put it back: /],
    ["HOST/app:1", /^note: To put it back: regctl undo \d{8}T\d{9}-delete-[0-9a-f]{8}\n$/],
  ];
  for (const [name, says] of cases) {
    await using lab = await startLab({ tags: { 1: A, 2: A, 3: B } });
    const run = await lab.run(["delete", name, "--yes"], person);
    assert.equal(run.exitCode, 0, run.stderr);
    assert.match(visible(run.stderr), says);
  }
  await using lab = await startLab({ tags: { 1: A, 2: A, 3: B } });
  const kept = await lab.run(["delete", "HOST/app:1", "--yes", "--no-journal"], person);
  assert.deepEqual([kept.exitCode, visible(kept.stderr)], [0, ""]);
  lab.on("DELETE", "2", { reply: problem(403, "DENIED") });
  const failed = await lab.run(["delete", "HOST/app:2", "--yes"], person);
  assert.equal(failed.exitCode, 4);
  assert.doesNotMatch(failed.stderr, /note:/);
});

test("the registry's word for it is not enough: tags are looked for in the end", async () => {
  await using lab = await startLab({ tags: { 1: A, 2: B, 3: A } });
  lab.on("DELETE", "1", { reply: { status: 202 }, act: () => void lab.tags.delete("2") });
  const run = await lab.run(["delete", "HOST/app:1", "--yes"]);
  assert.equal(run.exitCode, 8);
  assert.equal(
    run.stdout,
    `deleted  HOST/app:1  ${A.digest}\nfailed   HOST/app:1\n`,
  );
  assert.match(
    run.stderr,
    /\n"HOST\/app:1" is still there, though the registry said that it deleted it\nerror: /,
  );
  // Another run may well have done it.
  assert.match(run.stderr, /^warning: gone meanwhile, but not by this call: 2\n/);
});
