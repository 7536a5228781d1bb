import assert from "node:assert/strict";
import { test } from "node:test";
import type { Step } from "../support/scripted_registry.ts";
import {
  blobStep,
  CONFIG_TYPE,
  type Content,
  content,
  image,
  index,
  manifestStep,
  pointTo,
  serve,
} from "./oci_content.ts";
import {
  daysAgo,
  decisions,
  goingManifests,
  type Image,
  makeImage,
  planFor,
  prune,
  reading,
} from "./plan_script.ts";

const YEAR = 365;
const OLD = makeImage("old", daysAgo(YEAR));
const STAYS = makeImage("stays");
const POLICY = ["--keep-within", "30d", "--protect", "stays"];

/** Plans with an old image beside another tag `x`, and gives what was decided about that. */
async function decideAbout(
  x: Content,
  steps: readonly Step[],
  untagged: readonly Content[] = [],
): Promise<string | undefined> {
  const tags = { old: OLD, stays: STAYS, x };
  const plan = await planFor([...reading({ tags, untagged, dated: [OLD] }), ...steps], POLICY);
  const [old, , decision] = decisions(plan);
  assert.equal(old, "old delete keep-within: older than 30d");
  // Where it stays, nothing of it goes.
  if (decision?.startsWith("x keep")) assert.deepEqual(goingManifests(plan), [OLD.digest]);
  return decision;
}

const BLANK = "its configuration names no date";
const future = daysAgo(-3);

/** What a configuration says, and what is made of it. */
const CREATED: readonly (readonly [string, unknown, string])[] = [
  [
    "Go's zero time",
    "0001-01-01T00:00:00Z",
    "its date is 0001-01-01, as reproducible builds write it",
  ],
  ["the epoch", "1970-01-01T00:00:00Z", "its date is 1970-01-01, as reproducible builds write it"],
  ["1980", "1980-01-01T00:00:01Z", "its date is 1980-01-01, as reproducible builds write it"],
  ["garbage", "yesterday\x1b[2J", 'its date cannot be read: "yesterday\\u001b[2J"'],
  ["a day that is none", "2024-02-30T00:00:00Z", 'its date cannot be read: "2024-02-30T00:00:00Z"'],
  ["a number", 1700000000, "its date is not a text"],
  ["null", null, BLANK],
  ["nothing", "", BLANK],
  ["no key", undefined, BLANK],
  ["the future", future, `its date is ${future.slice(0, 10)}, which is in the future`],
  ["the prototype", { __proto__: null, toString: "x" }, "its date is not a text"],
];

for (const [what, created, reason] of CREATED) {
  test(`40: an image whose date is ${what} stays, and that is said`, async () => {
    const x = makeImage("x", created);
    assert.equal(await decideAbout(x, [blobStep(x.config)]), `x keep date: ${reason}`);
  });
}

test("40: dates with an offset, with nanoseconds and in lower case are read", async () => {
  for (const created of ["2024-05-06T07:08:09.123456789+02:00", "2024-05-06t05:08:09.1z"]) {
    const x = makeImage("x", created);
    assert.equal(
      await decideAbout(x, [blobStep(x.config)]),
      "x delete keep-within: older than 30d",
    );
  }
});

const X = makeImage("x", daysAgo(YEAR));
const X_URL = { method: "GET", path: `/v2/app/blobs/${X.config.digest}` };
const html = { status: 200, headers: { "content-type": "text/html" }, body: "<p>Log in</p>" };
const altered = serve(X.config);

/** How the request for a configuration ends, and what is made of it. */
const UNREADABLE: readonly (readonly [string, Step, RegExp])[] = [
  ["404", { ...X_URL, reply: { status: 404 } }, /: Cannot get .*: HOST answered 404$/],
  ["403", { ...X_URL, reply: { status: 403 } }, /HOST answered 403$/],
  ["500", { ...X_URL, reply: { status: 500 }, times: 5 }, /HOST answered 500 \(5 tries\)$/],
  ["other bytes", { ...X_URL, reply: { ...altered, body: "x".repeat(X.config.size) } }, /digest/],
  ["a web page", { ...X_URL, reply: html }, /Cannot get/],
  [
    "too many bytes",
    { ...X_URL, fault: "endless-body" },
    /more than 85 bytes, which is too large$/,
  ],
  [
    "a connection that breaks off",
    { ...X_URL, reply: altered, fault: "short-body", times: 5 },
    /the connection was closed half-way$/,
  ],
];

for (const [what, step, reason] of UNREADABLE) {
  test(`40: an image whose configuration is answered with ${what} stays, and that is said`, async () => {
    const decision = await decideAbout(X, [step]) ?? "";
    assert.match(decision, /^x keep date: its configuration cannot be read: (Cannot|HOST) /);
    assert.match(decision, reason);
  });
}

test("40: a configuration that is not JSON, or no object, leaves the date unknown", async () => {
  for (const text of ["not JSON", "[]", "null", '"2020-01-01T00:00:00Z"', ""]) {
    const config = content(text, CONFIG_TYPE);
    const x = image({ config: pointTo(config) });
    assert.equal(
      await decideAbout(x, [blobStep(config)]),
      "x keep date: its configuration is not a JSON object",
    );
  }
});

test("no configuration is asked for twice, though images share it", async () => {
  const config = { config: pointTo(X.config) };
  const tags = { a: X, b: makeImage("b", undefined, config), c: makeImage("c", undefined, config) };
  for (const concurrency of ["1", "8"]) {
    const script = [...reading({ tags }), blobStep(X.config)];
    const plan = await planFor(script, ["--keep", "1", "--concurrency", concurrency]);
    assert.equal(goingManifests(plan).length, 2);
  }
});

test("40: a configuration that is said to be huge is not asked for", async () => {
  const config = { ...pointTo(X.config), size: 5_000_000 };
  assert.match(
    await decideAbout(image({ config }), []) ?? "",
    /^x keep date: its configuration cannot be read: .* 5000000 bytes are more than/,
  );
});

test("40: a configuration that fails for a moment is asked for again", async () => {
  const steps = [{ ...X_URL, reply: { status: 503 } }, blobStep(X.config)];
  assert.equal(await decideAbout(X, steps), "x delete keep-within: older than 30d");
});

const EMPTY_TYPE = "application/vnd.oci.empty.v1+json";
const EMPTY = content({}, EMPTY_TYPE);
const CREATED_KEY = "org.opencontainers.image.created";

/** An artifact, and no request for its configuration, which says nothing. */
function artifact(annotations: object | undefined): Content {
  return image({ config: pointTo(EMPTY), artifactType: "text/x", annotations });
}

test("40: an artifact is as old as its annotation says, and without one it stays", async () => {
  const cases: readonly (readonly [object | undefined, string])[] = [
    [{ [CREATED_KEY]: daysAgo(YEAR) }, "x delete keep-within: older than 30d"],
    [{ [CREATED_KEY]: daysAgo(1) }, "x keep keep-within: younger than 30d"],
    [
      { [CREATED_KEY]: "0001-01-01T00:00:00Z" },
      "x keep date: its date is 0001-01-01, as reproducible builds write it",
    ],
    [{ [CREATED_KEY]: "last week" }, 'x keep date: its date cannot be read: "last week"'],
    [{ other: "x" }, "x keep date: it names no date"],
    [undefined, "x keep date: it names no date"],
  ];
  for (const [annotations, decision] of cases) {
    assert.equal(await decideAbout(artifact(annotations), []), decision);
  }
});

const OLD_ENOUGH = "x delete keep-within: older than 30d";
const TOO_YOUNG = "x keep keep-within: younger than 30d";
const YOUNG = makeImage("young", daysAgo(1));
const ATTESTATION = makeImage("attestation", daysAgo(0));

/** What an index lists that is no image to be run: of a platform that says so. */
function beside(one: Content, os = "unknown"): object {
  return { ...pointTo(one), platform: { os, architecture: "unknown" } };
}

/** Indexes of an old image and others, and what is made of them; all configurations are read. */
const INDEXES: readonly (readonly [string, readonly Image[], string])[] = [
  ["old images", [X, makeImage("older", daysAgo(2 * YEAR))], OLD_ENOUGH],
  ["a young one behind", [X, YOUNG], TOO_YOUNG],
  ["a young one before", [YOUNG, X], TOO_YOUNG],
  [
    "one of an unknown date",
    [X, makeImage("undated", "0001-01-01T00:00:00Z")],
    "x keep date: its date is 0001-01-01, as reproducible builds write it",
  ],
  ["one without a date", [X, makeImage("undated", undefined)], `x keep date: ${BLANK}`],
];

for (const [what, images, decision] of INDEXES) {
  test(`40: an index is as old as the newest of its images: ${what}`, async () => {
    const x = index(images.map((one) => pointTo(one)));
    // One date that is not known is enough, whatever comes behind it.
    for (const annotations of [undefined, { [CREATED_KEY]: daysAgo(3 * YEAR) }]) {
      const stated = index(images.map((one) => pointTo(one)), { annotations });
      const steps = images.map(({ config }) => blobStep(config));
      assert.equal(await decideAbout(stated, steps, images), decision);
    }
    const outer = index([pointTo(x)]);
    const steps = images.map(({ config }) => blobStep(config));
    assert.equal(await decideAbout(outer, steps, [x, ...images]), decision, "in an index");
  });
}

test("40: what an index lists beside its images makes it no younger", async () => {
  const x = index([pointTo(X), beside(ATTESTATION)]);
  assert.equal(await decideAbout(x, [blobStep(X.config)], [X, ATTESTATION]), OLD_ENOUGH);
  // Only where the platform says so.
  const image = index([pointTo(X), beside(ATTESTATION, "linux")]);
  const steps = [blobStep(X.config), blobStep(ATTESTATION.config)];
  assert.equal(await decideAbout(image, steps, [X, ATTESTATION]), TOO_YOUNG);
});

test("40: what an index lists and is not there makes it no younger, nor unknown", async () => {
  const missing = manifestStep(YOUNG.digest, { status: 404 });
  for (const listed of [[YOUNG, X], [X, YOUNG]]) {
    const x = index(listed.map((one) => pointTo(one)));
    assert.equal(await decideAbout(x, [missing, blobStep(X.config)], [X]), OLD_ENOUGH);
  }
});

test("40: an index says itself how old it is only where it has no image", async () => {
  const stated = { annotations: { [CREATED_KEY]: daysAgo(YEAR) } };
  const missing = manifestStep(YOUNG.digest, { status: 404 });
  const cases: readonly (readonly [Content, readonly Step[], readonly Content[], string])[] = [
    [index([], stated), [], [], OLD_ENOUGH],
    [index([beside(ATTESTATION)], stated), [], [ATTESTATION], OLD_ENOUGH],
    [index([pointTo(YOUNG)], stated), [missing], [], OLD_ENOUGH],
    [index([pointTo(YOUNG)], stated), [blobStep(YOUNG.config)], [YOUNG], TOO_YOUNG],
    [index([]), [], [], "x keep date: it names no date"],
    [index([pointTo(YOUNG)]), [missing], [], "x keep date: it names no date"],
  ];
  for (const [x, steps, untagged, decision] of cases) {
    assert.equal(await decideAbout(x, steps, untagged), decision);
  }
});

test("40: the annotation of an image with a configuration says nothing", async () => {
  const annotations = { [CREATED_KEY]: daysAgo(1) };
  const x = makeImage("x", daysAgo(YEAR), { annotations });
  assert.equal(await decideAbout(x, [blobStep(x.config)]), OLD_ENOUGH);
});

test("40: the reason is in the table, with nothing that a terminal would obey", async () => {
  const x = makeImage("x", "\x1b]0;title\x07");
  const run = await prune(reading({ tags: { x, old: OLD }, dated: [x, OLD] }), POLICY);
  assert.match(
    run.stdout,
    /^keep +x +- +sha256:[0-9a-f]{12} {2}its date cannot be read: "[^\n]+"$/m,
  );
  for (const unsafe of ["\x1b", "\x07"]) assert.ok(!run.stdout.includes(unsafe));
});

test("46: an image without a date counts for no number", async () => {
  const undated = makeImage("undated", undefined);
  const tags = { a: undated, b: OLD, c: X };
  const plan = await planFor(reading({ tags, dated: [undated, OLD, X] }), ["--keep", "1"]);
  assert.equal(decisions(plan).filter((it) => it.includes(" keep keep:")).length, 1);
});

test("45: Ctrl-C while dates are read leaves no plan", async () => {
  for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const steps = [{ ...X_URL, reply: { status: 503 } }];
    const run = await prune([...reading({ tags: { x: X } }), ...steps], POLICY, {
      stopWhileWaiting: signal,
    });
    assert.deepEqual([run.exitCode, run.stdout], [exitCode, ""]);
    assert.match(run.stderr, /^error: .*(Interrupted|Terminated)\n$/);
  }
});
