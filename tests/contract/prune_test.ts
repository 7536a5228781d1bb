import assert from "node:assert/strict";
import { test } from "node:test";
import { index, manifestStep, pointTo, serve } from "./oci_content.ts";
import {
  assertNoPlan,
  daysAgo,
  decisions,
  makeImage,
  planFor,
  prune,
  reading,
} from "./plan_script.ts";
import { assertRun, page, TAGS_PATH } from "./run_against.ts";

const OLD = makeImage("old", "2024-01-01T00:00:00Z");
const NEW = makeImage("new", "2024-02-01T00:00:00Z");
const UNDATED = makeImage("undated", "0001-01-01T00:00:00Z");

const TAGS = { 1: OLD, 2: NEW, 3: UNDATED, "pr-1": OLD };
const READING = reading({ tags: TAGS, dated: [OLD, NEW, UNDATED] });
const OLD_BYTES = OLD.size + OLD.config.size + OLD.layer.size;

test("37: the table names each tag with its digest, its date and why, and nothing is changed", async () => {
  const short = (digest: string) => digest.slice(0, 19);
  const expected = {
    exitCode: 0,
    stdout: `ACTION  TAG   CREATED     DIGEST               REASON
keep    2     2024-02-01  ${short(NEW.digest)}  the newest
delete  pr-1  2024-01-01  ${short(OLD.digest)}  beyond the newest
delete  1     2024-01-01  ${short(OLD.digest)}  beyond the newest
keep    3     -           ${
      short(UNDATED.digest)
    }  its date is 0001-01-01, as reproducible builds write it

HOST/app: 2 of 4 tags may go, with 1 manifest; when the registry collects its garbage, that frees ${OLD_BYTES} B
`,
    stderr: "note: Nothing was changed. To carry it out, add -o json >plan.json, then: " +
      "regctl apply plan.json\n",
  };
  const run = await prune(READING, ["--keep", "1"]);
  assertRun(run, expected);
  // A page, a GET a tag, and a GET a configuration: the one of two tags is read once.
  assert.deepEqual(
    run.requests.toSorted(),
    [
      ...[NEW, OLD, UNDATED].map(({ config }) => `GET /v2/app/blobs/${config.digest}`),
      ...["1", "2", "3", "pr-1"].map((tag) => `GET /v2/app/manifests/${tag}`),
      `GET ${TAGS_PATH}`,
    ].toSorted(),
  );
  assert.equal(run.requests[0], `GET ${TAGS_PATH}`);
  assertRun(await prune(READING, ["--keep", "1", "--concurrency", "1"]), expected);
});

test("37: the JSON is a plan of version 1", async () => {
  const run = await prune(READING, ["--keep", "1", "-o", "json"]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.match(run.stdout, /^\{\n {4}"kind": "regctl.plan",\n[^]*\n\}\n$/);
  const { createdAt, ...plan } = JSON.parse(run.stdout);
  assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 3_600_000);
  assert.equal(new Date(createdAt).toISOString(), createdAt);
  const old = {
    digest: OLD.digest,
    created: "2024-01-01T00:00:00.000Z",
    ...{ action: "delete", rule: "keep", reason: "beyond the newest" },
  };
  assert.deepEqual(plan, {
    kind: "regctl.plan",
    version: 1,
    repositories: [{
      repository: "HOST/app",
      ...{ keep: 2, delete: 2, freedBytes: OLD_BYTES },
      tags: [
        { tag: "1", ...old },
        {
          tag: "2",
          digest: NEW.digest,
          created: "2024-02-01T00:00:00.000Z",
          ...{ action: "keep", rule: "keep", reason: "the newest" },
        },
        {
          tag: "3",
          digest: UNDATED.digest,
          created: null,
          ...{ action: "keep", rule: "date" },
          reason: "its date is 0001-01-01, as reproducible builds write it",
        },
        { tag: "pr-1", ...old },
      ],
      manifests: [{
        digest: OLD.digest,
        mediaType: OLD.mediaType,
        ...{ size: OLD.size, tags: ["1", "pr-1"], after: [] },
      }],
    }],
  });
});

test("37: layers that something else has are not counted as freed", async () => {
  const shared = makeImage("shared", "2024-01-01T00:00:00Z", {
    layers: [pointTo(NEW.layer), pointTo(OLD.layer), pointTo(OLD.layer)],
  });
  const tags = { 1: OLD, 2: NEW, 3: shared };
  const plan = await planFor(reading({ tags, dated: [OLD, NEW, shared] }), ["--keep", "1"]);
  const freed = OLD_BYTES + shared.size + shared.config.size;
  assert.equal(plan.repositories[0]?.freedBytes, freed);
});

const NOTHING = "note: Nothing was changed, and nothing may go\n";

test("nothing that may go is said as such", async () => {
  const tag = { tags: { 1: OLD }, dated: [OLD] };
  const none = await prune(reading(tag), ["--keep", "1"]);
  assert.match(none.stdout, /\n\nHOST\/app: of 1 tag nothing may go\n$/);
  assert.equal(none.stderr, NOTHING);
  const empty = await prune([page([])], ["--keep", "1"]);
  assertRun(empty, {
    exitCode: 0,
    stdout: "ACTION  TAG  CREATED  DIGEST  REASON\n\nHOST/app: of 0 tags nothing may go\n",
    stderr: NOTHING,
  });
  const plan = await planFor([page(null as never)], ["--keep", "1"]);
  assert.deepEqual(plan.repositories[0]?.tags, []);
});

test("the next step is told with all that apply will ask for", async () => {
  const next = async (words: readonly string[]) =>
    (await prune(READING, words)).stderr.replace(/^.*regctl apply plan\.json/, "").trim();
  assert.equal(await next(["--keep", "1"]), "");
  assert.equal(await next(["--keep", "1", "--allow-empty"]), "--allow-empty");
  const all = reading({ tags: { 1: OLD, 2: NEW, 3: NEW }, dated: [OLD, NEW] });
  const { stderr } = await prune(all, ["--match", "*", "--allow-empty"]);
  assert.match(stderr, /regctl apply plan\.json --max-delete 100% --allow-empty\n$/);
});

test("no configuration is asked for where its date does not matter", async () => {
  const tags = { "pr-1": OLD, "pr-2": NEW, 1: UNDATED, stable: UNDATED };
  const words = ["--keep", "1", "--match", "pr-*", "--exclude", "pr-2", "--protect", "stable"];
  const plan = await planFor(reading({ tags, dated: [OLD] }), words);
  assert.deepEqual(decisions(plan), [
    "1 keep match: fits no --match",
    "pr-1 keep keep: the newest",
    "pr-2 keep exclude: excluded by pr-2",
    "stable keep protect: protected by stable",
  ]);
  assert.deepEqual(plan.repositories[0]?.tags.map(({ created }) => created !== null), [
    ...[false, true, false, false],
  ]);
});

test("38: what --protect names stays, whatever else is said", async () => {
  const tags = { 1: OLD, 2: NEW, release: OLD };
  const words = ["--match", "*", "--exclude", "2", "--protect", "/^rel/", "--keep", "0"];
  const plan = await planFor(reading({ tags, dated: [OLD] }), [...words, "--allow-empty"]);
  assert.deepEqual(decisions(plan), [
    "1 delete keep: beyond the 0 newest",
    "2 keep exclude: excluded by 2",
    "release keep protect: protected by /^rel/",
  ]);
  assert.deepEqual(plan.repositories[0]?.manifests, []);
  assert.equal(plan.repositories[0]?.freedBytes, 0);
});

test("--group by captures and by version line, --keep-within", async () => {
  const images = ["1.0.0", "1.0.1", "1.1.0", "2.0.0", "main"].map((name, i) =>
    [name, makeImage(name, daysAgo(100 - i))] as const
  );
  const tags = Object.fromEntries(images);
  const dated = images.map(([, image]) => image);
  const byLine = await planFor(reading({ tags, dated }), ["--keep", "1", "--group", "version"]);
  assert.deepEqual(decisions(byLine), [
    "1.0.0 delete keep: beyond the newest of 1.0",
    "1.0.1 keep keep: the newest of 1.0",
    "1.1.0 keep keep: the newest of 1.1",
    "2.0.0 keep keep: the newest of 2.0",
    "main keep group: fits no group of version",
  ]);
  const group = "/^(\\d+)\\./";
  const words = ["--keep", "1", "--group", group, "--keep-within", "98d"];
  const byCapture = await planFor(reading({ tags, dated }), words);
  assert.deepEqual(decisions(byCapture), [
    "1.0.0 delete keep: older than 98d and beyond the newest of 1",
    "1.0.1 delete keep: older than 98d and beyond the newest of 1",
    "1.1.0 keep keep: the newest of 1",
    "2.0.0 keep keep-within: younger than 98d",
    `main keep group: fits no group of ${group}`,
  ]);
});

test("63: what a registry calls a tag cannot change the terminal", async () => {
  const names = ["\x1b[2J", "a\nkeep  b", "\u202egpj", "../x", "a/b", "%2f", "x".repeat(200)];
  const script = [
    page(["1", ...names]),
    manifestStep("1", serve(OLD)),
    ...reading({
      tags: {},
      dated: [OLD],
    }).slice(1),
  ];
  for (const isTerminal of [true, false]) {
    const run = await prune(script, ["--keep", "1"], { isTerminal, env: { NO_COLOR: "1" } });
    assert.equal(run.exitCode, 0);
    for (const unsafe of ["\x1b", "\u202e", "\r"]) assert.ok(!run.stdout.includes(unsafe));
    assert.match(run.stdout, /^keep +\\x1b\[2J +- +- +it is not valid as a tag$/m);
    assert.match(run.stdout, /^keep +a\\x0akeep {2}b +- +- +it is not valid as a tag$/m);
    assert.equal(run.stdout.trim().split("\n").length, 1 + 8 + 2);
  }
  const run = await prune(script, ["--keep", "1", "-o", "json"]);
  for (const unsafe of ["\x1b", "\u202e"]) assert.ok(!run.stdout.includes(unsafe));
  const { tags } = JSON.parse(run.stdout).repositories[0];
  assert.deepEqual(
    tags.map(({ tag }: { tag: string }) => tag).toSorted(),
    ["1", ...names].toSorted(),
  );
});

test("65: on a terminal only what is on its way is coloured or drawn", async () => {
  const progress = await prune(READING, ["--keep", "1"], { isTerminal: true });
  assert.ok(!progress.stdout.includes("\x1b"));
  assert.match(progress.stderr, /4 of 4 tags read/);
  assert.match(progress.stderr, /3 of 3 dates read/);
  assert.ok(progress.stderr.includes("\r\x1b[K\x1b[1;36mnote:\x1b[0m Nothing was changed. "));
  assert.match(progress.stderr, /Nothing was changed\. [^\r\n]+\n$/);
  const failing = () => [page(["1"]), manifestStep("1", { status: 403 })];
  const plain = await prune(failing(), ["--keep", "1"], {
    isTerminal: true,
    env: { NO_COLOR: "1" },
  });
  assert.ok(!plain.stderr.replaceAll("\r\x1b[K", "").includes("\x1b"));
  const coloured = await prune(failing(), ["--keep", "1"], { isTerminal: true });
  assert.ok(coloured.stderr.includes("\x1b[1;31merror:\x1b[0m Cannot plan what may go"));
});

test("several repositories make one plan, and one that fails leaves none", async () => {
  const other = reading({ tags: { x: NEW }, dated: [NEW] }).map((step) => ({
    ...step,
    path: String(step.path).replace("/v2/app/", "/v2/team/other/"),
  }));
  const script = [...reading({ tags: { 1: OLD }, dated: [OLD] }), ...other];
  const run = await prune(script, ["HOST/team/other", "--keep", "1"]);
  assert.match(run.stdout, /\nHOST\/app: of 1 tag [^]*\nHOST\/team\/other: of 1 tag /);
  const plan = await planFor(script, ["HOST/team/other", "--keep", "1"]);
  assert.deepEqual(plan.repositories.map(({ repository }) => repository), [
    "HOST/app",
    "HOST/team/other",
  ]);
  const failing = [
    ...reading({ tags: { 1: OLD }, dated: [OLD] }),
    { method: "GET", path: "/v2/team/other/tags/list", reply: { status: 404 } },
  ];
  const failed = await prune(failing, ["HOST/team/other", "--keep", "1"]);
  assertNoPlan(failed, 3, /^error: Cannot plan what may go from "HOST\/team\/other": /);
});

test("one user is not sent to several registries", async () => {
  const words = ["other.test/app", "--keep", "1", "-u", "ann", "--password-stdin"];
  const run = await prune([], words, { stdin: "secret" });
  assertNoPlan(run, 2, /^error: -u names one user, but there are 2 registries\nhint: /);
});

test("a repository with a tag, and a registry alone, are refused", async () => {
  for (const word of ["HOST/app:1", "HOST/app:*", "HOST", `HOST/app@${OLD.digest}`]) {
    const run = await prune([], [word, "--keep", "1"]);
    assertNoPlan(run, 2, /^error: [^\n]+\n/);
  }
});

test("an index is read once, however many tags it has", async () => {
  const both = index([pointTo(OLD), pointTo(NEW)]);
  const tags = { a: both, b: both };
  const plan = await planFor(
    reading({ tags, untagged: [OLD, NEW], dated: [OLD, NEW] }),
    ["--keep", "1"],
  );
  assert.deepEqual(decisions(plan), ["a keep keep: the newest", "b keep keep: the newest"]);
});
