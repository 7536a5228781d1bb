import assert from "node:assert/strict";
import { test } from "node:test";
import { type CapturedRunOptions, runCaptured } from "../support/capture_host.ts";
import { startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { index, manifestStep, pointTo, serve } from "./oci_content.ts";
import {
  assertNoPlan,
  daysAgo,
  decisions,
  goingManifests,
  makeImage,
  type PlanDocument,
  reading,
} from "./plan_script.ts";
import { type ContractRun } from "./run_against.ts";

const A = makeImage("a", daysAgo(300));
const B = makeImage("b", daysAgo(200));
const C = makeImage("c", daysAgo(100));

/**
 * Runs `prune HOST/app` beside files with these texts, in which `HOST` stands for the registry. A
 * word that is the name of one stands for its path.
 */
async function pruneBeside(
  files: Readonly<Record<string, string>>,
  script: readonly Step[],
  words: readonly string[],
  options: CapturedRunOptions = {},
): Promise<ContractRun> {
  await using folder = await createTempFolder();
  await using registry = await startScriptedRegistry(script);
  const fill = (text: string) => text.replaceAll("HOST", registry.host);
  for (const [name, text] of Object.entries(files)) await folder.write(name, fill(text));
  const args = words.map((word) => Object.hasOwn(files, word) ? folder.join(word) : fill(word));
  const run = await runCaptured(["prune", `${registry.host}/app`, ...args], {
    ...options,
    ...(typeof options.stdin === "string" && { stdin: fill(options.stdin) }),
    env: { HOME: folder.join("home"), XDG_STATE_HOME: folder.join("state") },
  });
  registry.assertDone();
  const clean = (text: string) =>
    text.replaceAll(`${folder.path}/`, "").replaceAll(registry.host, "HOST");
  return {
    ...run,
    stdout: clean(run.stdout),
    stderr: clean(run.stderr),
    requests: registry.requests.map(({ method, path }) => `${method} ${path}`),
  };
}

/** The plan of such a run, which must succeed. */
async function planBeside(...args: Parameters<typeof pruneBeside>): Promise<PlanDocument> {
  const [files, script, words, options] = args;
  const run = await pruneBeside(files, script, [...words, "-o", "json"], options);
  const [note, ...more] = run.stderr.split("\n");
  // What is in use is said in any case; see below.
  const isUse = note === "" || /^\{"(note|warning)":"[^"]* images in use[^"]*"\}$/.test(note ?? "");
  assert.deepEqual([run.exitCode, isUse, more.join("")], [0, true, ""], run.stderr);
  return JSON.parse(run.stdout);
}

const TAGS = { 1: A, 2: B, 3: C };

test("--policy: flags go before the file, and lists are joined", async () => {
  const policy = "keep: 3\nmatch: ['1', '2']\nprotect: '1'\n";
  const byFile = await planBeside({ "p.yaml": policy }, reading({ tags: TAGS, dated: [B] }), [
    "--policy",
    "p.yaml",
  ]);
  assert.deepEqual(decisions(byFile), [
    "1 keep protect: protected by 1",
    "2 keep keep: among the 3 newest",
    "3 keep match: fits no --match",
  ]);
  const words = ["--policy", "p.yaml", "--keep", "1", "--match", "3", "--exclude", "2"];
  const both = await planBeside({ "p.yaml": policy }, reading({ tags: TAGS, dated: [C] }), words);
  assert.deepEqual(decisions(both), [
    "1 keep protect: protected by 1",
    "2 keep exclude: excluded by 2",
    "3 keep keep: the newest",
  ]);
});

test("--policy: a file can name what is in use", async () => {
  const files = { "p.yaml": "match: '*'\nkeep-used: USED\n" };
  await using used = await createTempFolder();
  const file = await used.write("used.txt", "ghcr.io/other/app:1\n");
  const script = reading({ tags: TAGS, dated: [A, B, C] });
  const words = ["--policy", "p.yaml", "--allow-empty"];
  const text = files["p.yaml"].replace("USED", file);
  const plan = await planBeside({ "p.yaml": text }, script, words);
  assert.deepEqual(plan.repositories[0]?.delete, 3);
});

/** Policy files that are refused before anything is asked. */
const BAD: readonly (readonly [string, RegExp])[] = [
  ["keep: ten", /^error: Cannot use p\.yaml:1: "keep" must be a whole number from 0\n/],
  [
    "keep: 1\nkepe: 2",
    /^error: Cannot use p\.yaml:2: there is no key "kepe"\nhint: Use the keys keep, /,
  ],
  ["keep: 1\nkeep: 2", /^error: Cannot use p\.yaml:2: the key "keep" is there twice\n/],
  ["keep: 0", /^error: --keep 0 keeps nothing\n/],
  ["match: ['/(/']", /^error: Cannot use the pattern "\/\(\/"/],
  ["", /^error: /],
  ["- keep: 1", /^error: /],
  ["keep: 1\n---\nkeep: 2", /^error: /],
  ["keep: [", /^error: Cannot read p\.yaml:\d+: it is not YAML/],
  ["__proto__: {keep: 1}", /there is no key "__proto__"/],
];

test("--policy: a file that is not understood is refused before anything is asked", async () => {
  for (const [text, says] of BAD) {
    const run = await pruneBeside({ "p.yaml": text }, [], ["--policy", "p.yaml"]);
    assertNoPlan(run, 2, says);
  }
  const missing = await pruneBeside({}, [], ["--policy", "/nonexistent/p.yaml", "--keep", "1"]);
  assertNoPlan(missing, 2, "error: Cannot read /nonexistent/p.yaml: there is no such file\n");
});

/** What is in use, the tags that stay for it, and how much of it is of the repository. */
const USED: readonly (readonly [string, string, readonly string[], string])[] = [
  ["a tag", "HOST/app:1", ["1"], "note: 1 of 1 images in use: of"],
  ["a digest", `HOST/app@${B.digest}`, ["2"], "note: 1 of 1 images in use: of"],
  [
    "a tag that has moved since, and its digest",
    `HOST/app:1@${B.digest}`,
    ["1", "2"],
    "note: 1 of 1 images in use: of",
  ],
  ["a child of an index", `HOST/app@${C.digest}`, ["index"], "note: 1 of 1 images in use: of"],
  [
    "other registries and repositories",
    `ghcr.io/x/app:1\nHOST/app2:2\napp:1\n`,
    [],
    "warning: none of the 3 images in use is of",
  ],
  ["a tag that is not there", `HOST/app:9\n`, [], "note: 1 of 1 images in use: of"],
  [
    "comments and blank lines",
    "# all\n\n  HOST/app:2  # here\r\n",
    ["2"],
    "note: 1 of 1 images in use: of",
  ],
  [
    "a Compose file",
    "services:\n  a: {image: 'HOST/app:1'}\n  b:\n    image: HOST/app:2\n",
    ["1", "2"],
    "note: 2 of 2 images in use: of",
  ],
  [
    "pods",
    `kind: List\nitems:\n- spec: {containers: [{image: 'HOST/app:1'}]}\n` +
    `  status: {containerStatuses: [{imageID: 'docker-pullable://HOST/app@${B.digest}'}]}\n`,
    ["1", "2"],
    "note: 2 of 2 images in use: of",
  ],
  [
    "pods as JSON",
    `{"items":[{"spec":{"containers":[{"image":"HOST/app:2"}]}}]}`,
    ["2"],
    "note: 1 of 1 images in use: of",
  ],
];

for (const [what, text, staying, note] of USED) {
  test(`--keep-used: ${what}`, async () => {
    const tags = { 1: A, 2: B, index: index([pointTo(C)]) };
    const used = new Set(staying);
    const dated = Object.entries({ 1: A, 2: B, index: C })
      .flatMap(([tag, image]) => used.has(tag) ? [] : [image]);
    const script = reading({ tags, untagged: [C], dated });
    const words = ["--match", "*", "--allow-empty"];
    const file = await planBeside({ "used": text }, script, [...words, "--keep-used", "used"]);
    const kept = file.repositories[0]?.tags.filter(({ action }) => action === "keep") ?? [];
    assert.deepEqual(kept.map(({ tag }) => tag), staying);
    for (const { rule, reason } of kept) {
      assert.equal(rule, "used");
      assert.match(reason, /^in use, says (\S*\/)?used(:\d+)?$/);
    }
    const stdin = await planBeside({}, script, [...words, "--keep-used", "-"], { stdin: text });
    assert.deepEqual(goingManifests(stdin), goingManifests(file));
    const table = await pruneBeside({ "used": text }, script, [...words, "--keep-used", "used"]);
    assert.equal(table.stderr.split("\n")[0], `${note} HOST/app`);
  });
}

test("--keep-used: each repository is told how much of it is in use", async () => {
  const other = { method: "GET", path: "/v2/team/other/tags/list" };
  const script = [...reading({ tags: {} }), {
    ...other,
    reply: { status: 200, body: { tags: [] } },
  }];
  const text = "HOST/team/other:1\nHOST/team/other:2\nghcr.io/app:1\n";
  const words = ["HOST/team/other", "--keep", "1", "--keep-used", "used"];
  const run = await pruneBeside({ "used": text }, script, words);
  assert.equal(
    run.stderr,
    "warning: none of the 3 images in use is of HOST/app\n" +
      "note: 2 of 3 images in use: of HOST/team/other\n" +
      "note: Nothing was changed, and nothing may go\n",
  );
  assert.equal(run.exitCode, 0);
});

test("--keep-used: a digest that no tag leads to keeps all that it lists, and its signatures", async () => {
  const running = index([pointTo(A)]);
  const signature = `${running.digest.replace(":", "-")}.sig`;
  // The tag has moved on; what runs has an image that the old index lists, too.
  const old = index([pointTo(A), pointTo(B)]);
  const tags = { old, [signature]: C };
  const script = reading({ tags, untagged: [running, A, B], dated: [A, B] });
  const words = ["--match", "*", "--allow-empty", "--with-referrers", "--keep-used", "-"];
  const referrers = [running, old, A, B, C].map(({ digest }) => ({
    ...{ method: "GET", path: `/v2/app/referrers/${digest}` },
    reply: serve(index([])),
  }));
  const stdin = `HOST/app@${running.digest}`;
  const plan = await planBeside({}, [...script, ...referrers], words, { stdin });
  assert.deepEqual(decisions(plan), [
    "old delete match: selected, and no rule keeps it",
    `${signature} keep referrer: refers to ${running.digest.slice(0, 19)}, which stays`,
  ]);
  assert.deepEqual(goingManifests(plan), [old.digest, B.digest]);
});

test("--keep-used: a digest that is not there is no trouble, one that cannot be read leaves no plan", async () => {
  const script = reading({ tags: { 1: A, 2: B }, dated: [A, B] });
  const words = ["--keep", "1", "--keep-used", "-"];
  const stdin = `HOST/app@${C.digest}`;
  const gone = manifestStep(C.digest, { status: 404 });
  const plan = await planBeside({}, [...script, gone], words, { stdin });
  assert.deepEqual(goingManifests(plan), [A.digest]);
  const failing = manifestStep(C.digest, { status: 500 }, { times: 5 });
  const tags = script.filter(({ path }) => !String(path).includes("/blobs/"));
  assertNoPlan(
    await pruneBeside({}, [...tags, failing], words, { stdin }),
    5,
    /^note: 1 of 1 images in use: of HOST\/app\nerror: Cannot plan what may go [^\n]* answered 500/,
  );
});

test("--keep-used: one that names latest by naming no tag", async () => {
  const script = reading({ tags: { latest: A, 2: B }, dated: [B] });
  const plan = await planBeside({}, script, ["--match", "*", "--keep-used", "-"], {
    stdin: "HOST/app",
  });
  assert.deepEqual(decisions(plan), [
    "2 delete match: selected, and no rule keeps it",
    "latest keep used: in use, says standard input:1",
  ]);
});

test("--keep-used: what is not understood is refused before anything is asked", async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["HOST/app:1\nnot an image!\n", /^error: Cannot use used:2: /],
    [
      "image: ${REGISTRY}/app:1\n",
      /^error: Cannot use used:1: .* holds a variable\nhint: Render it first/,
    ],
    ["", /^error: Cannot use used: it names no image\nhint: Check the command that wrote it/],
    ["# nothing\n", /it names no image/],
    ["3f1d5c2a9b07\n", /is the ID of an image/],
    ["services: {}\n", /it names no image/],
    ["a: [\n", /it is not YAML/],
  ];
  for (const [text, says] of cases) {
    const run = await pruneBeside({ used: text }, [], ["--keep", "1", "--keep-used", "used"]);
    assertNoPlan(run, 2, says);
  }
  const missing = await pruneBeside({}, [], ["--keep", "1", "--keep-used", "/nonexistent/u"]);
  assertNoPlan(missing, 2, "error: Cannot read /nonexistent/u: there is no such file\n");
});

test("--keep-used: standard input cannot bring the password too", async () => {
  const words = ["--keep", "1", "--keep-used", "-", "-u", "ann", "--password-stdin"];
  const run = await pruneBeside({}, [], words, { stdin: "x" });
  assertNoPlan(run, 2, /^error: Standard input cannot bring both the password and the content\n/);
});

test("66: a reader that has gone is no error", async () => {
  for (const output of ["table", "json"]) {
    const script = reading({ tags: TAGS, dated: [A, B, C] });
    const run = await pruneBeside({}, script, ["--keep", "1", "-o", output], {
      isStdoutClosed: true,
    });
    assert.deepEqual([run.exitCode, run.stdout, run.stderr], [0, "", ""]);
  }
});
