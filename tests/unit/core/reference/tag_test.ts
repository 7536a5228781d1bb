import assert from "node:assert/strict";
import { test } from "node:test";

import { isTag } from "../../../../core/reference/tag.ts";
import { forEachSeed } from "../../../support/random.ts";

const FIRST = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

test("isTag accepts the spec's tags", () => {
  for (const tag of ["latest", "1", "_", "v1.2.3-rc.1", "A__b--c..d", "0", "x".repeat(128)]) {
    assert.equal(isTag(tag), true, tag);
  }
});

test("isTag refuses everything else", () => {
  const hostile = [
    ...["", ".", "-", ".a", "-a", "a b", " a", "a ", "a/b", "a:b", "a@b", "a+b", "%2e", "a%"],
    ...["a\n", "\na", "a\r", "a\t", "a\0", "é", "\u0430", "\u212a", "a\u200b", "\ud800"],
    ...["x".repeat(129), "x".repeat(50_000), "..", "../..", "a\u2028"],
  ];
  for (const tag of hostile) assert.equal(isTag(tag), false, JSON.stringify(tag.slice(0, 40)));
});

test("isTag holds for random tags and for no tag with one forbidden character", () => {
  forEachSeed(300, (random) => {
    const tag = random.text(FIRST, 1, 1) + random.text(`${FIRST}.-`, 0, 127);
    assert.equal(isTag(tag), true, tag);
    const at = random.below(tag.length);
    const wrong = tag.slice(0, at) + random.text(" /:@+%~\n\0é\u0430", 1, 1) + tag.slice(at + 1);
    assert.equal(isTag(wrong), false, JSON.stringify(wrong));
  });
});
