import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, kept, planned, planText, startNamed } from "./apply_lab.ts";
import type { Content } from "./oci_content.ts";
import { makeImage } from "./plan_script.ts";

const A = makeImage("a");
const B = makeImage("b");
const C = makeImage("c");
const TAGS = { 1: A, 2: B, 3: C };
const PLAN = { tags: { 1: A, 2: kept(B), 3: kept(C) }, manifests: [A] };
const start = () => startNamed({ tags: TAGS }, { A, B, C });

const HINT = "hint: Write it with regctl prune … -o json >plan.json\n";

/** Files that are no plan of this version, and why. */
const NO_PLANS: readonly (readonly [string, string, string])[] = [
  ["empty", "", `it is not JSON\n${HINT}`],
  ["a table", "ACTION  TAG\ndelete  1\n", `it is not JSON\n${HINT}`],
  ["cut off", planText(planned(PLAN)).slice(0, -3), `it is not JSON\n${HINT}`],
  ["two plans", planText().repeat(2), `it is not JSON\n${HINT}`],
  ["an error", '{"error":{"code":"SERVER"}}', `it is not a plan\n${HINT}`],
  ["null", "null", `it is not a plan\n${HINT}`],
  ["a list", "[]", `it is not a plan\n${HINT}`],
  [
    "of another version",
    planText().replace('"version":1', '"version":2'),
    "its version is 2, not 1\n",
  ],
  ["of no version", planText().replace('"version":1,', ""), "its version is not there, not 1\n"],
  [
    "of a version as text",
    planText().replace('"version":1', '"version":"1"'),
    'its version is "1", not 1\n',
  ],
  ["without repositories", planText().replace('"repositories":[]', '"x":1'), "it is incomplete\n"],
  ["without a date", planText().replace('"createdAt"', '"x"'), "it is incomplete\n"],
];

for (const [what, text, says] of NO_PLANS) {
  test(`41: a plan that is ${what} deletes nothing, and sends nothing`, async () => {
    await using lab = await start();
    const run = await apply(lab, text);
    assert.deepEqual([run.exitCode, run.stdout, run.log], [2, "", []]);
    assert.equal(run.stderr, `error: Cannot use the plan plan.json: ${says}`);
    const json = await apply(lab, text, ["--yes", "-o", "json"]);
    assert.deepEqual([json.stdout, JSON.parse(json.stderr).error.exitCode], ["", 2]);
  });
}

test("41: a plan that is not there, or a folder, is said so", async () => {
  await using lab = await start();
  const missing = await lab.run(["apply", "/nonexistent/plan.json", "--yes"]);
  assert.deepEqual([missing.exitCode, missing.stderr], [
    2,
    "error: Cannot read /nonexistent/plan.json: there is no such file\n",
  ]);
  const folder = await lab.run(["apply", lab.folder.path, "--yes"]);
  assert.equal(folder.exitCode, 2);
});

type Fields = Readonly<Record<string, unknown>>;

/** The plan with other fields of its first tag, its manifest, or itself. */
function edited(
  { tag = {}, manifest = {}, repository = {} }: Partial<
    Record<"tag" | "manifest" | "repository", Fields>
  >,
): string {
  const plan = planned(PLAN) as { tags: Fields[]; manifests: Fields[] };
  return planText({
    ...plan,
    tags: plan.tags.map((one, i) => i === 0 ? { ...one, ...tag } : one),
    manifests: plan.manifests.map((one) => ({ ...one, ...manifest })),
    ...repository,
  });
}

const TAG = "repositories[0].tags[0] is not as regctl writes it\n";
const MANIFEST = "repositories[0].manifests[0] is not as regctl writes it\n";
const REPOSITORY = "repositories[0] is not as regctl writes it\n";

/** What nobody should send to a registry, and what is said. */
const HOSTILE: readonly (readonly [Parameters<typeof edited>[0], string])[] = [
  ...[
    ...[
      "../../other/manifests/x",
      "..%2fx",
      "%2e%2e",
      "a/b",
      "a b",
      "",
      "-x",
      ".x",
      "x\r\ny",
      "x?y",
    ],
    ...["x#y", "x".repeat(129), null, 1, ["1"], undefined],
  ].map((tag): [Parameters<typeof edited>[0], string] => [{ tag: { tag } }, TAG]),
  ...[
    ...["sha256:", "sha256:abc", `sha256:${"A".repeat(64)}`, `sha256:${"a".repeat(63)}/`],
    ...[`sha512:${"a".repeat(64)}`, `md5:${"a".repeat(32)}`, "../x", "1", null, 5, {}],
    `sha256:${"a".repeat(64)}\n`,
  ].map((digest): [Parameters<typeof edited>[0], string] => [{ tag: { digest } }, TAG]),
  ...["remove", "Delete", "", null, true, ["delete"]].map((
    action,
  ): [Parameters<typeof edited>[0], string] => [{ tag: { action } }, TAG]),
  [{ manifest: { digest: "../x" } }, MANIFEST],
  [{ manifest: { tags: ["../x"] } }, MANIFEST],
  [{ manifest: { tags: "1" } }, MANIFEST],
  [{ manifest: { after: ["x"] } }, MANIFEST],
  [{ manifest: { size: "5" } }, MANIFEST],
  [{ repository: { tags: {} } }, REPOSITORY],
  [{ repository: { manifests: null } }, REPOSITORY],
  [{ repository: { repository: 5 } }, REPOSITORY],
  [{ tag: { tag: "2" } }, "it has 2 twice\n"],
];

test("41: a plan with something that prune never writes sends nothing at all", async () => {
  await using lab = await start();
  for (const [fields, says] of HOSTILE) {
    const run = await apply(lab, edited(fields));
    const told = JSON.stringify(fields);
    assert.deepEqual([told, run.exitCode, run.log], [told, 2, []]);
    assert.equal(run.stderr, `error: Cannot use the plan plan.json: ${says}`, told);
  }
  const twice = planned({ ...PLAN, manifests: [A, A] });
  const run = await apply(lab, planText(twice));
  assert.match(run.stderr, /^error: Cannot use the plan plan\.json: it has sha256:\w{64} twice\n/);
  const again = await apply(lab, planText(planned(PLAN), planned(PLAN)));
  assert.equal(again.stderr, "error: Cannot use the plan plan.json: it has HOST/app twice\n");
  for (const entry of [null, 5, [], "x"]) {
    assert.match((await apply(lab, planText(entry as never))).stderr, /repositories\[0\] is not/);
  }
});

test("41: a repository that is none, or hides another, sends nothing", async () => {
  await using lab = await start();
  const names = [
    "HOST/App",
    "HOST/../app",
    "HOST/a//b",
    "HOST/app:1",
    "HOST/app?x",
    "HOST/a%2fb",
    "",
    "HOST/",
  ];
  for (const name of [...names, "http://u:p@HOST/app", "file:///etc/app", `HOST/app@${A.digest}`]) {
    const run = await apply(lab, planText(planned(PLAN, name)));
    assert.deepEqual([name, run.exitCode, run.log], [name, 2, []]);
    assert.match(run.stderr, /^error: Cannot use the plan plan\.json: repositories\[0\]: /);
  }
});

test("41: keys that are the prototype's do nothing", async () => {
  await using lab = await start();
  const text = edited({}).replace('"tags":[', '"__proto__":{"tags":[]},"constructor":1,"tags":[')
    .replace('"tag":"1"', '"tag":"1","__proto__":{"action":"keep"}');
  const run = await apply(lab, text, ["--yes"]);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(lab.state(), { 2: "@B", 3: "@C" });
  const tags: Record<string, Content> = { constructor: A, toString: B, keep: C };
  await using other = await startNamed({ tags }, { A, B, C });
  const named = await apply(other, {
    tags: { constructor: A, toString: kept(B), keep: kept(C) },
    manifests: [A],
  });
  assert.equal(named.exitCode, 0, named.stderr);
  assert.deepEqual(other.state(), { toString: "@B", keep: "@C" });
});

test("63: what a plan says cannot change the terminal", async () => {
  await using lab = await start();
  const text = planText(planned(PLAN)).replace("2026-01-02T", "\\u001b[2J\\u202e");
  const terminal = { isTerminal: true, typedPassword: "", env: { NO_COLOR: "1" } };
  const run = await apply(lab, text, [], terminal);
  assert.ok(!run.stderr.replaceAll("\r\x1b[K", "").includes("\x1b"));
  const version = planText().replace('"version":1', '"version":"\\u001b[2J"');
  assert.ok(!(await apply(lab, version)).stderr.includes("\x1b"));
});

/** A plan of `count` manifests, each of which needs the one behind it, and all of which stay. */
function longPlan(count: number): string {
  const digest = (i: number) => `sha256:${i.toString(16).padStart(64, "0")}`;
  const numbers = Array.from({ length: count }, (_, i) => i);
  return planText({
    repository: "HOST/app",
    freedBytes: 0,
    tags: numbers.map((i) => ({
      ...{ tag: `t${i}`, digest: digest(i), created: null, rule: "keep", reason: "x" },
      action: i === count - 1 ? "keep" : "delete",
    })),
    manifests: numbers.map((i) => ({
      ...{ digest: digest(i), mediaType: "x", size: 1, tags: [`t${i}`] },
      after: i === count - 1 ? [] : [digest(i + 1)],
    })),
  });
}

test("a plan of 100,000 tags that hang on each other takes linear time", async () => {
  // The last one stays, and so does all that hangs on it.
  await using lab = await startNamed({ tags: { t99999: A } }, {});
  const begin = performance.now();
  const words = ["--dry-run", "--max-delete", "100%", "-o", "json"];
  const run = await apply(lab, longPlan(100_000), words);
  assert.deepEqual([run.exitCode, JSON.parse(run.stdout).results.length], [0, 99_999]);
  assert.ok(performance.now() - begin < 10_000, `${performance.now() - begin} ms`);
  assert.ok(JSON.parse(run.stdout).results.every((it: { tag?: string }) => it.tag !== undefined));
});

test("a plan of 100,000 repositories is read in linear time", async () => {
  await using lab = await startNamed({ tags: {} }, {});
  const repositories = Array.from(
    { length: 100_000 },
    (_, i) => planned({ tags: {} }, `HOST/r${i}`),
  );
  const begin = performance.now();
  const run = await apply(lab, planText(...repositories));
  assert.deepEqual([run.exitCode, run.stderr, run.log], [
    0,
    "note: The plan deletes nothing\n",
    [],
  ]);
  assert.ok(performance.now() - begin < 10_000, `${performance.now() - begin} ms`);
});
