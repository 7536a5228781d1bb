import assert from "node:assert/strict";
import { test } from "node:test";

import type { Descriptor } from "../../../../core/oci/manifest.ts";
import { DOCKER_MANIFEST, OCI_MANIFEST } from "../../../../core/oci/media_types.ts";
import { LayoutIndex } from "../../../../core/server/layout_index.ts";
import { forEachSeed, type Random } from "../../../support/random.ts";

const REF_NAME = "org.opencontainers.image.ref.name";
const EMPTY = new LayoutIndex([]);

function manifest(digit: string): Descriptor {
  return { mediaType: OCI_MANIFEST, digest: `sha256:${digit.repeat(64)}`, size: 2 };
}

const [A, B, C] = [manifest("a"), manifest("b"), manifest("c")];

function tagged(descriptor: Descriptor, tag: string): Descriptor {
  return { ...descriptor, annotations: { [REF_NAME]: tag } };
}

test("an empty index has nothing", () => {
  assert.deepEqual(EMPTY.tags, []);
  assert.deepEqual([...EMPTY.manifests], []);
  assert.equal(EMPTY.find("v1"), undefined);
  assert.equal(EMPTY.find(A.digest), undefined);
});

test("with adds a manifest with and without a tag", () => {
  const index = EMPTY.with(A).with(B, ["v1"]);
  assert.deepEqual(index.entries, [A, tagged(B, "v1")]);
  assert.deepEqual(index.tags, ["v1"]);
  assert.equal(index.find("v1")?.digest, B.digest);
  assert.equal(index.find(A.digest)?.digest, A.digest);
  assert.equal(index.find(B.digest)?.digest, B.digest);
  assert.deepEqual(EMPTY.entries, [], "the one before is as it was");
});

test("a tag that moves leaves its old manifest untagged", () => {
  const index = EMPTY.with(A, ["v1"]).with(B, ["v1"]);
  assert.deepEqual(index.entries, [A, tagged(B, "v1")]);
  assert.deepEqual(index.tags, ["v1"]);
  assert.equal(index.find("v1")?.digest, B.digest);
  assert.equal(index.find(A.digest)?.digest, A.digest);
});

test("a tag that moves leaves alone the other tags of its old manifest", () => {
  const index = EMPTY.with(A, ["v1"]).with(A, ["v2"]).with(B, ["v1"]);
  assert.deepEqual(index.entries, [tagged(A, "v2"), tagged(B, "v1")]);
});

test("with adds several tags at once, each of them once", () => {
  const index = EMPTY.with(A, ["v1"]).with(B, ["v2", "v3"]).with(A, ["v2", "v1", "v4", "v2"]);
  assert.deepEqual(index.entries, [
    tagged(A, "v1"),
    tagged(B, "v3"),
    tagged(A, "v2"),
    tagged(A, "v4"),
  ]);
  assert.deepEqual(EMPTY.with(A, ["v1", "v2"]).with(B, ["v1", "v2"]).entries, [
    A,
    tagged(B, "v1"),
    tagged(B, "v2"),
  ]);
});

test("an untagged entry disappears once its manifest is tagged", () => {
  const index = EMPTY.with(A).with(B).with(A, ["v1"]);
  assert.deepEqual(index.entries, [B, tagged(A, "v1")]);
  assert.deepEqual(EMPTY.with(A, ["v1"]).with(B, ["v1"]).with(A, ["v2"]).entries, [
    tagged(B, "v1"),
    tagged(A, "v2"),
  ]);
});

test("withoutTag of one of two tags keeps the other", () => {
  const index = EMPTY.with(A, ["v1"]).with(A, ["v2"]).withoutTag("v1");
  assert.deepEqual(index.entries, [tagged(A, "v2")]);
});

test("withoutTag of the only tag keeps the manifest", () => {
  const index = EMPTY.with(A, ["v1"]).with(B, ["v2"]).withoutTag("v1");
  assert.deepEqual(index.entries, [tagged(B, "v2"), A]);
  assert.equal(index.find("v1"), undefined);
});

test("withoutManifest drops all tags of it", () => {
  const index = EMPTY.with(A, ["v1"]).with(B, ["v2"]).with(A, ["v3"]).withoutManifest(A.digest);
  assert.deepEqual(index.entries, [tagged(B, "v2")]);
  assert.deepEqual(index.tags, ["v2"]);
  assert.equal(index.find(A.digest), undefined);
});

test("what changes nothing gives the same index", () => {
  const index = EMPTY.with(A, ["v1"]).with(A, ["v2"]).with(B);
  assert.equal(index.with(A, ["v1"]), index);
  assert.equal(index.with(A, ["v2"]), index);
  assert.equal(index.with(A, ["v2", "v1", "v2"]), index);
  assert.equal(index.with(A, []), index);
  assert.equal(index.with(A), index);
  assert.equal(index.with(B), index);
  assert.equal(index.withoutTag("v3"), index);
  assert.equal(index.withoutTag(A.digest), index);
  assert.equal(index.withoutManifest(C.digest), index);
  assert.equal(index.withoutManifest("v1"), index);
});

test("a manifest that comes again as another type is of that type under all its tags", () => {
  const again = { ...A, mediaType: DOCKER_MANIFEST };
  const index = EMPTY.with(A, ["v1"]).with(A, ["v2"]).with(B);
  for (const changed of [index.with(again), index.with(again, ["v1"]), index.with(again, ["v3"])]) {
    const found = changed.entries.filter(({ digest }) => digest === A.digest);
    for (const { mediaType } of found) assert.equal(mediaType, DOCKER_MANIFEST);
    assert.equal(changed.find("v1")?.mediaType, DOCKER_MANIFEST);
    assert.equal(changed.find("v2")?.mediaType, DOCKER_MANIFEST);
    assert.equal(changed.find(B.digest)?.mediaType, OCI_MANIFEST);
  }
  assert.deepEqual(EMPTY.with(A).with(again).entries, [again]);
});

test("a tagged manifest that comes again as another type gets no entry without a tag", () => {
  const index = EMPTY.with(A, ["v1"]).with({ ...A, mediaType: DOCKER_MANIFEST });
  assert.deepEqual(index.entries, [tagged({ ...A, mediaType: DOCKER_MANIFEST }, "v1")]);
});

test("annotations of others stay when a tag is taken away", () => {
  const noted = { ...A, annotations: { [REF_NAME]: "v1", "x.y": "z" } };
  const expected = { ...A, annotations: { "x.y": "z" } };
  assert.deepEqual(new LayoutIndex([noted]).withoutTag("v1").entries, [expected]);
  assert.deepEqual(new LayoutIndex([noted]).with(B, ["v1"]).entries, [expected, tagged(B, "v1")]);
  const index = new LayoutIndex([noted, B]).with(C, ["v2"]).withoutManifest(B.digest);
  assert.deepEqual(index.entries, [noted, tagged(C, "v2")]);
});

test("annotations of others stay when a manifest gets its first tag", () => {
  const index = new LayoutIndex([{ ...A, annotations: { "x.y": "z" } }]).with(A, ["v1"]);
  const expected = { ...A, annotations: { "x.y": "z", [REF_NAME]: "v1" } };
  assert.deepEqual(index.entries, [expected]);
});

test("unknown fields of an entry stay", () => {
  const platform = { os: "linux", architecture: "arm64" };
  const entry = { ...A, platform, annotations: { [REF_NAME]: "v1" } };
  assert.deepEqual(new LayoutIndex([entry]).withoutTag("v1").entries, [{ ...A, platform }]);
  assert.deepEqual(new LayoutIndex([entry]).with(B, ["v2"]).find("v1"), entry);
});

test("a name that is no tag is none, and its entry stays as it is", () => {
  for (const name of ["", "docker.io/library/a:v1", "a b", "-x", ".", "..", "é", "a".repeat(129)]) {
    const entry = tagged(A, name);
    const index = new LayoutIndex([entry]);
    assert.deepEqual(index.tags, [], name);
    assert.equal(index.find(name), undefined, name);
    assert.equal(index.withoutTag(name), index, name);
    assert.equal(index.find(A.digest), entry, name);
    const changed = index.with(A, ["v1"]);
    assert.deepEqual(changed.entries, [entry, tagged(A, "v1")], name);
    assert.deepEqual(changed.withoutTag("v1").entries, [entry], name);
  }
});

test("tags come in ASCII order", () => {
  const tags = ["b", "a", "_", "B", "10", "9", "a.b", "a-b", "a_b", "aB", "__proto__", "latest"];
  const index = tags.reduce((found, tag) => found.with(A, [tag]), EMPTY);
  assert.deepEqual(index.tags, [
    ...["10", "9", "B", "_", "__proto__", "a", "a-b", "a.b", "aB", "a_b", "b", "latest"],
  ]);
});

test("every manifest is listed once, whatever its tags", () => {
  const index = EMPTY.with(A, ["v1"]).with(B).with(A, ["v2"]).with(C, ["v3"]);
  const digests = [...index.manifests].map(({ digest }) => digest).sort();
  assert.deepEqual(digests, [A.digest, B.digest, C.digest]);
});

test("no manifest is lost when a layout of others has a tag twice", () => {
  const index = new LayoutIndex([tagged(A, "v1"), tagged(B, "v1")]);
  assert.deepEqual(index.tags, ["v1"]);
  for (const changed of [index.withoutTag("v1"), index.with(C, ["v1"])]) {
    assert.equal(changed.find(A.digest)?.digest, A.digest);
    assert.equal(changed.find(B.digest)?.digest, B.digest);
    assert.notEqual(changed.find("v1")?.digest, A.digest);
    assert.notEqual(changed.find("v1")?.digest, B.digest);
  }
});

interface Model {
  readonly tags: Map<string, string>;
  readonly manifests: Set<string>;
}

test("random changes do to an index what they do to a map of tags and a set of digests", () => {
  forEachSeed(300, (random) => {
    const model: Model = { tags: new Map(), manifests: new Set() };
    let index = EMPTY;
    for (let step = 0; step < 40; step++) {
      const before = JSON.stringify(toJson(model));
      const next = changeBoth(random, index, model);
      assert.equal(next === index, JSON.stringify(toJson(model)) === before);
      index = next;
      assertSame(index, model);
      assertSame(new LayoutIndex(JSON.parse(JSON.stringify(index.entries))), model);
    }
  });
});

function changeBoth(random: Random, index: LayoutIndex, model: Model): LayoutIndex {
  const descriptor = manifest(random.pick([..."abcdef"]));
  const { digest } = descriptor;
  const names = ["v1", "v2", "V2", "latest", "_"];
  const tag = random.pick(names);
  switch (random.below(6)) {
    case 0:
      for (const [name, other] of model.tags) if (other === digest) model.tags.delete(name);
      model.manifests.delete(digest);
      return index.withoutManifest(digest);
    case 1:
      model.tags.delete(tag);
      return index.withoutTag(tag);
    case 2:
      model.manifests.add(digest);
      return index.with(descriptor);
    default: {
      const tags = Array.from({ length: 1 + random.below(3) }, () => random.pick(names));
      model.manifests.add(digest);
      for (const name of tags) model.tags.set(name, digest);
      return index.with(descriptor, tags);
    }
  }
}

function assertSame(index: LayoutIndex, model: Model): void {
  assert.deepEqual(index.tags, [...model.tags.keys()].sort());
  for (const [tag, digest] of model.tags) assert.equal(index.find(tag)?.digest, digest);
  const digests = [...index.manifests].map(({ digest }) => digest);
  assert.deepEqual(digests.sort(), [...model.manifests].sort());
  for (const digest of model.manifests) assert.equal(index.find(digest)?.digest, digest);
  // An entry a tag, and one for each manifest that has none.
  const named = new Set(model.tags.values());
  const unnamed = [...model.manifests].filter((digest) => !named.has(digest));
  const expected = [...model.tags].map(([tag, digest]) => `${digest} ${tag}`).concat(unnamed);
  const actual = index.entries.map(({ digest, annotations }) => {
    return annotations ? `${digest} ${annotations[REF_NAME]}` : digest;
  });
  assert.deepEqual(actual.sort(), expected.sort());
}

function toJson({ tags, manifests }: Model): unknown {
  return [[...tags].sort(), [...manifests].sort()];
}
