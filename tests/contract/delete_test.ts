import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import { type Incident, problem, startLab } from "./deletion_lab.ts";
import { image } from "./oci_content.ts";
import { assertRun } from "./run_against.ts";

const A = image({ annotations: { name: "a" } });
const B = image({ annotations: { name: "b" } });

/** A registry that deletes tags: `1` and `2` are one image, `3` is another. */
async function start() {
  const lab = await startLab({ tags: { 1: A, 2: A, 3: B } });
  lab.name({ A, B });
  return lab;
}

const DELETE_1 = ["delete", "HOST/app:1", "--yes"];

test("35: a tag goes alone, and its siblings stay", async () => {
  await using lab = await start();
  const run = await lab.run(DELETE_1);
  assertRun(run, { exitCode: 0, stdout: `deleted  HOST/app:1  ${A.digest}\n`, stderr: "" });
  assert.deepEqual(run.log, [
    "GET tags/list",
    "HEAD 1",
    "GET 1",
    "DELETE 1",
    "HEAD @A",
    "GET tags/list",
  ]);
  assert.deepEqual(lab.state(), { 2: "@A", 3: "@B" });
  assert.equal(run.requests[3]?.body, "");
  assert.equal(run.requests[3]?.headers["accept"], "application/json");
});

test("35: it is looked for a manifest after each tag, as long as others may hold it", async () => {
  await using lab = await start();
  const run = await lab.run(["rm", "HOST/app:1", "HOST/app:3", "--yes", "--concurrency", "1"]);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(run.log.slice(3), [
    ...["GET 1", "DELETE 1", "HEAD @A"],
    ...["GET 3", "DELETE 3", "HEAD @B"],
    "GET tags/list",
  ]);
});

test("35: where no tag stays, no manifest is looked for", async () => {
  await using lab = await start();
  const words = ["delete", "HOST/app:*", "--yes", "--allow-empty", "--concurrency", "1"];
  const run = await lab.run(words);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(run.log.filter((line) => line.startsWith("HEAD @")), []);
});

test("35: 200 and 204 are a success too", async () => {
  for (const reply of [{ status: 200 }, { status: 204 }, { status: 202, body: {} }]) {
    await using lab = await start();
    lab.on("DELETE", "1", { reply, act: () => void lab.tags.delete("1") });
    const run = await lab.run(DELETE_1);
    assertRun(run, { exitCode: 0, stdout: `deleted  HOST/app:1  ${A.digest}\n`, stderr: "" });
  }
});

test("35: a web page is no success, and nor is a redirect", async () => {
  const cases: readonly Incident[] = [
    { reply: { status: 200, headers: { "content-type": "text/html" }, body: "<p>Log in</p>" } },
    { reply: { status: 302, headers: { location: "/login" } } },
    { reply: { status: 307, headers: { location: "/v2/app/manifests/3" } } },
    { reply: { status: 201 } },
  ];
  for (const incident of cases) {
    await using lab = await start();
    lab.on("DELETE", "1", incident);
    const run = await lab.run(DELETE_1);
    assert.deepEqual([run.exitCode, run.stdout], [7, "failed   HOST/app:1\n"]);
    assert.match(run.stderr, /^error: Cannot delete "HOST\/app:1": [^\n]+\n(hint: [^\n]+\n)?$/);
    assert.deepEqual(run.log, ["GET tags/list", "HEAD 1", "GET 1", "DELETE 1"]);
  }
});

test("35: what was refused is said in the registry's words", async () => {
  const cases: readonly (readonly [Incident, number, string, RegExp])[] = [
    [{ reply: problem(403, "DENIED", "no") }, 4, "403 DENIED: no", /hint: It does not exist, or/],
    [
      { reply: problem(429, "TOOMANYREQUESTS"), times: 5 },
      9,
      "429 TOOMANYREQUESTS (5 tries)",
      /hint: Wait, or/,
    ],
    [{ reply: { status: 500 }, times: 5 }, 5, "500 (5 tries)", /^error: [^\n]+\n$/],
    [{ reply: problem(409, "CONFLICT", "in use") }, 6, "409 CONFLICT: in use", /./],
  ];
  for (const [incident, exitCode, says, hint] of cases) {
    await using lab = await start();
    lab.on("DELETE", "1", incident);
    const run = await lab.run(DELETE_1);
    assert.deepEqual([run.exitCode, run.stdout], [exitCode, "failed   HOST/app:1\n"]);
    const line = `error: Cannot delete "HOST/app:1": HOST answered ${says}\n`;
    assert.equal(run.stderr.slice(0, line.length), line);
    assert.match(run.stderr, hint);
    assert.deepEqual(lab.state(), { 1: "@A", 2: "@A", 3: "@B" });
    // Before it is sent again, it is looked whether somebody else has pushed meanwhile.
    const tries = Array(incident.times ?? 1).fill(["DELETE 1", "HEAD 1"]).flat().slice(0, -1);
    assert.deepEqual(run.log.slice(3), tries);
  }
});

test("35: a challenge that nobody can answer ends it with 4", async () => {
  await using lab = await start();
  const headers = { "www-authenticate": 'Basic realm="x"' };
  lab.on("DELETE", "1", { reply: { status: 401, headers } });
  const run = await lab.run(DELETE_1);
  assert.deepEqual([run.exitCode, run.log.at(-1)], [4, "DELETE 1"]);
  assert.match(run.stderr, /answered 401\nhint: It does not exist, or needs credentials/);
});

test("F18, 44: what a lost connection has deleted is done", async () => {
  await using lab = await start();
  lab.on("DELETE", "1", { lost: "after" });
  const run = await lab.run(DELETE_1);
  assertRun(run, { exitCode: 0, stdout: `deleted  HOST/app:1  ${A.digest}\n`, stderr: "" });
  assert.deepEqual(run.log.filter((line) => line === "DELETE 1"), ["DELETE 1"]);
  assert.equal(run.log[4], "HEAD 1");
});

test("F21: what somebody pushes after a deletion whose answer was lost stays", async () => {
  for (const lost of ["before", "after"] as const) {
    await using lab = await start();
    // The answer is lost, and before the next try there is another image.
    lab.on("DELETE", "1", { lost });
    lab.on("HEAD", "1", {
      act: () => lab.on("HEAD", "1", { act: () => void lab.tags.set("1", B) }),
    });
    const run = await lab.run(DELETE_1);
    assertRun(run, {
      exitCode: 8,
      stdout: "moved    HOST/app:1\n",
      stderr: `error: "HOST/app:1" has moved to ${B.digest} meanwhile, and was left alone\n`,
    });
    assert.deepEqual(run.log.filter((line) => line === "DELETE 1"), ["DELETE 1"]);
    assert.deepEqual(lab.state(), { 1: "@B", 2: "@A", 3: "@B" });
  }
});

test("F18: a 404 without a lost connection is a tag that somebody else deleted", async () => {
  await using lab = await start();
  lab.on("DELETE", "1", { act: () => void lab.tags.delete("1") });
  const run = await lab.run([...DELETE_1, "-o", "json"]);
  assert.equal(run.exitCode, 0, run.stderr);
  const [result] = JSON.parse(run.stdout).results;
  assert.deepEqual([result.outcome, result.way], ["gone", "gone"]);
  assert.deepEqual(run.log.slice(3), ["DELETE 1", "HEAD 1", "GET 1"]);
});

test("38: a registry that takes siblings along gets no second chance, and undo brings them", async () => {
  await using lab = await startLab({
    tags: { 1: A, 2: A, 3: B, 4: A, 5: B },
    deleting: "manifests",
  });
  lab.name({ A, B });
  const run = await lab.run(["delete", "HOST/app:1", "HOST/app:3", "--yes"]);
  assert.equal(run.exitCode, 8);
  assert.equal(run.stdout, "failed   HOST/app:1\n");
  assert.equal(
    run.stderr,
    'error: Cannot delete "HOST/app:1" alone: the registry deleted its manifest, and 2, 4 went ' +
      "too, or by other hands; all but 2, 4 was put back (and so for all 2)\n" +
      "hint: If 2 was the same image, put it back with regctl undo\n",
  );
  const puts = run.requests.filter(({ method }) => method === "PUT");
  const paths = puts.map(({ path }) => path.replace(/.*\//, ""));
  // Where a tag that is missing pointed to is not known: another run may have deleted it.
  assert.deepEqual(paths, [A.digest, "1"]);
  for (const { body, headers } of puts) {
    assert.deepEqual([body, headers["content-type"]], [A.bytes.toString(), A.mediaType]);
  }
  assert.deepEqual(lab.state(), { 1: "@A", 3: "@B", 5: "@B" });
  assert.equal(run.log.filter((line) => line.startsWith("DELETE")).length, 1);
  const undone = await lab.run(["undo", "--yes"]);
  assert.equal(undone.exitCode, 0, undone.stderr);
  assert.deepEqual(lab.state(), { 1: "@A", 2: "@A", 3: "@B", 4: "@A", 5: "@B" });
});

test("38: such a registry is found out even where the first tag has no sibling", async () => {
  const C = image({ annotations: { name: "c" } });
  await using lab = await startLab({ tags: { 1: A, 2: C, 3: B, keep: C }, deleting: "manifests" });
  lab.name({ A, B, C });
  const words = ["delete", "HOST/app:1", "HOST/app:2", "HOST/app:3", "--yes"];
  const run = await lab.run([...words, "--concurrency", "1"]);
  assert.deepEqual([run.exitCode, run.stdout], [
    8,
    `deleted  HOST/app:1  ${A.digest}\nfailed   HOST/app:2\n`,
  ]);
  assert.match(run.stderr, /^Cannot delete "HOST\/app:2" alone: [^\n]* so keep too; all was/);
  assert.deepEqual(lab.state(), { 2: "@C", 3: "@B", keep: "@C" });
});

test("38: siblings that cannot be put back are in the journal, and undo brings them", async () => {
  await using lab = await startLab({ tags: { 1: A, 2: A, 3: B }, deleting: "manifests" });
  lab.name({ A, B });
  lab.on("PUT", "1", { reply: problem(403, "DENIED", "no more today") });
  const run = await lab.run(DELETE_1);
  assert.equal(run.exitCode, 8);
  assert.match(
    run.stderr,
    /deleted its manifest, and 2 went too, or by other hands; not all was put back: .*403 DENIED: no more today\n/,
  );
  assert.match(run.stderr, /\nhint: Put it back with regctl undo\n$/);
  const undone = await lab.run(["undo", "--yes"]);
  assert.equal(undone.exitCode, 0, undone.stderr);
  assert.deepEqual(lab.state(), { 1: "@A", 2: "@A", 3: "@B" });
});

test("F21: what is pushed while a tag is put back stays", async () => {
  await using lab = await startLab({ tags: { 1: A, 2: A, 3: B, 4: A }, deleting: "manifests" });
  lab.name({ A, B });
  lab.on("PUT", "@A", { act: () => void lab.tags.set("1", B) });
  const run = await lab.run(DELETE_1);
  assert.equal(run.exitCode, 8, run.stderr);
  assert.deepEqual(lab.state(), { 1: "@B", 3: "@B" });
});

test("a manifest that goes with its last tag is no reason to worry", async () => {
  await using lab = await startLab({
    tags: { 1: A, 2: B, 3: B, 4: image({ annotations: { name: "d" } }) },
    deleting: "lastTags",
  });
  lab.name({ A, B });
  const run = await lab.run(["delete", "HOST/app:1", "HOST/app:2", "--yes", "--concurrency", "1"]);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(Object.keys(lab.state()), ["3", "4"]);
  assert.deepEqual(run.log.filter((line) => line.startsWith("PUT")), []);
});

test("-o json and ndjson tell the way", async () => {
  const result = {
    reference: "HOST/app:1",
    ...{ tag: "1", digest: A.digest, outcome: "deleted", way: "tag" },
  };
  for (const format of ["json", "ndjson"]) {
    await using lab = await start();
    const run = await lab.run([...DELETE_1, "-o", format]);
    assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
    const [file = ""] = await readdir(lab.journals);
    const journal = file.replace(/\.jsonl$/, "");
    const document = format === "json" ? { journal, results: [result] } : result;
    assert.deepEqual(JSON.parse(run.stdout), document);
  }
});

test("65: an error is one document too", async () => {
  await using lab = await start();
  lab.on("DELETE", "1", { reply: problem(403, "DENIED", "\x1b[31mred") });
  const run = await lab.run([...DELETE_1, "-o", "json"]);
  assert.equal(run.exitCode, 4);
  const [{ outcome, error }] = JSON.parse(run.stdout).results;
  assert.deepEqual([outcome, error.code], ["failed", "DENIED"]);
  assert.equal(JSON.parse(run.stderr).error.exitCode, 4);
  assert.ok(!(run.stdout + run.stderr).includes("\x1b"));
});

test("63: a registry's escapes reach no terminal", async () => {
  await using lab = await start();
  lab.on("DELETE", "1", { reply: problem(403, "DENIED\x1b]0;x\x07", "\x1b[31mred\u202e") });
  lab.on("DELETE", "3", { reply: problem(409, "\x1b[2J") });
  const words = ["delete", "HOST/app:1", "HOST/app:3", "--yes"];
  const run = await lab.run(words, { isTerminal: true, env: { NO_COLOR: "1" } });
  assert.equal(run.exitCode, 8);
  assert.match(run.stderr, /\\x1b\[31mred\\u\{202e\}/);
  const shown = run.stdout + run.stderr.replaceAll("\r\x1b[K", "");
  for (const unsafe of ["\x1b", "\x07", "\u202e"]) assert.ok(!shown.includes(unsafe));
});
