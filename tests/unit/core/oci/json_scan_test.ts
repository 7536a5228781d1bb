import assert from "node:assert/strict";
import { test } from "node:test";

import {
  findAmbiguousKey,
  findMember,
  isDeeperThan,
  type JsonShape,
} from "../../../../core/oci/json_scan.ts";
import { assertFast } from "../../../support/assert_error.ts";

const SHAPE: JsonShape = {
  names: ["digest", "layers", "tokens", "annotations"],
  get members() {
    return { a: SHAPE, b: SHAPE, x: SHAPE, y: SHAPE };
  },
};
const OPTIONS = { shape: SHAPE };
const MEBIBYTE = 1024 * 1024;

test("findAmbiguousKey finds what is there twice, at any depth", () => {
  const cases = [
    ['{"a":1,"a":2}', "a"],
    ['{"a":{"b":1,"c":[{"d":1,"d":1}]}}', "d"],
    ['{"a":1,"\\u0061":2}', "a"],
    ['{"\\"}":1,"\\u0022}":2}', '"}'],
    ['{"":1,"":2}', ""],
    ['{"\\\\":1, "b" : {} , "\\\\" : 2}', "\\"],
    ['{"__proto__":1,"__proto__":2}', "__proto__"],
    ['{"annotations":{"a":"1","a":"2"}}', "a"],
  ] as const;
  for (const [json, key] of cases) {
    assert.deepEqual(findAmbiguousKey(json), { key }, json);
    assert.deepEqual(findAmbiguousKey(json, OPTIONS), { key }, json);
  }
});

test("findAmbiguousKey takes keys that fold alike for one, where names are known", () => {
  const cases = [
    ['{"x":1,"X":2}', "X"],
    ['{"list":1,"liſt":2}', "liſt"],
    ['{"list":1,"li\\u017ft":2}', "liſt"],
    ['{"ok":1,"o\u212a":2}', "o\u212a"],
    ['[{"a":{"É":1,"é":2}}]', "é"],
  ] as const;
  for (const [json, key] of cases) {
    assert.equal(findAmbiguousKey(json), undefined, json);
    assert.deepEqual(findAmbiguousKey(json, OPTIONS), { key }, json);
  }
});

test("findAmbiguousKey finds known names that are spelled otherwise, be they there once", () => {
  const names = [
    ...[["Digest", "digest"], ["LAYERS", "layers"], ["layerſ", "layers"]],
    ...[["to\u212aens", "tokens"], ["Annotations", "annotations"]],
  ] as const;
  for (const [key, like] of names) {
    const object = `{"x":0,${JSON.stringify(key)}:1}`;
    for (const json of [object, `{"a":[1,{"b":${object}}]}`, `[[${object}]]`]) {
      assert.deepEqual(findAmbiguousKey(json, OPTIONS), { key, like }, json);
      assert.equal(findAmbiguousKey(json), undefined, json);
    }
  }
  const escaped = '{"\\u0044igest":1}';
  assert.deepEqual(findAmbiguousKey(escaped, OPTIONS), { key: "Digest", like: "digest" });
});

test("findAmbiguousKey lets keys that are data differ in case alone, and no others", () => {
  const map = '{"a":"1","A":"2","Digest":"3","digest":"4"}';
  for (const json of [`{"annotations":${map}}`, `{"x":[{"annotations":${map},"a":1}]}`]) {
    assert.equal(findAmbiguousKey(json, OPTIONS), undefined, json);
  }
  const around = [
    `{"annotations":{},"x":${map}}`,
    `{"x":{"annotations":{}},"y":${map}}`,
    `{"x":"annotations","y":${map}}`,
    `{"x":["annotations",${map}]}`,
    `{"x":[{"annotations":{}},${map}]}`,
    `{"x":[{"annotations":1},{"annotations":{}},${map}]}`,
    `[[{"annotations":{}}],${map}]`,
  ];
  for (const json of around) {
    assert.deepEqual(findAmbiguousKey(json, OPTIONS), { key: "A" }, json);
  }
});

test("findAmbiguousKey takes no value for a key", () => {
  const texts = [
    ...['{"a":"a","b":"a"}', '["a","a"]', '{"a":{"a":{"a":["a","a"]}}}', '[{"a":1},{"a":2}]'],
    ...['{"a":"\\",\\"a\\":1","b":"{\\"b\\":"}', '{"a":"Digest","b":["Digest"]}', '"a"', "1", "{}"],
  ];
  for (const json of texts) {
    assert.equal(findAmbiguousKey(json), undefined, json);
    assert.equal(findAmbiguousKey(json, OPTIONS), undefined, json);
  }
});

test("findMember gives the span of a value", () => {
  const cases = [
    ['{"auths":{"a":1}}', '{"a":1}'],
    ['{"x":{"auths":1},"auths":2}', "2"],
    ['{"x":[{"auths":1}],"y":"auths","auths":[2,{"auths":3}],"z":4}', '[2,{"auths":3}]'],
    ['{"x":"{\\"auths\\":1,","auths":"}],\\"{"}', '"}],\\"{"'],
    ['\n{ "x" : 1 ,\t"auths"\r\n:\n  { "a" : 1 }\t }\n', '{ "a" : 1 }'],
    ['{"\\u0061uths":null}', "null"],
    ['{"auths":"a:b","x":1}', '"a:b"'],
    ['{"auths":{}}', "{}"],
  ] as const;
  for (const [json, value] of cases) {
    const span = findMember(json, "auths");
    assert.ok(span, json);
    assert.equal(json.slice(span.start, span.end), value, json);
  }
  for (
    const json of ["{}", '{"x":1}', '{"x":{"auths":1}}', '{"x":"auths"}', '{"Auths":1}', '"auths"']
  ) {
    assert.equal(findMember(json, "auths"), undefined, json);
  }
});

test("isDeeperThan counts lists and objects, and no brackets in texts", () => {
  const nest = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  for (const depth of [1, 2, 20]) {
    assert.equal(isDeeperThan(nest(depth), depth), false);
    assert.equal(isDeeperThan(nest(depth + 1), depth), true);
    assert.equal(isDeeperThan(`[${Array(50).fill(nest(depth - 1))}]`, depth), false);
  }
  assert.equal(isDeeperThan('{"a":{"b":[1]}}', 3), false);
  assert.equal(isDeeperThan('{"a":{"b":[1]}}', 2), true);
  assert.equal(isDeeperThan('["[[[", "\\"[[[", "\\\\", {"{{{":"]]"}]', 2), false);
  assert.equal(isDeeperThan('["\\\\",[[]]]', 2), true);
  for (const json of ["", "1", '"[[["', '"unfinished [[[']) {
    assert.equal(isDeeperThan(json, 0), false, json);
  }
});

test("what scans JSON is fast", () => {
  assertFast("[", () => isDeeperThan("[".repeat(MEBIBYTE), 20));
  for (const piece of ["[", '"\\', '"', "\\", '\\"', "]", '"a":{"a":']) {
    const json = piece.repeat(65_536 / piece.length);
    assertFast(piece, () => isDeeperThan(json, Infinity));
  }
  const keys = Array.from({ length: 5000 }, (_, i) => `"k${i}":"\\\\\\""`);
  const json = `{${keys}}`;
  assertFast("keys", () => findAmbiguousKey(json, OPTIONS));
  assertFast("keys", () => findMember(json, "k4999"));
});
