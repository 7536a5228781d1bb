import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, kept, planned, planText } from "./apply_lab.ts";
import { type Deleting, problem, startLab } from "./deletion_lab.ts";
import { type Content, image, index, pointTo } from "./oci_content.ts";

const A = image({ annotations: { name: "a" } });
const B = image({ annotations: { name: "b" } });
const C = image({ annotations: { name: "c" } });

async function start(
  tags: Readonly<Record<string, Content>>,
  deleting: Deleting = "tags",
  untagged: readonly Content[] = [],
) {
  const lab = await startLab({ tags, deleting, untagged });
  lab.name({ A, B, C });
  return lab;
}

/** What asks for more than to look. */
function changes(log: readonly string[]): readonly string[] {
  return log.filter((line) => !/^(GET|HEAD) /.test(line));
}

test("63: what a registry lists as a tag cannot lead a pattern elsewhere", async () => {
  const evil = [
    "pr-/../../../prod/db/manifests/v1",
    `pr-/../${B.digest}`,
    B.digest,
    "pr-\x1b[31m\r\nx",
    "pr-%2e%2e",
    `pr-${"x".repeat(200)}`,
  ];
  await using lab = await start({ "pr-1": A, keep: B });
  const list = { status: 200, body: { name: "app", tags: ["pr-1", "keep", ...evil] } };
  lab.on("GET", "tags/list", { reply: list, times: Infinity });
  const run = await lab.run(["delete", "HOST/app:pr-*", "HOST/app:sha256*", "--yes"]);
  assert.equal(run.exitCode, 8, run.stderr);
  assert.deepEqual(changes(run.log), ["DELETE pr-1"]);
  assert.deepEqual(lab.state(), { keep: "@B" });
  assert.doesNotMatch(run.stdout + run.stderr, /%2e|prod/);
  const undone = await lab.run(["undo", "--yes"]);
  assert.equal(undone.exitCode, 0, undone.stderr);
  assert.deepEqual(lab.state(), { keep: "@B", "pr-1": "@A" });
});

test("46: what is no tag is not one that stays", async () => {
  await using lab = await start({ 1: A });
  const list = { status: 200, body: { name: "app", tags: ["1", "-no-tag"] } };
  lab.on("GET", "tags/list", { reply: list, times: Infinity });
  const run = await lab.run(["delete", "HOST/app:*", "--yes"]);
  assert.deepEqual([run.exitCode, changes(run.log)], [6, []]);
});

test("42: what gets a tag while a plan is carried out stays", async () => {
  const parts = index([pointTo(B)]);
  for (const pushed of [B, parts]) {
    await using lab = await start({ 1: A, 2: B, 3: A });
    const plan = { tags: { 1: A, 2: B, 3: kept(A) }, manifests: [B] };
    lab.on("DELETE", "1", { act: () => lab.push("prod", pushed) });
    const run = await apply(lab, plan);
    assert.equal(run.exitCode, 8, run.stderr);
    assert.match(run.stderr, /a tag has come to need/);
    assert.deepEqual(changes(run.log), ["DELETE 1"]);
    assert.ok(lab.manifests.has(B.digest));
  }
});

test("39: what an index holds is seen at any depth", async () => {
  const layers = [index([pointTo(A)])];
  for (let i = 0; i < 5; i++) layers.push(index([pointTo(layers.at(-1) ?? A)]));
  const top = layers.at(-1) ?? A;
  await using lab = await start({ top, 2: B }, "tags", [A, ...layers.slice(0, -1)]);
  const run = await lab.run(["delete", `HOST/app@${A.digest}`, "--yes"]);
  assert.deepEqual([run.exitCode, changes(run.log)], [6, []]);
  assert.match(run.stderr, /the index under top lists it/);
});

test("38: where tags cannot be listed, a tag that takes its manifest along is put back", async () => {
  const answers = [
    problem(404, "NAME_UNKNOWN"),
    { status: 200, headers: { link: '</v2/app/tags/list>; rel="next"' }, body: { tags: ["1"] } },
  ];
  for (const reply of answers) {
    await using lab = await start({ 1: A, 2: A }, "manifests");
    lab.on("GET", "tags/list", { reply, times: Infinity });
    const run = await lab.run(["delete", "HOST/app:1", "--yes"]);
    assert.equal(run.exitCode, 6, run.stderr);
    assert.match(run.stderr, /deleted its manifest, and which other tags it had is not known/);
    assert.equal(lab.state()["1"], "@A");
    assert.ok(lab.manifests.has(A.digest));
  }
});

test("a registry that stores another copy than it was sent gets the tag back", async () => {
  await using lab = await start({ 1: A, 2: A }, "digests");
  lab.on("PUT", "1", {
    act: () => lab.push("1", C),
    reply: { status: 201, headers: { "docker-content-digest": C.digest } },
  });
  const run = await lab.run(["delete", "HOST/app:1", "--yes"]);
  assert.equal(run.exitCode, 7, run.stderr);
  assert.match(run.stderr, /stored its copy under another digest/);
  assert.deepEqual(lab.state(), { 1: "@A", 2: "@A" });
});

test("referrers of referrers without end are no list", async () => {
  let subject: Content = A;
  const chain: Content[] = [];
  for (let i = 0; i < 9; i++) {
    subject = image({ subject: pointTo(subject), annotations: { n: String(i) } });
    chain.push(subject);
  }
  const options = { tags: { 1: A, 2: B }, untagged: chain, hasReferrers: true };
  await using lab = await startLab({ ...options, deleting: "tags" });
  const calls = [
    ["delete", "HOST/app:1", "--with-referrers", "--yes"],
    ["prune", "HOST/app", "--keep", "1", "--with-referrers"],
  ];
  for (const words of calls) {
    const run = await lab.run(words);
    assert.deepEqual([run.exitCode, run.stdout, changes(run.log)], [8, "", []], run.stderr);
    assert.match(run.stderr, /no end/);
  }
});

test("a file that names plain http does not have credentials sent in the clear", async () => {
  await using lab = await start({ 1: A });
  const plan = planText(planned({ tags: { 1: A }, manifests: [A] }, "http://registry.test/app"));
  const run = await apply(lab, plan, ["--yes", "--allow-empty"]);
  assert.deepEqual([run.exitCode, run.stdout, run.log], [2, "", []]);
  assert.match(run.stderr, /plain http\nhint: Add --plain-http/);
});

test("a plan that has a repository under two names is refused", async () => {
  await using lab = await start({ 1: A });
  const both = ["registry.test/app", "REGISTRY.test:443/app"];
  const plan = planText(...both.map((name) => planned({ tags: { 1: A } }, name)));
  const run = await apply(lab, plan, ["--yes"]);
  assert.deepEqual([run.exitCode, run.log], [2, []]);
  assert.match(run.stderr, /twice/);
});

test("46: an old plan is measured by the tags that are left, too", async () => {
  await using lab = await start({ 1: A, 2: B, new: C });
  const old = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`old-${i}`, kept(C)]));
  const plan = { tags: { 1: A, 2: B, ...old }, manifests: [A, B] };
  const run = await apply(lab, plan, ["--yes"]);
  assert.deepEqual([run.exitCode, changes(run.log)], [6, []]);
  assert.match(run.stderr, /would delete 2 of 3 tags .* \(67%\)/);
});
