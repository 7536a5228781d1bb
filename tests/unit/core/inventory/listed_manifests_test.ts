import assert from "node:assert/strict";
import { test } from "node:test";

import { ListedManifests } from "../../../../core/inventory/listed_manifests.ts";

/** A page of so many manifests, each with a tag of its own. */
function makePage(first: number, count: number) {
  const manifest: Record<string, unknown> = {};
  for (let i = first; i < first + count; i++) {
    const hex = i.toString(16).padStart(64, "0");
    manifest[`sha256:${hex}`] = { tag: [`t${i}`], timeUploadedMs: "1" };
  }
  return { entries: [], dropped: 0, document: { manifest, child: [`c${first}`] } };
}

test("what a registry lists without end is not kept without end", async () => {
  const listed = new ListedManifests();
  async function* pages() {
    for (let i = 0; i < 5; i++) yield await Promise.resolve(makePage(i * 50_000, 50_000));
  }
  let count = 0;
  for await (const page of listed.watch(pages())) count += page.entries.length + 1;
  assert.equal(count, 5);
  assert.ok(listed.ofTag("t199999"));
  assert.equal(listed.ofTag("t200000"), undefined);
  assert.deepEqual(listed.children, ["c0", "c100000", "c150000", "c200000", "c50000"]);
});
