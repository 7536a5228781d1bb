import assert from "node:assert/strict";
import { test } from "node:test";
import { rowsOf, tagsAlone, tagsOfRows } from "./facts_lab.ts";
import { blobStep, type Content, index, manifestStep, pointTo, serve } from "./oci_content.ts";
import { daysAgo, makeImage } from "./plan_script.ts";
import { answer, assertRun } from "./run_against.ts";

const A = makeImage("a", daysAgo(300));
const B = makeImage("b", daysAgo(200));
const MULTI = index([
  pointTo(A, { platform: { os: "linux", architecture: "amd64" } }),
  pointTo(B, { platform: { os: "linux", architecture: "arm64" } }),
]);
const CREATED = Date.UTC(2024, 0, 2);
const UPLOADED = Date.UTC(2024, 5, 7);

/** What Google tells of a manifest. */
function told({ mediaType }: Content, tag: readonly string[], fields: object = {}): object {
  return {
    imageSizeBytes: "1234",
    layerId: "",
    mediaType,
    tag,
    timeCreatedMs: String(CREATED),
    timeUploadedMs: String(UPLOADED),
    ...fields,
  };
}

/** The one page of a listing of Google's kind. */
function listing(manifests: readonly (readonly [Content, object])[], more: object = {}) {
  const manifest = Object.fromEntries(manifests.map(([{ digest }, facts]) => [digest, facts]));
  const tags = manifests.flatMap(([, facts]) => (facts as { tag: string[] }).tag).sort();
  return answer({ status: 200, body: { child: [], manifest, name: "app", tags, ...more } });
}

test("all that is wanted is in the listing: nothing else is asked", async () => {
  const script = [listing([
    [A, told(A, ["1", "one"])],
    [B, told(B, ["2"], { timeUploadedMs: String(UPLOADED + 1), imageSizeBytes: "99" })],
  ])];
  const run = await tagsAlone(script, ["-l", "-o", "json"]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.deepEqual(rowsOf(run)[0], {
    tag: "1",
    reference: "HOST/app:1",
    digest: A.digest,
    mediaType: A.mediaType,
    created: "2024-01-02T00:00:00.000Z",
    pushed: "2024-06-07T00:00:00.000Z",
    size: 1234,
  });
  assert.deepEqual(tagsOfRows(run), ["1", "2", "one"]);
  const pushed = await tagsAlone(script, ["--sort", "pushed"]);
  assertRun(pushed, { exitCode: 0, stdout: "2\n1\none\n", stderr: "" });
  const table = await tagsAlone(script, ["-l", "--sort", "pushed", "--limit", "1"]);
  assert.match(
    table.stdout,
    /^TAG +DIGEST +CREATED +PUSHED +SIZE +PLATFORMS\n2 .* 2024-01-02T00:00:00\.000Z {2}2024-06-07T00:00:00\.001Z {2}99 B {2}-\n$/,
  );
  const bySize = await tagsAlone(script, ["--sort", "size", "-r"]);
  assert.equal(bySize.stdout, "2\n1\none\n");
  const ranged = await tagsAlone(script, [
    "--sort",
    "pushed",
    "--newer-than",
    "2024-06-07T00:00:00Z",
  ]);
  assert.equal(ranged.stdout, "2\n");
});

test("of an index that it knows nothing of, the index is read, and its images are known", async () => {
  const unknown = { imageSizeBytes: "0", timeCreatedMs: "0" };
  const script = [
    listing([
      [MULTI, told(MULTI, ["multi"], unknown)],
      [A, told(A, [], { imageSizeBytes: "10" })],
      [B, told(B, [], { imageSizeBytes: "20", timeCreatedMs: String(CREATED + 5) })],
    ]),
    manifestStep(MULTI.digest, serve(MULTI)),
  ];
  const run = await tagsAlone(script, ["-l", "-o", "json"]);
  const [row] = rowsOf(run);
  assert.deepEqual([row?.size, row?.created, row?.platforms], [
    30,
    "2024-01-02T00:00:00.005Z",
    ["linux/amd64", "linux/arm64"],
  ]);
  const arm64 = await tagsAlone(script, ["-l", "--platform", "linux/arm64", "-o", "json"]);
  assert.deepEqual([rowsOf(arm64)[0]?.size, rowsOf(arm64)[0]?.image?.digest], [20, B.digest]);
});

test("an index of which it knows the size but not the date is read", async () => {
  const script = [
    listing([[MULTI, told(MULTI, ["multi"], { timeCreatedMs: "0" })], [A, told(A, [])], [
      B,
      told(B, []),
    ]]),
    manifestStep(MULTI.digest, serve(MULTI)),
  ];
  const run = await tagsAlone(script, ["-l", "-o", "json"]);
  assert.deepEqual([rowsOf(run)[0]?.created, rowsOf(run)[0]?.size], [
    "2024-01-02T00:00:00.000Z",
    2468,
  ]);
});

test("a date of 1970 of an image is what it says, and comes last", async () => {
  const script = [listing([
    [A, told(A, ["epoch"], { timeCreatedMs: "0" })],
    [B, told(B, ["dated"])],
  ])];
  const run = await tagsAlone(script, ["-l", "--sort", "created", "-r", "-o", "json"]);
  assert.deepEqual(rowsOf(run).map(({ tag, created }) => [tag, created]), [
    ["dated", "2024-01-02T00:00:00.000Z"],
    ["epoch", "1970-01-01T00:00:00.000Z"],
  ]);
});

test("what it does not tell, or tells in a way nobody understands, is read by its digest", async () => {
  const odd: readonly object[] = [
    { imageSizeBytes: null },
    { imageSizeBytes: "-1" },
    { imageSizeBytes: "1e3" },
    // As of a chart.
    { imageSizeBytes: "0", timeCreatedMs: "0" },
    { timeCreatedMs: "yesterday" },
    { timeCreatedMs: [1] },
    { timeCreatedMs: undefined },
    { timeCreatedMs: "9".repeat(40) },
    // Of the year 33658.
    { timeCreatedMs: "999999999999999" },
  ];
  for (const fields of odd) {
    const script = [
      listing([[A, told(A, ["1"], fields)]]),
      manifestStep(A.digest, serve(A)),
      blobStep(A.config),
    ];
    const run = await tagsAlone(script, ["-l", "-o", "json"]);
    assert.equal(rowsOf(run)[0]?.size, 14, JSON.stringify(fields));
    assert.equal(rowsOf(run)[0]?.pushed, "2024-06-07T00:00:00.000Z");
  }
});

test("a tag that the map does not know is read as ever", async () => {
  const script = [
    listing([[A, told(A, ["1"])]], { tags: ["1", "2"] }),
    manifestStep("2", serve(B)),
    blobStep(B.config),
  ];
  const run = await tagsAlone(script, ["-l", "-o", "json"]);
  assert.deepEqual(rowsOf(run).map(({ tag, size }) => [tag, size]), [["1", 1234], ["2", 14]]);
});

test("repositories below it are named", async () => {
  const script = [listing([[A, told(A, ["1"])]], { child: ["web", "api", 5] })];
  const run = await tagsAlone(script, ["-l"]);
  assert.equal(run.stderr, "note: There are repositories below it: api, web\n");
});
