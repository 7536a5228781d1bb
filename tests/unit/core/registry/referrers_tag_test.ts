import assert from "node:assert/strict";
import { test } from "node:test";
import { referrersTag } from "../../../../core/registry/referrers_tag.ts";

test("referrersTag: the examples of the distribution spec, and what has to be cut", () => {
  const cases = [
    [`sha256:${"a".repeat(64)}`, `sha256-${"a".repeat(64)}`],
    [`sha512:${"b".repeat(128)}`, `sha512-${"b".repeat(64)}`],
    [
      "test+algorithm+using+algorithm+separators+and+lots+of+characters+to+exercise+overall" +
      "+truncation:alsoSome=InTheEncodedSectionToShowHyphenReplacementAndLotsAndLotsOfCharacters" +
      "ToExerciseEncodedTruncation",
      "test-algorithm-using-algorithm-s-alsoSome-InTheEncodedSectionToShowHyphenReplacementAndLots" +
      "AndLot",
    ],
  ] as const;
  for (const [digest, tag] of cases) assert.equal(referrersTag(digest), tag);
});
