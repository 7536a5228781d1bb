import assert from "node:assert/strict";
import { test } from "node:test";
import type { CapturedRunOptions } from "../support/capture_host.ts";
import { type Lab, startLab, visible } from "./deletion_lab.ts";
import { image, index, pointTo } from "./oci_content.ts";

const A = image({ annotations: { name: "a" } });
const B = image({ annotations: { name: "b" } });
const NEW = image({ annotations: { name: "new" } });

/** Somebody at a terminal who says yes. */
const PERSON: CapturedRunOptions = {
  ...{ isTerminal: true, typedPassword: "", typed: "y", env: { NO_COLOR: "1" } },
};

async function start(): Promise<Lab> {
  const lab = await startLab({ tags: { "pr-1": A, "pr-2": A, main: B } });
  lab.name({ A, B, NEW });
  return lab;
}

const changes = (log: readonly string[]) => log.filter((line) => /^(PUT|DELETE) /.test(line));

/** Lets something happen between the question and its answer. */
function meanwhile(lab: Lab, act: () => void): void {
  lab.on("GET", "tags/list", { act: () => lab.on("GET", "tags/list", { act }) });
}

test("21: what has changed while the question was answered was not agreed to", async () => {
  const cases: readonly (readonly [string, (lab: Lab) => void])[] = [
    // It moves, it goes, and one more fits.
    ["HOST/app:pr-1", (lab) => lab.push("pr-1", NEW)],
    ["HOST/app:pr-1", (lab) => void lab.tags.delete("pr-1")],
    ["HOST/app:pr-*", (lab) => lab.push("pr-3", NEW)],
    // A digest that has come to have one tag more, or less.
    [`HOST/app@${A.digest}`, (lab) => lab.push("latest", A)],
    [`HOST/app@${A.digest}`, (lab) => lab.push("pr-2", NEW)],
  ];
  for (const [name, act] of cases) {
    await using lab = await start();
    meanwhile(lab, () => act(lab));
    const run = await lab.run(["delete", name], PERSON);
    assert.deepEqual([run.exitCode, run.stdout, changes(run.log)], [8, "", []]);
    assert.match(
      visible(run.stderr),
      /error: What would go has changed meanwhile: nothing was deleted\nhint: Run it again, and/,
    );
    assert.deepEqual(await lab.journal(), []);
  }
});

test("21: a digest that an index has come to need is refused after the question too", async () => {
  await using lab = await start();
  meanwhile(lab, () => lab.push("multi", index([pointTo(A)])));
  const run = await lab.run(["delete", `HOST/app@${A.digest}`], PERSON);
  assert.deepEqual([run.exitCode, run.stdout, changes(run.log)], [6, "", []]);
  assert.match(visible(run.stderr), /the index under multi lists it, and would be broken\n/);
});

test("what else has changed meanwhile is nobody's business", async () => {
  await using lab = await start();
  meanwhile(lab, () => lab.push("main", NEW));
  const run = await lab.run(["delete", "HOST/app:pr-1"], PERSON);
  assert.deepEqual([run.exitCode, changes(run.log)], [0, ["DELETE pr-1"]], run.stderr);
});

test("with --yes nothing is looked at twice, nor with --dry-run", async () => {
  const cases: readonly (readonly [string, CapturedRunOptions, number])[] = [
    ["--yes", PERSON, 1],
    ["--dry-run", PERSON, 1],
    ["--no-journal", PERSON, 2],
  ];
  for (const [word, options, looks] of cases) {
    await using lab = await start();
    const run = await lab.run(["delete", "HOST/app:pr-1", word], options);
    assert.equal(run.exitCode, 0, run.stderr);
    const look = ["GET tags/list", "HEAD pr-1"];
    const expected = Array(looks).fill(look).flat();
    const rest = word === "--dry-run"
      ? []
      : ["GET pr-1", "DELETE pr-1", "HEAD @A", "GET tags/list"];
    assert.deepEqual(run.log, [...expected, ...rest]);
  }
});
