import assert from "node:assert/strict";
import { test } from "node:test";
import { referrersTag } from "../../core/registry/referrers_tag.ts";
import type { Step } from "../support/scripted_registry.ts";
import {
  type Content,
  content,
  image,
  index,
  manifestStep,
  pointTo,
  serve,
} from "./oci_content.ts";
import {
  assertNoPlan,
  daysAgo,
  decisions,
  goingManifests,
  goingTags,
  type Image,
  makeImage,
  planFor,
  prune,
  reading,
} from "./plan_script.ts";
import { page, TAGS_PATH } from "./run_against.ts";

const A = makeImage("a", daysAgo(300));
const B = makeImage("b", daysAgo(200));
const C = makeImage("c", daysAgo(100));

/** Tags that begin with `old` go, all others stay; no date is asked for that does not matter. */
const POLICY = ["--match", "old*"];

/** Something about a manifest, as its subject. */
function about(subject: Content, name: string): Image {
  return makeImage(name, daysAgo(400), { subject: pointTo(subject) });
}

/** cosign's name for what is about a manifest. */
function cosign(subject: Content, suffix = ".sig"): string {
  return `${subject.digest.replace(":", "-")}${suffix}`;
}

test("38: a manifest that a staying tag has too does not go, nor do its bytes count", async () => {
  const tags = { old: A, "old-2": B, stays: A };
  const plan = await planFor(reading({ tags, dated: [A, B] }), POLICY);
  assert.deepEqual(goingTags(plan), ["old", "old-2"]);
  assert.deepEqual(goingManifests(plan), [B.digest]);
  assert.equal(
    plan.repositories[0]?.freedBytes,
    B.size + B.config.size + B.layer.size,
  );
});

test("39: what a staying index lists stays, though its own tag goes", async () => {
  const stays = index([pointTo(A), pointTo(B)]);
  const tags = { old: A, stays };
  const plan = await planFor(reading({ tags, untagged: [B], dated: [A] }), POLICY);
  assert.deepEqual([goingTags(plan), goingManifests(plan)], [["old"], []]);
});

test("39: what only a going index lists goes behind it", async () => {
  const inner = index([pointTo(A)]);
  const outer = index([pointTo(inner), pointTo(B), pointTo(C)]);
  const tags = { old: outer, stays: C };
  const plan = await planFor(reading({ tags, untagged: [inner, A, B], dated: [A, B, C] }), POLICY);
  const manifests = plan.repositories[0]?.manifests ?? [];
  assert.deepEqual(
    Object.fromEntries(manifests.map(({ digest, after }) => [digest, after])),
    {
      [outer.digest]: [],
      [inner.digest]: [outer.digest],
      [A.digest]: [inner.digest],
      [B.digest]: [outer.digest],
    },
  );
  const order = manifests.map(({ digest }) => digest);
  for (const { digest, after } of manifests) {
    for (const one of after) assert.ok(order.indexOf(one) < order.indexOf(digest));
  }
});

test("39: an index in an index in an index keeps its images", async () => {
  let stays: Content = A;
  const inner: Content[] = [];
  for (let i = 0; i < 3; i++) {
    stays = index([pointTo(stays)]);
    inner.push(stays);
  }
  const tags = { old: A, stays };
  const untagged = inner.slice(0, -1);
  const plan = await planFor(reading({ tags, untagged, dated: [A] }), POLICY);
  assert.deepEqual([goingTags(plan), goingManifests(plan)], [["old"], []]);
});

test("39: indexes in indexes have an end", async () => {
  const indexes: Content[] = [];
  let top: Content = A;
  for (let i = 0; i < 9; i++) indexes.unshift(top = index([pointTo(top)]));
  const script = reading({ tags: { old: top }, untagged: indexes.slice(1, 5) });
  assertNoPlan(
    await prune(script, POLICY),
    8,
    /^error: Cannot plan what may go from "HOST\/app": .* it has indexes in indexes without end\n/,
  );
});

test("41: a child that is not there is fine, and one that cannot be read is not", async () => {
  const old = index([pointTo(A), pointTo(B)]);
  const base = reading({ tags: { old, stays: C }, untagged: [A], dated: [A] });
  const missing = manifestStep(B.digest, { status: 404 });
  const plan = await planFor([...base, missing], POLICY);
  assert.deepEqual(goingManifests(plan), [old.digest, A.digest]);

  const undated = reading({ tags: { old, stays: C }, untagged: [A] });
  const cases: readonly (readonly [Partial<Step>, number])[] = [
    [{ reply: { status: 500 }, times: 5 }, 5],
    [{ reply: { status: 403 } }, 4],
    [{ reply: serve(C) }, 7],
    [{ reply: { ...serve(B), headers: { "content-type": "text/plain" } } }, 7],
    [{ reply: { ...serve(B), body: "{}" } }, 7],
  ];
  for (const [step, exitCode] of cases) {
    const failing = { ...manifestStep(B.digest, { status: 200 }), ...step };
    assertNoPlan(await prune([...undated, failing], POLICY), exitCode, /Cannot plan what may go/);
  }
});

test("what an index lists beside manifests is not asked for", async () => {
  const blob = content("anything", "application/octet-stream");
  const old = index([pointTo(blob), pointTo(A)]);
  const tags = { old, stays: C };
  const plan = await planFor(reading({ tags, untagged: [A], dated: [A] }), POLICY);
  assert.deepEqual(goingManifests(plan), [old.digest, A.digest]);
});

test("39: what refers to a staying manifest stays, by its subject and by cosign's tags", async () => {
  const sbom = about(A, "sbom");
  const sigA = makeImage("signature of a");
  const attestation = makeImage("attestation of a");
  const sigOfSig = makeImage("signature of a signature");
  const tags = {
    stays: A,
    old: B,
    "old-sbom": sbom,
    [cosign(A)]: sigA,
    [cosign(A, ".att")]: attestation,
    [cosign(sigA)]: sigOfSig,
  };
  const plan = await planFor(reading({ tags, dated: [B, sbom] }), POLICY);
  assert.deepEqual([goingTags(plan), goingManifests(plan)], [["old"], [B.digest]]);
  const reason = `refers to ${A.digest.slice(0, 19)}, which stays`;
  const all = decisions(plan);
  assert.ok(all.includes(`old-sbom keep referrer: ${reason}`));
  assert.ok(all.includes(`${cosign(A)} keep referrer: ${reason}`));
  assert.ok(all.includes(`${cosign(A, ".att")} keep referrer: ${reason}`));
});

test("39: a referrer of a child of a staying index stays", async () => {
  const stays = index([pointTo(A)]);
  const tags = { stays, old: about(A, "sbom"), "old-2": B, [cosign(A)]: C };
  const plan = await planFor(reading({ tags, untagged: [A], dated: [tags.old, B] }), POLICY);
  assert.deepEqual([goingTags(plan), goingManifests(plan)], [["old-2"], [B.digest]]);
});

test("39: signatures of what goes stay, unless --with-referrers takes them along", async () => {
  const signature = makeImage("signature");
  const tags = { old: A, stays: B, [cosign(A)]: signature };
  const plan = await planFor(reading({ tags, dated: [A] }), POLICY);
  const short = A.digest.slice(0, 19);
  assert.deepEqual(decisions(plan), [
    "old delete match: selected, and no rule keeps it",
    `${cosign(A)} keep referrer: refers to ${short}, which goes; --with-referrers takes it along`,
    "stays keep match: fits no --match",
  ]);
  const withThem = await planFor(
    [...reading({ tags, dated: [A] }), ...noReferrers([A, B, signature])],
    [...POLICY, "--with-referrers"],
  );
  assert.deepEqual(goingTags(withThem), ["old", cosign(A)]);
  const manifests = withThem.repositories[0]?.manifests ?? [];
  assert.deepEqual(manifests.map(({ digest, after }) => [digest, after]), [
    [A.digest, []],
    [signature.digest, [A.digest]],
  ]);
});

test("39: a signature of something that no tag leads to stays, and so does its own", async () => {
  const signature = makeImage("signature");
  const second = makeImage("signature of the signature");
  const tags = {
    old: A,
    stays: B,
    [cosign(C)]: signature,
    [cosign(signature)]: second,
  };
  const plan = await planFor(
    [...reading({ tags, dated: [A] }), ...noReferrers([A, B, signature, second])],
    [...POLICY, "--with-referrers"],
  );
  assert.deepEqual(goingTags(plan), ["old"]);
  assert.deepEqual(goingManifests(plan), [A.digest]);
});

/** Answers of a registry without a list of referrers, and without any. */
function noReferrers(manifests: readonly Content[]): Step[] {
  return manifests.flatMap(({ digest }) => [
    { method: "GET", path: `/v2/app/referrers/${digest}`, reply: { status: 404 } },
    manifestStep(referrersTag(digest), { status: 404 }),
  ]);
}

/** The answer of a registry that lists referrers. */
function listed(subject: Content, referrers: readonly Content[]): Step {
  const path = `/v2/app/referrers/${subject.digest}`;
  return { method: "GET", path, reply: serve(index(referrers.map((one) => pointTo(one)))) };
}

test("39: --with-referrers takes along what the registry lists, and what that is the subject of", async () => {
  const sbom = about(A, "sbom");
  const signature = about(sbom, "signature of the sbom");
  const ofB = about(B, "sbom of b");
  const tags = { old: A, stays: B };
  const script = [
    ...reading({ tags, untagged: [sbom, signature, ofB], dated: [A] }),
    listed(A, [sbom]),
    listed(B, [ofB]),
    listed(sbom, [signature]),
    listed(signature, []),
    listed(ofB, []),
  ];
  const plan = await planFor(script, [...POLICY, "--with-referrers"]);
  assert.deepEqual(goingManifests(plan), [A.digest, sbom.digest, signature.digest]);
  assert.deepEqual(
    plan.repositories[0]?.manifests.map(({ after }) => after),
    [[], [A.digest], [sbom.digest]],
  );
});

test("39: --with-referrers takes along the referrers tag of the schema, with what it lists", async () => {
  const sbom = about(A, "sbom");
  const list = index([pointTo(sbom)]);
  const tag = referrersTag(A.digest);
  const tags = { old: A, stays: B, [tag]: list };
  const script = [
    ...reading({ tags, untagged: [sbom], dated: [A] }),
    { method: "GET", path: `/v2/app/referrers/${A.digest}`, reply: { status: 404 } },
    manifestStep(tag, serve(list)),
    ...noReferrers([B, list, sbom]),
  ];
  const plan = await planFor(script, [...POLICY, "--with-referrers"]);
  assert.deepEqual(goingTags(plan), ["old", tag]);
  assert.deepEqual(
    goingManifests(plan).toSorted(),
    [A.digest, list.digest, sbom.digest].toSorted(),
  );
  const kept = await planFor(reading({ tags, untagged: [sbom], dated: [A] }), POLICY);
  assert.deepEqual(goingManifests(kept), [A.digest]);
});

test("39: referrers that cannot be listed leave no plan", async () => {
  const path = `/v2/app/referrers/${A.digest}`;
  const cases: readonly (readonly [Partial<Step>, number])[] = [
    [{ reply: { status: 500 }, times: 5 }, 5],
    [{ reply: { status: 200, body: "<html>" } }, 7],
    [{ reply: { ...serve(index([])), headers: { link: '<http://evil.test/>; rel="next"' } } }, 8],
  ];
  for (const [step, exitCode] of cases) {
    const script = [...reading({ tags: { stays: A } }), { method: "GET", path, ...step }];
    const run = await prune(script, [...POLICY, "--with-referrers"]);
    assertNoPlan(run, exitCode, /^error: Cannot plan what may go from "HOST\/app": /);
  }
});

test("F26: a tag that pages repeat is read once", async () => {
  const next = `${TAGS_PATH}?last=old`;
  const script = [
    page(["stays", "old"], { link: `<${next}>; rel="next"` }),
    page(["old", "old", "stays", "z"], { path: next }),
    ...reading({ tags: { stays: A, old: B, z: C }, dated: [B] }).slice(1),
  ];
  assert.deepEqual(goingTags(await planFor(script, POLICY)), ["old"]);
});

test("39: a tag of an image manifest without layers, and a subject that is not there", async () => {
  const stays = image({ layers: [], subject: pointTo(C) });
  const tags = { stays, old: A };
  const plan = await planFor(reading({ tags, dated: [A] }), POLICY);
  assert.deepEqual(goingManifests(plan), [A.digest]);
});
