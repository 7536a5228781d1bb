import assert from "node:assert/strict";
import { test } from "node:test";
import { type Ordered, toWaves } from "../../../../core/retention/waves.ts";
import { Random } from "../../../support/random.ts";

/** Items in short: `b<a` is `b`, which comes behind `a`. */
function items(...texts: readonly string[]): readonly Ordered[] {
  return texts.map((text) => {
    const [id = "", after = ""] = text.split("<");
    return { id, after: after === "" ? [] : after.split(",") };
  });
}

/** The names of each wave. */
function namesOf(waves: readonly (readonly Ordered[])[]): string {
  return waves.map((wave) => wave.map(({ id }) => id).join(" ")).join(" | ");
}

const CASES: readonly (readonly [string, readonly string[], string])[] = [
  ["nothing", [], ""],
  ["one", ["a"], "a"],
  ["those that wait for nothing, as they come", ["b", "a", "c"], "b a c"],
  ["a chain from its end", ["c<b", "b<a", "a"], "a | b | c"],
  ["what waits for two waits for the later", ["d<a,c", "c<b", "b", "a"], "b a | c | d"],
  ["a name that is there twice counts once", ["b<a,a", "a"], "a | b"],
  ["what is not there holds nobody up", ["a<z", "b<a,y"], "a | b"],
  ["what waits for itself comes last", ["a<a", "b"], "b | a"],
  ["a circle comes last", ["a<b", "b<a", "c"], "c | a b"],
  ["what waits for a circle comes with it", ["d<a", "a<b", "b<a", "c", "e<c"], "c | e | d a b"],
  ["nothing but a circle", ["a<c", "b<a", "c<b"], "a b c"],
];

for (const [what, texts, expected] of CASES) {
  test(`waves: ${what}`, () => assert.equal(namesOf(toWaves(items(...texts))), expected));
}

test("waves: 100,000 in a chain, behind one, and in a circle take linear time", () => {
  const count = 100_000;
  const make = (after: (i: number) => readonly number[]): readonly Ordered[] =>
    Array.from({ length: count }, (_, i) => ({ id: `${i}`, after: after(i).map(String) }));
  const shapes: readonly (readonly [string, readonly Ordered[], number])[] = [
    ["a chain", make((i) => i > 0 ? [i - 1] : []), count],
    ["a chain from its end", make((i) => i < count - 1 ? [i + 1] : []), count],
    ["all behind the first", make((i) => i > 0 ? [0] : []), 2],
    [
      "the first behind all",
      make((i) => i > 0 ? [] : Array.from({ length: count }).map((_, j) => j).slice(1)),
      2,
    ],
    ["a circle", make((i) => [(i + 1) % count]), 1],
    [
      "a circle with a tail before it",
      make((i) => [i < count / 2 ? i - 1 : i === count - 1 ? count / 2 : i + 1]),
      count / 2 + 1,
    ],
  ];
  for (const [what, all, waves] of shapes) {
    const begin = performance.now();
    const found = toWaves(all);
    const took = performance.now() - begin;
    assert.equal(found.length, waves, what);
    assert.equal(found.reduce((sum, { length }) => sum + length, 0), count, what);
    assert.ok(took < 3_000, `${what}: ${took} ms`);
  }
});

test("waves: each item once, behind all that it waits for, and no later than it has to", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Random(seed);
    const count = 1 + random.below(30);
    const isRound = random.below(3) === 0;
    const all = Array.from({ length: count }, (_, i) => ({
      id: `${i}`,
      // Of earlier ones alone there is no circle.
      after: Array.from(
        { length: random.below(4) },
        () => `${isRound ? random.below(count + 2) : random.below(i + 1) - 1}`,
      ),
    }));
    const waves = toWaves(all);
    const told = `seed ${seed}: ${namesOf(waves)}`;
    assert.deepEqual(waves.flat().toSorted(byId), all.toSorted(byId), told);
    const waveOf = new Map(waves.flatMap((wave, i) => wave.map(({ id }) => [id, i] as const)));
    const stuck = findStuck(all);
    for (const { id, after } of all) {
      const before = after.flatMap((one) => waveOf.get(one) ?? []);
      if (stuck.has(id)) assert.equal(waveOf.get(id), waves.length - 1, told);
      else assert.equal(waveOf.get(id), Math.max(-1, ...before) + 1, told);
    }
    for (const id of waves.at(-1)?.map((one) => one.id) ?? []) {
      if (stuck.size > 0) assert.ok(stuck.has(id), told);
    }
  }
});

/** What waits for itself, or for what does. */
function findStuck(all: readonly Ordered[]): ReadonlySet<string> {
  const stuck = new Set(all.map(({ id }) => id));
  for (let size = -1; size !== stuck.size;) {
    size = stuck.size;
    for (const { id, after } of all) {
      if (!after.some((one) => stuck.has(one))) stuck.delete(id);
    }
  }
  return stuck;
}

function byId(a: Ordered, b: Ordered): number {
  return Number(a.id) - Number(b.id);
}
