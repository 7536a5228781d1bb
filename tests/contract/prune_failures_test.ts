import assert from "node:assert/strict";
import { test } from "node:test";
import type { Step } from "../support/scripted_registry.ts";
import { content, manifestStep, serve } from "./oci_content.ts";
import {
  assertNoPlan,
  daysAgo,
  decisions,
  makeImage,
  planFor,
  prune,
  reading,
} from "./plan_script.ts";
import { page, TAGS_PATH } from "./run_against.ts";
import { challenge } from "./script.ts";

const A = makeImage("a", daysAgo(300));
const B = makeImage("b", daysAgo(200));
const POLICY = ["--keep", "1"];
const NEXT = `${TAGS_PATH}?last=1`;

const html = { status: 200, headers: { "content-type": "text/html" }, body: "<p>Log in</p>" };
const links = (target: string) => page(["1"], { link: `<${target}>; rel="next"` });
const second = (reply: Step["reply"], more: Partial<Step> = {}) => ({
  ...{ method: "GET", path: NEXT, ...more },
  ...(reply && { reply }),
});

/** Listings that are not whole, with the exit code and what is said. */
const LISTINGS: readonly (readonly [string, readonly Step[], number, RegExp])[] = [
  [
    "a page elsewhere",
    [links("http://evil.test/x")],
    8,
    /completely: the next page is said to be elsewhere, at http:\/\/evil\.test\n/,
  ],
  ["a page that was there before", [links(TAGS_PATH)], 8, /its pages lead in a circle\n/],
  [
    "page 2 that is not there",
    [links(NEXT), second({ status: 404 })],
    8,
    /page 2 is not there \(404\)\n/,
  ],
  [
    "page 2 that fails for good",
    [links(NEXT), second({ status: 500 }, { times: 5 })],
    5,
    /, page 2: HOST answered 500 \(5 tries\)\n/,
  ],
  [
    "page 2 that is denied",
    [links(NEXT), second({ status: 403 })],
    4,
    /, page 2: HOST answered 403\n/,
  ],
  ["page 2 that is a web page", [links(NEXT), second(html)], 7, /is not a registry's answer/],
  [
    "page 2 that breaks off",
    [links(NEXT), second(page(["2"]).reply, { fault: "short-body", times: 5 })],
    5,
    /closed half-way\n/,
  ],
  ["tags that are not text", [page(["1", 5, null])], 8, /2 of the tags are not text\n/],
  [
    "a repository that is not there",
    [{ method: "GET", path: TAGS_PATH, reply: { status: 404 } }],
    3,
    /HOST answered 404\n/,
  ],
  [
    "no list at all",
    [{ method: "GET", path: TAGS_PATH, reply: { status: 200, body: { tags: "x" } } }],
    7,
    /has no list of tags\n/,
  ],
];

for (const [what, script, exitCode, says] of LISTINGS) {
  test(`41: ${what} leaves no plan`, async () => {
    const run = await prune(script, POLICY);
    assertNoPlan(run, exitCode, /^error: Cannot plan what may go from "HOST\/app": Cannot /);
    assert.match(run.stderr, says);
    assert.ok(!run.stderr.includes("--sort"), "no flag that prune does not have");
    // Not one manifest was asked for.
    assert.deepEqual(run.requests.filter((it) => it.includes("/manifests/")), []);
    const json = await prune(script, [...POLICY, "-o", "json"]);
    assert.deepEqual([json.exitCode, json.stdout], [exitCode, ""]);
    assert.equal(JSON.parse(json.stderr).error.exitCode, exitCode);
  });
}

const unknownType = content({ schemaVersion: 2, mediaType: "application/x" }, "application/x");

/** Manifests that cannot be read. */
const MANIFESTS: readonly (readonly [string, Partial<Step>, number])[] = [
  ["500", { reply: { status: 500 }, times: 5 }, 5],
  ["403", { reply: { status: 403 } }, 4],
  ["429", { reply: { status: 429 }, times: 5 }, 9],
  ["other bytes than its digest", { reply: serve(A, { "docker-content-digest": B.digest }) }, 7],
  ["a type that is unknown", { reply: serve(unknownType) }, 7],
  ["a web page", { reply: html }, 7],
  ["no JSON", { reply: { ...serve(A), body: "{" } }, 7],
  ["nothing", { reply: { ...serve(A), body: "" } }, 7],
  ["too many bytes", { reply: serve(A), fault: "endless-body" }, 7],
  ["a connection that breaks off", { reply: serve(A), fault: "short-body", times: 5 }, 5],
];

for (const [what, step, exitCode] of MANIFESTS) {
  test(`41: a manifest that is answered with ${what} leaves no plan`, async () => {
    const script = [page(["1"]), { ...manifestStep("1", { status: 200 }), ...step }];
    const run = await prune(script, POLICY);
    assertNoPlan(
      run,
      exitCode,
      /^error: Cannot plan what may go from "HOST\/app": [^\n]+\n(hint: [^\n]+\n)?$/,
    );
  });
}

test("41: a tag that is listed and not there stays, and that is said", async () => {
  const script = [
    page(["gone", "1", "2"]),
    manifestStep("gone", { status: 404 }),
    ...reading({ tags: { 1: A, 2: B }, dated: [A, B] }).slice(1),
  ];
  const plan = await planFor(script, POLICY);
  assert.deepEqual(decisions(plan), [
    "1 delete keep: beyond the newest",
    "2 keep keep: the newest",
    "gone keep unreadable: it is listed, but has no manifest",
  ]);
  assert.equal(plan.repositories[0]?.tags[2]?.digest, null);
});

test("41: a tag of Docker's schema 1 stays, and that is said", async () => {
  const type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
  const old = content({ schemaVersion: 1, name: "app", tag: "old", fsLayers: [] }, type);
  const script = [
    ...reading({ tags: { 1: A, 2: B }, dated: [A, B] }).slice(1),
    page(["1", "2", "old"]),
    manifestStep("old", serve(old)),
  ];
  const plan = await planFor(script, POLICY);
  assert.equal(
    decisions(plan)[2],
    "old keep unreadable: its manifest is of Docker's schema 1",
  );
});

test("41: what fails for a moment is asked for again, and nothing else is", async () => {
  const script = [
    { method: "GET", path: TAGS_PATH, reply: { status: 503 } },
    manifestStep("1", { status: 502 }),
    ...reading({ tags: { 1: A }, dated: [A] }),
  ];
  const run = await prune(script, POLICY);
  assert.deepEqual([run.exitCode, run.requests.length], [0, 5], run.stderr);
});

test("F13: a token that runs out in the middle of planning is renewed, and nothing is read twice", async () => {
  const tags = Object.fromEntries(
    [1, 2, 3, 4, 5].map((n) => [`t${n}`, makeImage(`i${n}`, daysAgo(n))]),
  );
  const dated = Object.values(tags);
  let tokens = 0;
  let uses = 0;
  const isStale = (authorization: string | undefined) =>
    authorization !== `Bearer token-${tokens}` || (tokens === 1 && ++uses > 4);
  const realm = "HOST";
  const script: Step[] = [
    {
      method: "GET",
      path: /^\/token\?/,
      times: 2,
      replyWith: () => ({ status: 200, body: { token: `token-${++tokens}`, expires_in: 300 } }),
    },
    {
      method: "GET",
      path: /^\/v2\//,
      times: Infinity,
      when: ({ headers }) => isStale(headers["authorization"]),
      replyWith: ({ headers }) =>
        challenge(
          `Bearer realm="http://${
            headers["host"] ?? realm
          }/token",service="x",scope="repository:app:pull"`,
        ),
    },
    ...reading({ tags, dated }),
  ];
  const run = await prune(script, [...POLICY, "--concurrency", "1"]);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.match(run.stdout, /HOST\/app: 4 of 5 tags may go, with 4 manifests/);
  const reads = run.requests.filter((it) => it.includes("/v2/"));
  // The listing, 5 manifests and 5 configurations, and one more for each of the two challenges.
  assert.deepEqual([reads.length, tokens], [11 + 2, 2]);
});

test("F13: credentials that are refused end it with 4", async () => {
  const script = [
    page(["1"]),
    manifestStep("1", challenge('Basic realm="x"')),
  ];
  const run = await prune(script, POLICY);
  assertNoPlan(
    run,
    4,
    /answered 401 UNAUTHORIZED: [^\n]+\nhint: It does not exist, or needs credentials/,
  );
});

test("45: Ctrl-C and SIGTERM while tags are read leave no plan", async () => {
  for (
    const [signal, exitCode, word] of [["SIGINT", 130, "Interrupted"], [
      "SIGTERM",
      143,
      "Terminated",
    ]] as const
  ) {
    const script = [page(["1", "2"]), manifestStep("1", { status: 500 })];
    const run = await prune(script, [...POLICY, "--concurrency", "1"], {
      stopWhileWaiting: signal,
    });
    assertNoPlan(
      run,
      exitCode,
      new RegExp(`^error: Cannot plan what may go from "HOST/app": ${word}\n$`),
    );
  }
});

test("47: one 429 holds all requests back, then one goes ahead", async () => {
  const tags = Object.fromEntries([1, 2, 3, 4, 5, 6].map((n) => [`t${n}`, makeImage(`i${n}`)]));
  const script = [
    manifestStep("t1", { status: 429, headers: { "retry-after": "30" } }),
    ...reading({ tags }),
  ];
  const run = await prune(script, ["--match", "nothing", "--concurrency", "1"]);
  assert.equal(run.exitCode, 0);
  assert.match(run.stderr, /^note: HOST answered 429, trying again in 30 s\nnote: Nothing was /);
  assert.deepEqual(run.waits.map((ms) => Math.round(ms / 1000)), [30]);
});
