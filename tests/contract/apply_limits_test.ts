import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, kept, planned, planText, startNamed } from "./apply_lab.ts";
import { problem } from "./deletion_lab.ts";
import { index, pointTo } from "./oci_content.ts";
import { makeImage } from "./plan_script.ts";
import { assertRun } from "./run_against.ts";

const [A, B, C] = [makeImage("a"), makeImage("b"), makeImage("c")];
const IMAGES = [A, B, C, ...Array.from({ length: 7 }, (_, i) => makeImage(`i${i}`))];
const NAMES = { A, B, C };

/** Tags `t0`, `t1` and so on; the first `going` of them are to go. */
function world(count: number, going: number) {
  const images = IMAGES.slice(0, count);
  const tags = Object.fromEntries(images.map((image, i) => [`t${i}`, image]));
  return {
    tags,
    plan: {
      tags: Object.fromEntries(
        images.map((image, i) => [`t${i}`, i < going ? image : kept(image)]),
      ),
      manifests: images.slice(0, going),
    },
  };
}

/** Tags, those that go, the limit, and the least that would have been enough. */
const LIMITS: readonly (readonly [number, number, string | undefined, string | undefined])[] = [
  [10, 5, undefined, undefined],
  [10, 6, undefined, "60%"],
  [3, 1, "33%", "34%"],
  [3, 1, "34%", undefined],
  [3, 2, "66%", "67%"],
  [7, 1, "14%", "15%"],
  [10, 3, "30%", undefined],
  [10, 3, "3", undefined],
  [10, 3, "2", "3"],
  [10, 1, "0", "1"],
  [10, 1, "0%", "10%"],
  [10, 9, "100%", undefined],
  [10, 9, "1000", undefined],
];

for (const [count, going, limit, enough] of LIMITS) {
  const outcome = enough === undefined ? "may go" : "are too many";
  test(`46: ${going} of ${count} tags ${outcome} with --max-delete ${limit ?? "left out"}`, async () => {
    const { tags, plan } = world(count, going);
    const run = async (words: readonly string[]) => {
      await using lab = await startNamed({ tags }, NAMES);
      const result = await apply(lab, plan, ["--yes", ...words]);
      return { ...result, left: Object.keys(lab.state()).length };
    };
    const limited = await run(limit === undefined ? [] : ["--max-delete", limit]);
    if (enough === undefined) {
      assert.deepEqual([limited.exitCode, limited.left], [0, count - going], limited.stderr);
      return;
    }
    const percent = Math.ceil(going * 100 / count);
    assertRun(limited, {
      exitCode: 6,
      stdout: "",
      stderr:
        `error: It would delete ${going} of ${count} tags of "HOST/app" (${percent}%), more ` +
        `than --max-delete ${limit ?? "50%"} allows: nothing was deleted\n` +
        `hint: Look at the plan again, then add --max-delete ${enough}\n`,
    });
    assert.deepEqual(limited.log, ["GET tags/list"]);
    // The hint is right.
    const allowed = await run(["--max-delete", enough]);
    assert.deepEqual([allowed.exitCode, allowed.left], [0, count - going], allowed.stderr);
  });
}

test("46: limits that cannot be read are refused before anything is asked", async () => {
  for (const limit of ["101%", "-1", "half", "1.5", "", "%", "50 %", "1e1"]) {
    const { tags, plan } = world(2, 1);
    await using lab = await startNamed({ tags }, NAMES);
    const run = await apply(lab, plan, ["--yes", `--max-delete=${limit}`]);
    assert.deepEqual([run.exitCode, run.stdout, run.log], [2, "", []]);
    assert.match(run.stderr, /Write a number of tags, or a share such as 30%\n/);
  }
});

test("46: what counts is the plan, whatever has come or gone since", async () => {
  const refusal = (count: number, total: number) =>
    new RegExp(`^error: It would delete ${count} of ${total} tags of "HOST/app" `);
  const { tags, plan } = world(10, 6);
  for (const listed of [["t0", "t8"], [...Object.keys(tags), ..."abcdefghijkl"]]) {
    await using lab = await startNamed({ tags: {} }, NAMES);
    for (const tag of listed) lab.tags.set(tag, C);
    const run = await apply(lab, plan, ["--yes"]);
    assert.deepEqual([run.exitCode, run.stdout, run.log], [6, "", ["GET tags/list"]]);
    assert.match(run.stderr, refusal(6, 10));
  }
  // Neither signatures nor what cannot be read make it look like less.
  const signatures = Object.fromEntries(
    IMAGES.map(({ digest }) => [`${digest.replace(":", "-")}.sig`, kept(C)]),
  );
  const small = world(2, 1);
  await using lab = await startNamed({ tags: small.tags }, NAMES);
  const text = planText({
    ...planned({ ...small.plan, tags: { ...small.plan.tags, ...signatures } }),
  }).replace(
    '"tags":[',
    '"tags":[{"tag":"unreadable","digest":null,"action":"keep","rule":"unreadable"},',
  );
  const run = await apply(lab, text, ["--yes", "--max-delete", "49%"]);
  assert.equal(run.exitCode, 6);
  assert.match(run.stderr, refusal(1, 2));
});

test("46: manifests without a tag count where nothing else takes them along", async () => {
  const { tags, plan } = world(4, 1);
  const old = index([pointTo(IMAGES[5] ?? A), pointTo(IMAGES[6] ?? A)]);
  const manifests = [
    ...plan.manifests,
    // Three that have no tag: an index with what it lists, and two more.
    old,
    ...IMAGES.slice(5, 7).map((one) => [one, [old]] as const),
    ...IMAGES.slice(7, 9),
  ];
  const untagged = [old, ...IMAGES.slice(5, 9)];
  await using lab = await startNamed({ tags, untagged }, NAMES);
  const run = await apply(lab, { ...plan, manifests }, ["--yes", "--max-delete", "3"]);
  assertRun(run, {
    exitCode: 6,
    stdout: "",
    stderr: 'error: It would delete 4 of 7 tags and untagged manifests of "HOST/app" (58%), more ' +
      "than --max-delete 3 allows: nothing was deleted\n" +
      "hint: Look at the plan again, then add --max-delete 4\n",
  });
  const allowed = await apply(lab, { ...plan, manifests }, ["--yes", "--max-delete", "58%"]);
  assert.deepEqual([allowed.exitCode, lab.manifests.size], [0, 3], allowed.stderr);
});

test("46: a listing that has none of the plan's tags is refused", async () => {
  const { tags, plan } = world(4, 2);
  const words = ["--yes", "--max-delete", "100%", "--allow-empty"];
  const NEW = makeImage("new");
  for (const listed of [{}, { other: NEW, "not a tag": NEW }]) {
    await using lab = await startNamed({ tags: listed, untagged: Object.values(tags) }, NAMES);
    const run = await apply(lab, plan, words);
    assertRun(run, {
      exitCode: 3,
      stdout: "",
      stderr: 'error: None of the tags that the plan has of "HOST/app" is listed\n' +
        "hint: Check who is asking, and whether they are gone already\n",
    });
    assert.deepEqual(run.log, ["GET tags/list"]);
    assert.equal(lab.manifests.size, 4 + Object.keys(listed).length / 2);
  }
  await using lab = await startNamed({ tags }, NAMES);
  const denied = problem(403, "DENIED");
  lab.on("GET", "tags/list", { reply: denied });
  assert.equal((await apply(lab, plan, words)).exitCode, 4);
  assert.equal(lab.manifests.size, 4);
});

test("46: a repository is not emptied without --allow-empty", async () => {
  const { tags, plan } = world(3, 3);
  for (const words of [[], ["--max-delete", "100%"], ["--max-delete", "99"]]) {
    await using lab = await startNamed({ tags }, NAMES);
    const run = await apply(lab, plan, ["--yes", ...words]);
    assertRun(run, {
      exitCode: 6,
      stdout: "",
      stderr: 'error: It would leave no image in "HOST/app": nothing was deleted\n' +
        "hint: Add --allow-empty if that is what you want\n",
    });
    assert.equal(lab.tags.size, 3);
  }
  await using lab = await startNamed({ tags }, NAMES);
  const run = await apply(lab, plan, ["--yes", "--allow-empty", "--max-delete", "100%"]);
  assert.deepEqual([run.exitCode, lab.tags.size, lab.manifests.size], [0, 0, 0]);
});

test("46: a signature is no image that stays, and a new tag is", async () => {
  const signature = `${A.digest.replace(":", "-")}.sig`;
  const plan = { tags: { 1: A, [signature]: kept(B) }, manifests: [A] };
  const words = ["--yes", "--max-delete", "100%"];
  await using lab = await startNamed({ tags: { 1: A, [signature]: B } }, NAMES);
  assert.match((await apply(lab, plan, words)).stderr, /leave no image/);
  lab.tags.set("new", C);
  const run = await apply(lab, plan, words);
  assert.equal(run.exitCode, 0, run.stderr);
});

test("46: what counts as left are the tags that are listed now", async () => {
  const { tags, plan } = world(4, 2);
  await using lab = await startNamed({ tags }, NAMES);
  for (const tag of ["t2", "t3"]) lab.tags.delete(tag);
  lab.tags.set(`${A.digest.replace(":", "-")}.sig`, C);
  const run = await apply(lab, plan, ["--yes"]);
  assert.equal(run.exitCode, 6);
  assert.match(run.stderr, /^error: It would leave no image in "HOST\/app": nothing was deleted\n/);
});

test("--dry-run shows what would go, and asks nobody", async () => {
  const { tags, plan } = world(4, 2);
  await using lab = await startNamed({ tags }, NAMES);
  const run = await apply(lab, plan, ["--dry-run", "--concurrency", "1"]);
  assertRun(run, {
    exitCode: 0,
    stdout: `planned  HOST/app:t0  ${A.digest}
planned  HOST/app:t1  ${B.digest}
`,
    stderr: "",
  });
  // Those that go are looked at when they go.
  assert.deepEqual(run.log, ["GET tags/list", "HEAD t2", "HEAD t3"]);
  assert.deepEqual(await lab.journal(), []);
  const json = await apply(lab, plan, ["--dry-run", "-o", "json"]);
  const { results, journal } = JSON.parse(json.stdout);
  assert.equal(journal, null);
  assert.deepEqual(results[0], {
    reference: "HOST/app:t0",
    ...{ tag: "t0", digest: A.digest, outcome: "planned" },
  });
  // It refuses what would be refused.
  const { plan: large } = world(4, 3);
  assert.equal((await apply(lab, large, ["--dry-run"])).exitCode, 6);
});

test("46: without --yes and a terminal it refuses", async () => {
  const { tags, plan } = world(4, 2);
  const refusal = "error: Nobody is here to be asked: nothing was changed\n" +
    "hint: Look at it with --dry-run, then add --yes\n";
  await using lab = await startNamed({ tags }, NAMES);
  const env = { NO_COLOR: "1" };
  for (const half of [{}, { typed: "y", isTerminal: true }, { typed: "y", typedPassword: "" }]) {
    const run = await apply(lab, plan, [], { env, ...half });
    assert.equal(run.stderr.slice(run.stderr.indexOf("error:")), refusal);
    assert.deepEqual([run.exitCode, run.stdout], [2, ""]);
  }
  assert.equal(lab.tags.size, 4);
});

test("46: on a terminal it shows what goes and asks; only yes is yes", async () => {
  const { tags, plan } = world(4, 2);
  const terminal = { isTerminal: true, typedPassword: "", env: { NO_COLOR: "1" } };
  await using lab = await startNamed({ tags }, NAMES);
  for (const typed of ["", "n", "yo", "yes please"]) {
    const run = await apply(lab, plan, [], { ...terminal, typed });
    assert.deepEqual([run.exitCode, run.stdout], [130, ""]);
    assert.match(run.stderr, /error: Not confirmed: nothing was changed\n$/);
    assert.ok(run.stderr.includes(`HOST/app:t0  ${A.digest.slice(0, 19)}\n`));
  }
  assert.equal(lab.tags.size, 4);
  const run = await apply(lab, plan, [], { ...terminal, typed: " Y " });
  assert.deepEqual([run.exitCode, lab.tags.size], [0, 2]);
});

test("42: what changes while the question stands there is looked at again", async () => {
  const terminal = { isTerminal: true, typedPassword: "", typed: "y", env: { NO_COLOR: "1" } };
  const { tags, plan } = world(4, 2);
  const look = ["GET tags/list", "HEAD t2", "HEAD t3"];
  await using lab = await startNamed({ tags }, NAMES);
  // Pushed right behind the last look: before there is an answer.
  lab.on("HEAD", "t3", { act: () => void lab.tags.set("new", A) });
  const words = ["--concurrency", "1"];
  const run = await apply(lab, plan, words, terminal);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.match(run.stderr, /note: 1 manifest stays in HOST\/app: tags have come to need it\n/);
  assert.deepEqual(lab.state(), { t2: "@C", t3: IMAGES[3]?.digest, new: "@A" });
  assert.deepEqual(run.log.slice(0, 7), [...look, ...look, "HEAD new"]);

  // So is the guard.
  await using other = await startNamed({ tags }, NAMES);
  other.on("HEAD", "t3", {
    act: () => ["t2", "t3"].forEach((tag) => other.tags.delete(tag)),
  });
  const emptied = await apply(other, plan, words, terminal);
  assert.equal(emptied.exitCode, 6);
  assert.match(
    emptied.stderr,
    /error: It would leave no image in "HOST\/app": nothing was deleted/,
  );
  assert.deepEqual(emptied.log, [...look, "GET t3", "GET tags/list"]);

  // Where nobody is asked, one look is enough.
  await using third = await startNamed({ tags }, NAMES);
  const sure = await apply(third, plan, [...words, "--yes"]);
  assert.deepEqual(sure.log.slice(0, 4), [...look, "GET t0"]);
});

test("a plan on standard input", async () => {
  const { tags, plan } = world(4, 2);
  await using lab = await startNamed({ tags }, NAMES);
  const stdin = planText(planned(plan)).replaceAll("HOST", lab.host);
  const terminal = { isTerminal: true, typedPassword: "", typed: "y" };
  const asked = await lab.run(["apply", "-"], { stdin, ...terminal });
  assert.equal(asked.exitCode, 2, "nobody can be asked");
  const password = await lab.run(["apply", "-", "--yes", "-u", "ann", "--password-stdin"], {
    stdin,
  });
  assert.match(password.stderr, /^error: Standard input cannot bring both/);
  const run = await lab.run(["apply", "-", "--yes"], { stdin });
  assert.deepEqual([run.exitCode, lab.tags.size], [0, 2]);
  const empty = await lab.run(["apply", "-", "--yes"], { stdin: "" });
  assert.match(empty.stderr, /^error: Cannot use the plan [^\n]*: it is not JSON\nhint: /);
});

for (
  const [signal, exitCode, word] of [
    ["SIGINT", 130, "Interrupted"],
    ["SIGTERM", 143, "Terminated"],
  ] as const
) {
  test(`45: ${signal} lets what has begun come to an end, and begins nothing`, async () => {
    const { tags, plan } = world(4, 2);
    await using lab = await startNamed({ tags }, NAMES);
    lab.on("DELETE", "@A", { reply: { status: 503 } });
    const words = ["--yes", "--concurrency", "1"];
    const run = await apply(lab, plan, words, { stopWhileWaiting: signal });
    assertRun(run, {
      exitCode,
      stdout: `deleted  HOST/app:t0  ${A.digest}
`,
      stderr: `error: ${word}: 2 of 4 not deleted\n` +
        "hint: Run it again to finish it: what is gone is left alone\n",
    });
    assert.deepEqual(run.log.slice(3), [
      "GET t0",
      "GET t1",
      "GET tags/list",
      "DELETE @A",
      "DELETE @A",
    ]);
    assert.deepEqual(Object.keys(lab.state()), ["t1", "t2", "t3"]);
    const again = await apply(lab, plan, ["--yes"]);
    assert.deepEqual([again.exitCode, lab.tags.size], [0, 2]);
  });

  test(`45: ${signal} while it looks at the tags deletes nothing`, async () => {
    const { tags, plan } = world(4, 2);
    await using lab = await startNamed({ tags }, NAMES);
    lab.on("HEAD", "t2", { reply: { status: 503 } });
    const run = await apply(lab, plan, ["--yes", "-o", "json"], { stopWhileWaiting: signal });
    assert.deepEqual([run.exitCode, run.stdout], [exitCode, ""]);
    assert.equal(JSON.parse(run.stderr).error.exitCode, exitCode);
    assert.equal(lab.tags.size, 4);
  });
}

test("one user is not sent to several registries", async () => {
  const { plan } = world(4, 2);
  await using lab = await startNamed({ tags: {} }, NAMES);
  const text = planText(planned(plan), planned(plan, "other.test/app"));
  const run = await apply(lab, text, ["--yes", "-u", "ann", "-p", "secret"]);
  assert.deepEqual([run.exitCode, run.log], [2, []]);
  assert.match(run.stderr, /^error: -u names one user, but there are 2 registries\n/m);
});

test("47: a storm of 429 holds all back; then one goes ahead, and the others follow its answer", async () => {
  const going = 4;
  const { tags, plan } = world(9, going);
  await using lab = await startNamed({ tags }, NAMES);
  const all = Promise.withResolvers<void>();
  const refused: string[] = [];
  const after: string[] = [];
  let whileFirst = 0;
  for (const { digest } of plan.manifests) {
    lab.on("DELETE", digest, {
      reply: { status: 429, headers: { "retry-after": "30" } },
      act: async () => {
        if (refused.push(digest) === going) all.resolve();
        // All are under way before the first is refused.
        await all.promise;
      },
    });
    lab.on("DELETE", digest, {
      act: async () => {
        if (after.push(digest) > 1) return;
        // Time for the others to come, if they did.
        for (let i = 0; i < 200; i++) await new Promise((go) => setImmediate(go));
        whileFirst = after.length;
      },
    });
  }
  const run = await apply(lab, plan, ["--yes", "--concurrency", `${going}`]);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual([refused.length, whileFirst, after.length], [going, 1, going]);
  assert.equal(run.waits.filter((ms) => ms === 30_000).length, going);
  assert.equal(run.log.filter((it) => it.startsWith("DELETE")).length, 2 * going);
  assert.match(run.stderr, /^(note: HOST answered 429, trying again in 30 s\n){4}$/);
});

test("47: a registry that says 429 for good ends it with 9, and the rest is not tried", async () => {
  const { tags, plan } = world(6, 3);
  await using lab = await startNamed({ tags }, NAMES);
  lab.on("DELETE", "@A", { reply: { status: 429 }, times: 5 });
  const run = await apply(lab, plan, ["--yes", "--concurrency", "1", "-o", "ndjson"]);
  assert.equal(run.exitCode, 9, run.stderr);
  assert.equal(run.stdout.match(/"outcome":"skipped"/g)?.length, 4);
  assert.equal(lab.tags.size, 6);
});

test("65, 66: one document also on error, and a reader that has gone stops nothing", async () => {
  const { tags, plan } = world(4, 2);
  await using lab = await startNamed({ tags }, NAMES);
  lab.on("DELETE", "@A", { reply: { status: 500 }, times: 5 });
  const run = await apply(lab, plan, ["--yes", "-o", "json"]);
  assert.equal(run.exitCode, 8);
  const { results, journal } = JSON.parse(run.stdout);
  assert.match(journal, /^\d{8}T\d{9}-apply-[0-9a-f]{8}$/);
  const outcomes = results.map(({ outcome }: { outcome: string }) => outcome).toSorted();
  assert.deepEqual(outcomes, ["deleted", "deleted", "failed", "failed"]);
  assert.equal(JSON.parse(run.stderr).error.code, "PARTIAL");
  const closed = await apply(lab, plan, ["--yes"], { isStdoutClosed: true });
  assert.deepEqual([closed.exitCode, closed.stderr, lab.tags.size], [0, "", 2]);
});
