import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, kept } from "./apply_lab.ts";
import { type Deleting, problem, startLab } from "./deletion_lab.ts";
import { type Content, image, index, pointTo } from "./oci_content.ts";

const A = image({ annotations: { name: "a" } });
const B = image({ annotations: { name: "b" } });
const C = image({ annotations: { name: "c" } });
const DELETE_1 = ["delete", "HOST/app:1", "--yes"];

async function start(tags: Readonly<Record<string, Content>>, deleting: Deleting = "tags") {
  const lab = await startLab({ tags, deleting });
  lab.name({ A, B, C });
  return lab;
}

function changes(log: readonly string[]): readonly string[] {
  return log.filter((line) => !/^(GET|HEAD) /.test(line));
}

test("42: a tag that somebody else deleted is not put back, least of all at another image", async () => {
  await using lab = await start({ 1: A, 2: B, 3: C }, "lastTags");
  lab.on("DELETE", "1", { act: () => void lab.tags.delete("2") });
  const run = await lab.run(DELETE_1);
  assert.equal(run.exitCode, 8, run.stderr);
  assert.match(run.stderr, /2 went too, or by other hands/);
  assert.deepEqual(lab.state(), { 1: "@A", 3: "@C" });
});

test("a tag that is listed and leads to nothing is none that went along", async () => {
  await using lab = await start({ 1: A, ghost: B, 3: C }, "lastTags");
  lab.lose(B.digest);
  const run = await lab.run(DELETE_1);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(changes(run.log), ["DELETE 1"]);
});

test("38: a tag that cannot be read does not keep the others from being looked at", async () => {
  await using lab = await start({ 1: A, 2: A, old: C }, "manifests");
  lab.on("HEAD", "old", { reply: problem(403, "DENIED"), times: Infinity });
  lab.on("GET", "old", { reply: problem(403, "DENIED"), times: Infinity });
  const run = await lab.run(DELETE_1);
  assert.equal(run.exitCode, 8, run.stderr);
  assert.match(run.stderr, /2 went too/);
  const undone = await lab.run(["undo", "--yes"]);
  assert.equal(undone.exitCode, 0, undone.stderr);
  assert.deepEqual([lab.state()["1"], lab.state()["2"]], ["@A", "@A"]);
});

test("38: a registry that took tags along is asked for nothing more", async () => {
  const tags = { 1: A, 2: A, 3: B, 4: B, 5: C, 6: C };
  await using lab = await start(tags, "manifests");
  lab.on("PUT", "@A", { reply: problem(403, "DENIED") });
  const words = ["delete", "HOST/app:1", "HOST/app:3", "HOST/app:5", "--yes"];
  const run = await lab.run(words);
  assert.equal(run.exitCode, 8, run.stderr);
  assert.deepEqual(changes(run.log), ["DELETE 1", "PUT @A"]);
  assert.deepEqual(lab.state(), { 3: "@B", 4: "@B", 5: "@C", 6: "@C" });
});

test("what goes with its last tag costs no look at all others each time", async () => {
  const images = Array.from({ length: 40 }, (_, i) => image({ annotations: { n: `${i}` } }));
  const tags = Object.fromEntries(images.map((one, i) => [i < 20 ? `go-${i}` : `stay-${i}`, one]));
  await using lab = await startLab({ tags, deleting: "lastTags" });
  const run = await lab.run(["delete", "HOST/app:go-*", "--yes"]);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.ok(run.log.length < 250, `${run.log.length} requests`);
});

test("42: no manifest goes where a tag that was to go alone cannot be read again", async () => {
  await using lab = await start({ 1: A, 2: A, 3: B });
  const parts = index([pointTo(B)]);
  lab.on("HEAD", "2", { act: () => lab.push("1", parts) });
  lab.on("GET", "1", { reply: problem(403, "DENIED"), times: Infinity });
  const plan = { tags: { 1: A, 2: kept(A), 3: B }, manifests: [B] };
  const words = ["--yes", "--max-delete", "100%", "--concurrency", "1"];
  const run = await apply(lab, plan, words);
  assert.equal(run.exitCode, 8, run.stderr);
  assert.deepEqual(changes(run.log), []);
  assert.ok(lab.manifests.has(B.digest));
});

test("39: a referrer that has a name of its own stays", async () => {
  const R = image({ subject: pointTo(A), annotations: { name: "r" } });
  const options = { tags: { 1: A, "chart-v7": R, 2: B }, hasReferrers: true };
  await using lab = await startLab({ ...options, deleting: "tags" });
  lab.name({ A, R });
  const run = await lab.run([...DELETE_1, "--with-referrers"]);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(changes(run.log), ["DELETE @A"]);
  assert.equal(lab.state()["chart-v7"], "@R");
});

test("44: what an earlier try has deleted can be undone, however the call ends", async () => {
  // The first try did it; what follows says nothing about that.
  const cases: readonly ((lab: Awaited<ReturnType<typeof start>>) => readonly string[])[] = [
    (lab) => {
      lab.on("DELETE", "1", { act: () => void lab.tags.delete("1"), reply: { status: 502 } });
      lab.on("HEAD", "1", {});
      lab.on("HEAD", "1", { reply: problem(403, "DENIED"), times: Infinity });
      lab.on("GET", "1", {});
      lab.on("GET", "1", { reply: problem(403, "DENIED"), times: Infinity });
      return DELETE_1;
    },
    (lab) => {
      const gone = () => {
        lab.tags.delete("1");
        lab.manifests.delete(A.digest);
      };
      lab.on("DELETE", "@A", { act: gone, reply: { status: 502 } });
      lab.on("DELETE", "@A", { reply: { status: 429, headers: { "retry-after": "3600" } } });
      return ["delete", `HOST/app@${A.digest}`, "--yes", "--timeout", "60s"];
    },
    (lab) => {
      lab.on("DELETE", "@A", { act: () => lab.lose(A.digest), reply: { status: 500 } });
      lab.on("PUT", "1", { reply: problem(403, "DENIED") });
      return ["delete", `HOST/app@${A.digest}`, "--yes"];
    },
  ];
  for (const prepare of cases) {
    await using lab = await start({ 1: A, 2: B });
    const run = await lab.run(prepare(lab));
    assert.notEqual(run.exitCode, 0, run.stderr);
    const undone = await lab.run(["undo", "--yes"]);
    assert.equal(undone.exitCode, 0, `${run.stderr}${undone.stderr}`);
    assert.deepEqual(lab.state(), { 1: "@A", 2: "@B" });
  }
});

test("44: a doubt outlives a token that ran out", async () => {
  await using lab = await start({ 1: A, 2: B });
  lab.on("DELETE", "1", { reply: { status: 502 } });
  lab.on("DELETE", "1", {
    reply: { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } },
  });
  lab.on("DELETE", "1", { reply: problem(403, "DENIED"), times: 1 });
  const run = await lab.run([...DELETE_1, "-u", "ann", "--password-stdin"], { stdin: "secret" });
  assert.equal(run.exitCode, 4, run.stderr);
  const lines = await lab.journal();
  assert.deepEqual(lines.filter((line) => "kept" in line), []);
});

test("46: a limit of a number holds for the plan and for what is listed", async () => {
  const old = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`old-${i}`, B]));
  await using lab = await start({ "old-0": B, stays: C });
  const plan = { tags: { ...old, stays: kept(C) }, manifests: [B] };
  const run = await apply(lab, plan, ["--yes", "--max-delete", "7"]);
  assert.deepEqual([run.exitCode, changes(run.log)], [6, []], run.stderr);
});

test("a tag of Docker's schema 1 does not keep a manifest from being deleted", async () => {
  await using lab = await start({ 1: A, old: B });
  const reply = {
    status: 200,
    headers: { "content-type": "application/vnd.docker.distribution.manifest.v1+prettyjws" },
    body: '{"schemaVersion":1}',
  };
  lab.on("HEAD", "old", { reply, times: Infinity });
  lab.on("GET", "old", { reply, times: Infinity });
  const run = await lab.run(["delete", `HOST/app@${A.digest}`, "--yes"]);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(changes(run.log), ["DELETE @A"]);
});
