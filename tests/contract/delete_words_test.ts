import assert from "node:assert/strict";
import { test } from "node:test";
import { problem, startLab } from "./deletion_lab.ts";
import { image, index, pointTo } from "./oci_content.ts";
import { assertRun } from "./run_against.ts";

const A = image({ annotations: { name: "a" } });
const B = image({ annotations: { name: "b" } });
const C = image({ annotations: { name: "c" } });
/** The tag of a signature, by cosign. */
const SIGNATURE = `${B.digest.replace(":", "-")}.sig`;

const linesOf = (text: string) => text.trimEnd().split("\n");
const deletes = (log: readonly string[]) => log.filter((line) => line.startsWith("DELETE")).sort();

test("46: a glob that fits every tag is refused without --allow-empty", async () => {
  for (const glob of ["*", "[12]", "{1,2}"]) {
    await using lab = await startLab({ tags: { 1: A, 2: B, [SIGNATURE]: A } });
    const words = ["delete", `HOST/app:${glob}`, "--yes"];
    const refused = await lab.run(words);
    assertRun(refused, {
      exitCode: 6,
      stdout: "",
      stderr: `error: "HOST/app:${glob}" fits every tag of "HOST/app": nothing was deleted\n` +
        "hint: Add --allow-empty if that is what you want\n",
    });
    assert.deepEqual(refused.log, ["GET tags/list"]);
    const run = await lab.run([...words, "--allow-empty"]);
    assert.deepEqual([run.exitCode, Object.keys(lab.state())], [0, [SIGNATURE]]);
  }
});

test("a glob takes signatures only where it names them", async () => {
  await using lab = await startLab({ tags: { 1: A, 2: B, [SIGNATURE]: A } });
  const run = await lab.run(["delete", "HOST/app:sha256-*.sig", "--yes"]);
  assert.deepEqual([run.exitCode, deletes(run.log)], [0, [`DELETE ${SIGNATURE}`]]);
});

test("- reads references from standard input, a line each", async () => {
  for (const newline of ["\n", "\r\n"]) {
    await using lab = await startLab({ tags: { 1: A, 2: A, 3: B, 4: B } });
    const lines = [
      ...["# HOST/app:4", "HOST/app:1", "", "  HOST/app:[2]", "  # and", "#", "HOST/app:1"],
    ].join(newline);
    const stdin = lines.replaceAll("HOST", lab.host);
    const run = await lab.run(["delete", "-", "HOST/app:3", "--yes"], { stdin });
    assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
    // What is there twice goes once.
    assert.deepEqual(deletes(run.log), ["DELETE 1", "DELETE 2", "DELETE 3"]);
    assert.equal(linesOf(run.stdout).length, 3);
  }
});

test("an empty standard input deletes nothing, and says so", async () => {
  await using lab = await startLab({ tags: { 1: A } });
  for (const stdin of ["", "\n \r\n", "# HOST/app:1\n"]) {
    const run = await lab.run(["delete", "-", "--yes"], { stdin });
    assertRun(run, { exitCode: 0, stdout: "", stderr: "warning: standard input was empty\n" });
    assert.deepEqual(run.log, []);
  }
});

test("2: what cannot be meant is refused before anything is asked", async () => {
  const cases: readonly (readonly [string[], RegExp])[] = [
    [["HOST/app"], /"[^"]+\/app" names neither a tag nor a digest\nhint: Write [^ ]+\/app:TAG, or/],
    [["HOST/app:1", "HOST/APP:2"], /upper-case letters/],
    [["HOST/app:"], /the tag after ":" is missing/],
    [["HOST/app@sha256:12"], /sha256 needs 64/],
    [["HOST/app:pr-[1"], /a bracket or brace is not closed/],
    [
      ["HOST/app:1", "other.test/app:1", "-u", "ann", "-p", "x"],
      /-u names one user, but there are 2/,
    ],
    [["-", "-u", "ann", "--password-stdin"], /Standard input cannot bring both/],
    [["-", "-u", "ann"], /Standard input cannot bring both/],
    [["# HOST/app:1"], /Invalid r/],
    [[], /Missing required argument/],
  ];
  for (const [words, says] of cases) {
    await using lab = await startLab({ tags: { 1: A } });
    const run = await lab.run(["delete", ...words, "--yes"]);
    assert.deepEqual([run.exitCode, run.stdout], [2, ""], run.stderr);
    assert.match(run.stderr, says);
    assert.deepEqual(run.log, []);
  }
});

test("46: globs that fit every tag together are refused like one", async () => {
  await using lab = await startLab({ tags: { 1: A, 2: B, 3: B, [SIGNATURE]: A } });
  const words = ["delete", "HOST/app:[12]", "HOST/app:no-*", "HOST/app:[23]", "--yes"];
  const refused = await lab.run(words);
  assertRun(refused, {
    exitCode: 6,
    stdout: "",
    stderr: 'error: "HOST/app:[12]" and "HOST/app:[23]" fit every tag of "HOST/app": ' +
      "nothing was deleted\nhint: Add --allow-empty if that is what you want\n",
  });
  assert.deepEqual(refused.log, ["GET tags/list"]);
  const run = await lab.run([...words, "--allow-empty", "--ignore-missing"]);
  assert.deepEqual([run.exitCode, Object.keys(lab.state())], [0, [SIGNATURE]]);
});

test("a glob that begins like a signature's tag, and does not name one, takes none", async () => {
  const others = { main: C, "sha-1": A, sha512: B };
  const cases: readonly (readonly [string, string[]])[] = [
    ["sha-*", ["sha-1"]],
    ["sha*", ["sha-1", "sha512"]],
    ["*sig", []],
    ["sha256-*", [SIGNATURE]],
    ["sha256-*.sig", [SIGNATURE]],
  ];
  for (const [glob, tags] of cases) {
    await using lab = await startLab({ tags: { ...others, [SIGNATURE]: B } });
    const run = await lab.run(["delete", `HOST/app:${glob}`, "--yes", "--ignore-missing"]);
    assert.equal(run.exitCode, 0, run.stderr);
    assert.deepEqual(deletes(run.log), tags.map((tag) => `DELETE ${tag}`), glob);
  }
});

test("a listing that is broken keeps a glob from everything, and a tag from nothing", async () => {
  const link = '<https://elsewhere.test/v2/app/tags/list?last=1>; rel="next"';
  const body = { name: "app", tags: ["1"] };
  const cases = [
    { status: 200, headers: { link }, body },
    { status: 200, body: { name: "app", tags: "1" } },
    { status: 200, headers: { "content-type": "text/html" }, body: "<p>Log in</p>" },
    { status: 405 },
  ];
  for (const reply of cases) {
    await using lab = await startLab({ tags: { 1: A, 2: B, 3: A } });
    lab.name({ A, B });
    for (const name of ["HOST/app:[1]", `HOST/app@${A.digest}`]) {
      lab.on("GET", "tags/list", { reply });
      const run = await lab.run(["delete", name, "--yes"]);
      assert.deepEqual([run.stdout, run.log], ["", ["GET tags/list"]]);
      assert.notEqual(run.exitCode, 0);
    }
    lab.on("GET", "tags/list", { reply, times: 2 });
    const run = await lab.run(["delete", "HOST/app:1", "--yes"]);
    assert.deepEqual([run.exitCode, run.stdout], [0, `deleted  HOST/app:1  ${A.digest}\n`]);
    assert.match(run.stderr, /^warning: could not look at the tags afterwards: [^\n]+\n$/);
    assert.deepEqual(lab.state(), { 2: "@B", 3: "@A" });
  }
});

test("43: a tag that cannot be looked at keeps the others from nothing", async () => {
  await using lab = await startLab({ tags: { 1: A, 2: A, 3: B, 4: C } });
  lab.name({ A, B, C });
  for (const method of ["HEAD", "GET"]) lab.on(method, "2", { reply: problem(403, "DENIED") });
  const run = await lab.run(["delete", "HOST/app:1", "HOST/app:2", "HOST/app:3", "--yes"]);
  assert.equal(run.exitCode, 8);
  assert.deepEqual(linesOf(run.stdout).sort(), [
    `deleted  HOST/app:1  ${A.digest}`,
    `deleted  HOST/app:3  ${B.digest}`,
    "failed   HOST/app:2",
  ]);
  assert.match(run.stderr, /the manifest "HOST\/app:2": HOST answered 403 DENIED\nerror: Cannot/);
  assert.deepEqual(lab.state(), { 2: "@A", 4: "@C" });
});

test("an index that lacks a part hinders nobody who deletes something else", async () => {
  const inner = index([pointTo(A)]);
  const outer = index([pointTo(inner), pointTo(C)]);
  await using lab = await startLab({ tags: { multi: outer, 1: B, 2: C } });
  lab.name({ B, C, outer });
  const run = await lab.run(["delete", `HOST/app@${B.digest}`, "--yes"]);
  assert.deepEqual([run.exitCode, deletes(run.log)], [0, ["DELETE @B"]], run.stderr);
  // What it has is its own.
  const refused = await lab.run(["delete", `HOST/app@${C.digest}`, "--yes"]);
  assert.deepEqual([refused.exitCode, deletes(refused.log)], [6, []]);
});

test("50,000 references on standard input are one repository's", async () => {
  await using lab = await startLab({ tags: {} });
  lab.on("GET", "tags/list", { reply: problem(404, "NAME_UNKNOWN") });
  const stdin = `${lab.host}/app:1\n`.repeat(50_000);
  const run = await lab.run(["delete", "-", "--dry-run"], { stdin });
  assert.deepEqual([run.exitCode, run.stdout], [3, "missing  HOST/app:1\n"], run.stderr);
  assert.deepEqual(run.log, ["GET tags/list", "HEAD 1", "GET 1"]);
});
