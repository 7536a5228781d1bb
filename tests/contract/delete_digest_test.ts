import assert from "node:assert/strict";
import { test } from "node:test";
import type { CapturedRunOptions } from "../support/capture_host.ts";
import { problem, startLab, visible } from "./deletion_lab.ts";
import { type Content, image, index, pointTo } from "./oci_content.ts";
import { assertRun } from "./run_against.ts";

const A = image({ annotations: { name: "a" } });
const B = image({ annotations: { name: "b" } });
const C = image({ annotations: { name: "c" } });
const INDEX = index([pointTo(A), pointTo(B)]);

const isMutating = (line: string) => /^(PUT|DELETE|POST|PATCH) /.test(line);
const changes = (log: readonly string[]) => log.filter(isMutating);

/** Somebody at a terminal who gives this answer. */
function person(typed: string): CapturedRunOptions {
  return { isTerminal: true, typedPassword: "", typed, env: { NO_COLOR: "1" } };
}

test("36: a digest goes with all its tags, each is reported", async () => {
  await using lab = await startLab({ tags: { 1: A, 2: A, 3: B } });
  lab.name({ A, B });
  const run = await lab.run(["delete", `HOST/app@${A.digest}`, "--yes"]);
  assertRun(run, {
    exitCode: 0,
    stdout: `deleted  HOST/app:1  ${A.digest}\ndeleted  HOST/app:2  ${A.digest}\n` +
      `deleted  HOST/app@${A.digest}\n`,
    stderr: "",
  });
  assert.deepEqual(run.log.slice(0, 2), ["GET tags/list", "HEAD @A"]);
  assert.deepEqual(run.log.slice(2, 5).sort(), ["HEAD 1", "HEAD 2", "HEAD 3"]);
  assert.deepEqual(run.log.slice(5), [
    ...["GET 1", "HEAD 2"],
    // What was pushed meanwhile may need it.
    "GET tags/list",
    ...["DELETE @A", "GET tags/list"],
  ]);
  assert.deepEqual(changes(run.log), ["DELETE @A"]);
  assert.deepEqual(lab.state(), { 3: "@B" });
  const [, line] = await lab.journal();
  const { tags, manifest } = line?.["removal"] ?? {};
  assert.deepEqual([tags, manifest], [["1", "2"], true]);
});

test("36: the tags that would go are listed before the question", async () => {
  for (const typed of ["n", "", "yess", "Y", "yes", " y "]) {
    await using lab = await startLab({ tags: { 1: A, 2: A, 3: B }, untagged: [C] });
    lab.name({ A, B, C });
    const words = ["delete", `HOST/app@${A.digest}`, "HOST/app:3", `HOST/app@${C.digest}`];
    const run = await lab.run(words, person(typed));
    const shown = visible(run.stderr);
    assert.ok(
      shown.startsWith(
        `HOST/app:3  ${B.digest}\nHOST/app@${A.digest}, with 1, 2\n` +
          `HOST/app@${C.digest}, which has no tag\n`,
      ),
      JSON.stringify(shown),
    );
    const isYes = /^ ?y(es)? ?$/i.test(typed);
    assert.equal(run.exitCode, isYes ? 0 : 130);
    assert.deepEqual(changes(run.log).sort(), isYes ? ["DELETE 3", "DELETE @A", "DELETE @C"] : []);
    if (isYes) continue;
    assert.match(shown, /error: Not confirmed: nothing was changed\n$/);
    assert.deepEqual([run.stdout, await lab.journal()], ["", []]);
  }
});

test("46: without a terminal, --yes is required, and nothing changes", async () => {
  const cases: readonly CapturedRunOptions[] = [
    {},
    { isTerminal: true, env: { NO_COLOR: "1" } },
    { typedPassword: "", typed: "y" },
    // Its lines are no answer.
    { ...person("y"), stdin: "HOST/app:1\n" },
  ];
  for (const options of cases) {
    await using lab = await startLab({ tags: { 1: A, 2: A } });
    const stdin = options.stdin && options.stdin.toString().replace("HOST", lab.host);
    const words = stdin ? ["-"] : ["HOST/app:1", `HOST/app@${A.digest}`];
    const run = await lab.run(["delete", ...words], { ...options, ...(stdin && { stdin }) });
    assert.equal(run.exitCode, 2, run.stderr);
    assert.match(
      visible(run.stderr),
      /error: Nobody is here to be asked: nothing was changed\nhint: Look at it with --dry-run/,
    );
    assert.deepEqual([run.stdout, changes(run.log), await lab.journal()], ["", [], []]);
  }
});

test("37: a dry run shows it all, and changes nothing", async () => {
  const planned = (name: string, digest: string, tag?: string) => ({
    ...{ reference: `HOST/app${name}`, ...(tag && { tag }), digest, outcome: "planned" },
  });
  const results = [
    planned(":3", B.digest, "3"),
    ...[
      planned(":1", A.digest, "1"),
      planned(":2", A.digest, "2"),
      planned(`@${A.digest}`, A.digest),
    ],
  ];
  const text = results.map(({ reference, tag, digest }) =>
    `planned  ${reference}${tag ? `  ${digest}` : ""}\n`
  ).join("");
  for (const format of ["text", "json", "ndjson"]) {
    await using lab = await startLab({ tags: { 1: A, 2: A, 3: B, 4: C } });
    const words = ["delete", "HOST/app:3", `HOST/app@${A.digest}`, "--dry-run", "-o", format];
    const run = await lab.run(words);
    assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
    if (format === "text") assert.equal(run.stdout, text);
    else if (format === "json") {
      assert.deepEqual(JSON.parse(run.stdout), { journal: null, results });
    } else {
      const lines = run.stdout.trimEnd().split("\n");
      assert.deepEqual(lines.map((line) => JSON.parse(line)), results);
    }
    assert.deepEqual([changes(run.log), await lab.journal()], [[], []]);
  }
});

test("39: an index goes before what it lists, however they are named, with or without a tag", async () => {
  const cases: readonly Readonly<Record<string, Content>>[] = [{ multi: INDEX }, { other: C }];
  for (const tags of cases) {
    await using lab = await startLab({ tags, untagged: [INDEX, A, B, C] });
    lab.name({ A, B, C, INDEX });
    const named = [A, INDEX, B].map(({ digest }) => `HOST/app@${digest}`);
    const run = await lab.run(["delete", ...named, "--yes"]);
    assert.equal(run.exitCode, 0, run.stderr);
    const [first, ...rest] = changes(run.log);
    assert.deepEqual([first, rest.sort()], ["DELETE @INDEX", ["DELETE @A", "DELETE @B"]]);
  }
});

test("39: what an index lists stays where the index could not be deleted", async () => {
  await using lab = await startLab({ tags: { multi: INDEX }, untagged: [A, B] });
  lab.name({ A, B, INDEX });
  lab.on("DELETE", "@INDEX", { reply: problem(500, "BROKEN"), times: 5 });
  const run = await lab.run([
    ...["delete", `HOST/app@${A.digest}`, `HOST/app@${INDEX.digest}`, "--yes"],
  ]);
  assert.deepEqual([run.exitCode, run.stdout], [
    8,
    `failed   HOST/app:multi\nfailed   HOST/app@${INDEX.digest}\n`,
  ]);
  assert.match(run.stderr, new RegExp(`\n${INDEX.digest} needs it, and is still there\n`));
  assert.match(run.stderr, /\nerror: Cannot delete 3 of 3\n/);
  assert.ok(changes(run.log).every((line) => line === "DELETE @INDEX"));
});

test("39: the child of a tagged index is refused, but with --force", async () => {
  const outer = index([pointTo(INDEX)]);
  for (const tags of [{ multi: INDEX, also: INDEX, 1: C }, { multi: outer, 1: A }]) {
    await using lab = await startLab({ tags, untagged: [INDEX, A, B] });
    lab.name({ A, B, C, INDEX, outer });
    const words = ["delete", `HOST/app@${A.digest}`, "--yes"];
    const refused = await lab.run(words);
    const under = "also" in tags ? "also, multi" : "multi";
    assertRun(refused, {
      exitCode: 6,
      stdout: "",
      stderr: `error: Cannot delete "HOST/app@${A.digest}": the index under ${under} lists it, ` +
        "and would be broken\nhint: Delete the index first, or add --force\n",
    });
    assert.deepEqual(changes(refused.log), []);
    const forced = await lab.run([...words, "--force"]);
    assert.deepEqual([forced.exitCode, changes(forced.log)], [0, ["DELETE @A"]]);
  }
});

test("39: a tag of such a child goes alone, and needs no --force", async () => {
  await using lab = await startLab({ tags: { multi: INDEX, amd64: A } });
  lab.name({ A, INDEX });
  const run = await lab.run(["delete", "HOST/app:amd64", "--yes"]);
  assert.deepEqual([run.exitCode, changes(run.log)], [0, ["DELETE amd64"]]);
  assert.ok(lab.manifests.has(A.digest));
});

test("Google wants the tags deleted first, and zot where there are several", async () => {
  for (const deleting of ["untagged", "lastTags"] as const) {
    await using lab = await startLab({ tags: { 1: A, 2: A, 3: B }, deleting });
    lab.name({ A, B });
    const run = await lab.run(["delete", `HOST/app@${A.digest}`, "--yes", "-o", "json"]);
    assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
    assert.deepEqual(changes(run.log), ["DELETE @A", "DELETE 1", "DELETE 2", "DELETE @A"]);
    const { results } = JSON.parse(run.stdout);
    assert.deepEqual(
      results.map(({ tag, outcome, way }: Record<string, string>) => [tag, outcome, way]),
      [
        ["1", "deleted", "tag"],
        ["2", "deleted", "tag"],
        // zot deletes a manifest with its last tag.
        [undefined, "deleted", "digest"],
      ],
    );
    assert.deepEqual(lab.state(), { 3: "@B" });
  }
});

test("a refused digest without tags is asked for once", async () => {
  await using lab = await startLab({ tags: { 1: B }, untagged: [A] });
  lab.name({ A });
  lab.on("DELETE", "@A", { reply: problem(409, "CONFLICT", "locked") });
  const run = await lab.run(["delete", `HOST/app@${A.digest}`, "--yes"]);
  assert.deepEqual([run.exitCode, changes(run.log)], [6, ["DELETE @A"]]);
  assert.match(run.stderr, /answered 409 CONFLICT: locked\n/);
});

test("where the tags have gone and the digest does not, undo knows what is missing", async () => {
  await using lab = await startLab({ tags: { 1: A, 3: B }, deleting: "untagged" });
  lab.name({ A, B });
  lab.on("DELETE", "1", { act: () => lab.on("DELETE", "@A", { reply: problem(403, "DENIED") }) });
  const run = await lab.run(["delete", `HOST/app@${A.digest}`, "--yes"]);
  assert.deepEqual([run.exitCode, run.stdout], [
    8,
    `deleted  HOST/app:1  ${A.digest}\nfailed   HOST/app@${A.digest}\n`,
  ]);
  const undone = await lab.run(["undo", "--yes"]);
  assertRun(undone, { exitCode: 0, stdout: `restored HOST/app:1  ${A.digest}\n`, stderr: "" });
  assert.deepEqual(lab.state(), { 1: "@A", 3: "@B" });
});

test("44: a digest that went with a lost connection is done", async () => {
  await using lab = await startLab({ tags: { 1: A, 3: B } });
  lab.name({ A, B });
  lab.on("DELETE", "@A", { lost: "after" });
  const run = await lab.run(["delete", `HOST/app@${A.digest}`, "--yes"]);
  assertRun(run, {
    exitCode: 0,
    stdout: `deleted  HOST/app:1  ${A.digest}\ndeleted  HOST/app@${A.digest}\n`,
    stderr: "",
  });
  assert.equal(run.waits.length, 1);
});

test("F19: a registry that deletes nothing is asked no further", async () => {
  const many = Array.from({ length: 20 }, (_, i) => image({ annotations: { name: `${i}` } }));
  for (const concurrency of [1, 8]) {
    await using lab = await startLab({ tags: { 3: B }, untagged: many, deleting: "never" });
    const words = many.map(({ digest }) => `HOST/app@${digest}`);
    const run = await lab.run([
      ...["delete", ...words, "--yes", "--concurrency", `${concurrency}`],
    ]);
    assert.equal(run.exitCode, 6);
    const sent = changes(run.log).length;
    assert.ok(sent <= concurrency);
    const outcomes = run.stdout.trimEnd().split("\n").map((line) => line.split(" ")[0]);
    assert.deepEqual(outcomes, Array(sent).fill("failed"));
    assert.match(
      run.stderr,
      /^error: Cannot delete "HOST[^\n]* answered 405 UNSUPPORTED \(and so for all 20\)\nhint: Enable deleting/,
    );
  }
});

test("where it cannot be seen what was pushed meanwhile, no manifest goes, and all is told", async () => {
  await using lab = await startLab({ tags: { 1: A, 2: A, 3: B, 4: C } });
  lab.name({ A, B, C });
  // Not the first look, but the one before manifests go.
  lab.on("DELETE", "3", {
    act: () => lab.on("GET", "tags/list", { reply: problem(403, "DENIED") }),
  });
  const words = ["HOST/app:3", `HOST/app@${A.digest}`, "--yes", "-o", "json"];
  const run = await lab.run(["delete", ...words]);
  assert.equal(run.exitCode, 8, run.stderr);
  assert.deepEqual(
    JSON.parse(run.stdout).results.map(({ tag, outcome }: Record<string, string>) => [
      tag,
      outcome,
    ]),
    [["3", "deleted"], ["1", "skipped"], ["2", "skipped"], [undefined, "skipped"]],
  );
  assert.deepEqual(changes(run.log), ["DELETE 3"]);
  assert.deepEqual(lab.state(), { 1: "@A", 2: "@A", 4: "@C" });
});

test("F21: what is pushed meanwhile keeps the manifest that it needs", async () => {
  for (const pushed of [A, index([pointTo(A)])]) {
    await using lab = await startLab({ tags: { 1: A, 3: B } });
    lab.name({ A, B, pushed });
    lab.on("GET", "1", { act: () => lab.push("new", pushed) });
    const run = await lab.run(["delete", `HOST/app@${A.digest}`, "--yes"]);
    assert.deepEqual([run.exitCode, changes(run.log)], [8, []], run.stderr);
    assert.match(run.stderr, /a tag has come to need sha256:/);
    assert.ok(lab.manifests.has(A.digest));
  }
});
