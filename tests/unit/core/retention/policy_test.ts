import assert from "node:assert/strict";
import { test } from "node:test";

import { createGrouping } from "../../../../core/retention/group.ts";
import {
  assertPolicy,
  type Candidate,
  decide,
  type Decision,
  type Policy,
} from "../../../../core/retention/policy.ts";
import { assertRejects } from "../../../support/assert_error.ts";
import { Random } from "../../../support/random.ts";

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 0, 1);

const policy = (rules: Partial<Policy>): Policy => ({
  match: [],
  exclude: [],
  protect: [],
  untagged: false,
  ...rules,
});

/** An image of its own, unless `digest` says otherwise. */
const tag = (name: string, ageDays: number, more: Partial<Candidate> = {}): Candidate => ({
  name,
  digest: `sha256:${name}`,
  date: { at: NOW - ageDays * DAY_MS },
  ...more,
});

const decideAll = async (candidates: readonly Candidate[], rules: Partial<Policy>) =>
  [...await decide(candidates, policy(rules), NOW)]
    .map(([name, { action, rule, reason }]) => `${name}: ${action}, ${rule}, ${reason}`)
    .sort();

test("the first rule that fits decides, and says so", async () => {
  const unknown = "its configuration names no date";
  const all = { keep: 1, keepWithinMs: 30 * DAY_MS, group: "version" };
  const older = tag("1.0.1", 40);
  const table: readonly (readonly [Candidate, Partial<Policy>, string])[] = [
    [
      tag("1.0.0", 50, { usedBy: "prod.yaml", date: { unknown } }),
      { ...all, protect: ["x", "1.*"], exclude: ["*"] },
      "keep, protect, protected by 1.*",
    ],
    [
      tag("1.0.0", 50, { usedBy: "prod.yaml:3", date: { unknown } }),
      { ...all, match: ["x"], exclude: ["*"] },
      "keep, used, in use, says prod.yaml:3",
    ],
    [tag("1.0.0", 50), { ...all, match: ["x"], exclude: ["*"] }, "keep, match, fits no --match"],
    [
      tag("1.0.0", 50, { date: { unknown } }),
      { ...all, exclude: ["x", "/^1/"] },
      "keep, exclude, excluded by /^1/",
    ],
    [tag("main", 1, { date: { unknown } }), all, `keep, date, ${unknown}`],
    [tag("main", 1), all, "keep, group, fits no group of version"],
    [tag("1.0.0", 29), all, "keep, keep-within, younger than 30d"],
    [tag("1.0.0", -1), { keepWithinMs: 0 }, "keep, keep-within, younger than 0ms"],
    [tag("1.0.0", 31), all, "keep, keep, the newest of 1.0"],
    [tag("1.0.0", 50), all, "delete, keep, older than 30d and beyond the newest of 1.0"],
    [tag("1.0.0", 50), { keep: 2 }, "keep, keep, among the 2 newest"],
    [
      tag("1.0.0", 50),
      { keep: 2, group: "/^(.)/" },
      "keep, keep, among the 2 newest of 1",
    ],
    [tag("1.0.0", 50), { keep: 1 }, "delete, keep, beyond the newest"],
    [tag("1.0.0", 50), { keep: 0 }, "delete, keep, beyond the 0 newest"],
    [tag("1.0.0", 50), { keep: 1, group: "/()/" }, 'delete, keep, beyond the newest of ""'],
    [tag("1.0.0", 50), { keepWithinMs: 50 * DAY_MS }, "delete, keep-within, older than 50d"],
    [tag("1.0.0", 50), { keepWithinMs: 36_000_000 }, "delete, keep-within, older than 10h"],
    [tag("1.0.0", 50), { keepWithinMs: 1.5 }, "delete, keep-within, older than 1.5ms"],
    [tag("1.0.0", 50), { match: ["1*"] }, "delete, match, selected, and no rule keeps it"],
    [tag("1.0.0", 50), { untagged: true }, "keep, match, no rule is about tags"],
    [tag("1.0.0", 50), { exclude: ["x"] }, "keep, match, no rule is about tags"],
  ];
  for (const [candidate, rules, expected] of table) {
    const decisions = await decideAll([older, candidate], rules);
    assert.ok(
      decisions.includes(`${candidate.name}: ${expected}`),
      `${expected}\n${decisions.join("\n")}`,
    );
  }
});

test("each group keeps its own newest", async () => {
  const candidates = [
    tag("1.14.0", 9),
    tag("1.14.1", 8),
    tag("1.14.2", 7),
    tag("1.15.0", 20),
    tag("1.14.1-alpine", 30),
    tag("latest", 0),
  ];
  assert.deepEqual(await decideAll(candidates, { keep: 2, group: "version" }), [
    "1.14.0: delete, keep, beyond the 2 newest of 1.14",
    "1.14.1-alpine: keep, keep, among the 2 newest of 1.14-alpine",
    "1.14.1: keep, keep, among the 2 newest of 1.14",
    "1.14.2: keep, keep, among the 2 newest of 1.14",
    "1.15.0: keep, keep, among the 2 newest of 1.15",
    "latest: keep, group, fits no group of version",
  ]);
});

test("tags of one image count once, and stay or go together", async () => {
  const one = { digest: "sha256:1" };
  const candidates = [
    tag("a", 1, one),
    tag("b", 1, one),
    tag("c", 2),
    tag("d", 3),
    tag("e", 9, one),
  ];
  assert.deepEqual(
    (await decideAll(candidates, { keep: 2 })).map((line) => line.split(",", 1)[0]),
    [
      "a: keep",
      "b: keep",
      "c: keep",
      "d: delete",
      "e: keep",
    ],
  );
  assert.deepEqual(
    (await decideAll(candidates, { keep: 0 })).map((line) => line.split(",", 1)[0]),
    [
      ...["a: delete", "b: delete", "c: delete", "d: delete", "e: delete"],
    ],
  );
});

test("what is protected, in use or not selected uses up no quota; what is young does", async () => {
  const young = [tag("young", 1), tag("old", 50)];
  const both = { keep: 1, keepWithinMs: 10 * DAY_MS };
  const table: readonly (readonly [readonly Candidate[], Partial<Policy>, string])[] = [
    [[tag("a", 1), tag("old", 50)], { keep: 1, protect: ["a"] }, "keep"],
    [[tag("a", 1, { usedBy: "x" }), tag("old", 50)], { keep: 1 }, "keep"],
    [[tag("a", 1), tag("old", 50)], { keep: 1, exclude: ["a"] }, "keep"],
    [[tag("a", 1), tag("old", 50)], { keep: 1, match: ["old"] }, "keep"],
    [[tag("a", 1, { date: { unknown: "x" } }), tag("old", 50)], { keep: 1 }, "keep"],
    [young, both, "delete"],
  ];
  for (const [candidates, rules, expected] of table) {
    const decisions = await decide(candidates, policy(rules), NOW);
    assert.equal(decisions.get("old")?.action, expected, JSON.stringify(rules));
  }
});

test("of equal dates the higher version is the newer one", async () => {
  const table: readonly (readonly [string, string])[] = [
    ["1.10", "1.9"],
    ["1.0", "1.0-rc1"],
    ["b", "a"],
    ["main", "1.0"],
  ];
  for (const [newer, older] of table) {
    for (const names of [[newer, older], [older, newer]]) {
      const decisions = await decide(names.map((name) => tag(name, 5)), policy({ keep: 1 }), NOW);
      assert.equal(decisions.get(newer)?.action, "keep", newer);
      assert.equal(decisions.get(older)?.action, "delete", older);
    }
  }
});

test("names and digests that objects have by nature are names like others", async () => {
  const candidates = ["__proto__", "constructor", "toString"].map((name, i) =>
    tag(name, i, { digest: name })
  );
  const decisions = await decide(candidates, policy({ keep: 1, group: "/^(.*)$/" }), NOW);
  assert.deepEqual([...decisions.values()].map(({ action }) => action), ["keep", "keep", "keep"]);
});

test("a pattern or a group that cannot be used is a usage error", async () => {
  for (
    const rules of [{ match: ["/(/"] }, { exclude: [""] }, { protect: ["["] }, { group: "/a/" }]
  ) {
    await assertRejects(() => decide([], policy({ keep: 1, ...rules }), NOW), "USAGE");
  }
});

test("no input breaks what a policy promises", async () => {
  for (let seed = 1; seed <= 400; seed++) {
    const random = new Random(seed);
    const candidates = drawCandidates(random);
    const rules = drawPolicy(random);
    const decisions = await decide(candidates, rules, NOW);
    const shown = `seed ${seed}: ${JSON.stringify([rules, candidates])}`;
    await assertInvariants(candidates, rules, decisions, shown);
    const again = await decide(shuffle(candidates, random), rules, NOW);
    for (const [name, decision] of decisions) assert.deepEqual(again.get(name), decision, shown);
  }
});

async function assertInvariants(
  candidates: readonly Candidate[],
  rules: Policy,
  decisions: ReadonlyMap<string, Decision>,
  shown: string,
): Promise<void> {
  const groupOf = await createGrouping(rules.group);
  const dated = new Map<string, Set<string>>();
  const kept = new Map<string, Set<string>>();
  assert.equal(decisions.size, candidates.length, shown);
  for (const { name, digest, date, usedBy } of candidates) {
    const decision = decisions.get(name);
    assert.ok(decision && decision.reason !== "", shown);
    const group = groupOf(name);
    const mayGo = usedBy === undefined && "at" in date && group !== undefined &&
      !(rules.protect.length > 0 && name.startsWith("1.0"));
    if (!mayGo) assert.equal(decision.action, "keep", `${name}, ${shown}`);
    if (group === undefined || !("at" in date)) continue;
    addTo(dated, group, digest);
    if (decision.action === "keep") addTo(kept, group, digest);
    if (NOW - date.at < (rules.keepWithinMs ?? 0)) assert.equal(decision.action, "keep", shown);
  }
  for (const [group, digests] of dated) {
    const least = Math.min(rules.keep ?? 0, digests.size);
    assert.ok((kept.get(group)?.size ?? 0) >= least, `${group}, ${shown}`);
  }
}

function shuffle<Item>(items: readonly Item[], random: Random): Item[] {
  return items.map((item) => ({ item, place: random.below(1_000_000) }))
    .sort((a, b) => a.place - b.place).map(({ item }) => item);
}

function addTo(sets: Map<string, Set<string>>, key: string, item: string): void {
  sets.set(key, (sets.get(key) ?? new Set()).add(item));
}

function drawCandidates(random: Random): Candidate[] {
  const names = new Set(
    Array.from(
      { length: random.below(14) },
      () =>
        random.pick(["", "v"]) + random.pick(["1.0.", "1.1.", "2.", "main-", "x"]) +
        random.below(4) + random.pick(["", "", "-rc1", "-alpine"]),
    ),
  );
  return [...names].map((name) => ({
    name,
    digest: random.text("abcdefgh", 1, 1),
    date: random.below(6) === 0
      ? { unknown: "its date is not a text" }
      : { at: NOW - random.below(5) * DAY_MS },
    ...(random.below(6) === 0 && { usedBy: "prod.yaml" }),
  }));
}

function drawPolicy(random: Random): Policy {
  const group = random.pick([undefined, "version", "/^v?(.)/", "/^(x|main)/"]);
  return policy({
    ...(random.below(4) > 0 && { keep: random.below(4) }),
    ...(random.below(2) === 0 && { keepWithinMs: random.below(5) * DAY_MS }),
    ...(group !== undefined && { group }),
    match: random.pick([[], [], ["*"], ["1*", "/x/"]]),
    exclude: random.pick([[], [], ["*-rc1"]]),
    protect: random.pick([[], ["1.0*"]]),
  });
}

test("a policy needs a rule, and a group needs a number", async () => {
  const none = /^A policy needs a rule: --keep, --keep-within, --match or --untagged$/;
  const table: readonly (readonly [Partial<Policy>, RegExp | undefined])[] = [
    [{}, none],
    [{ exclude: ["a"], protect: ["b"] }, none],
    [{ group: "version" }, none],
    [{ group: "version", keepWithinMs: 1 }, /^A group is of no use without a number to keep$/],
    [{ group: "version", keep: 0 }, undefined],
    [{ keep: 0 }, undefined],
    [{ keepWithinMs: 0 }, undefined],
    [{ match: ["a"] }, undefined],
    [{ untagged: true }, undefined],
  ];
  for (const [rules, message] of table) {
    if (message === undefined) assertPolicy(policy(rules));
    else {
      const error = await assertRejects(() => assertPolicy(policy(rules)), "USAGE", message);
      assert.match(error.hint ?? "", /^Give --keep/);
    }
  }
});
