import assert from "node:assert/strict";
import { test } from "node:test";
import { startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import type { Reply } from "../support/scripted_reply.ts";
import { runCaptured } from "../support/capture_host.ts";
import {
  ALL_REQUESTS,
  lineOf,
  OPEN,
  problemsOf,
  refusal,
  repositorySteps,
  runDoctor,
  tags,
} from "./doctor_script.ts";
import { assertRun } from "./run_against.ts";

const GOOD = `url:        http://HOST/v2/
status:     200 open to all
version:    registry/2.0
auth:       none
credential: none found
access:     200 granted
paging:     pages with links
page size:  up to 10000 accepted, the largest page had 5 tags
deletion:   enabled (404)
referrers:  by the API (200)
rate limit: none named
tls:        none, it is plain http
clock:      not visible, no answer has a date

No problems found
`;

test("a repository where all works: the report, and each request in its order", async () => {
  const run = await runDoctor(repositorySteps());
  assertRun(run, { exitCode: 0, stdout: GOOD, stderr: "" });
  assert.deepEqual(run.requests, ALL_REQUESTS);
});

test("nothing is sent that changes anything but one DELETE of a digest of nobody", async () => {
  const digests: string[] = [];
  for (let i = 0; i < 2; i++) {
    await using registry = await startScriptedRegistry(repositorySteps());
    await runCaptured(["doctor", `${registry.host}/app`]);
    registry.assertDone();
    const changing = registry.requests.filter(({ method }) => !["GET", "HEAD"].includes(method));
    assert.deepEqual(changing.map(({ method, body }) => [method, body]), [["DELETE", ""]]);
    for (const { path } of registry.requests) {
      digests.push(...path.match(/(?<=\/)sha256:[0-9a-f]{64}$/) ?? []);
    }
  }
  assert.equal(new Set(digests).size, 4, digests.join("\n"));
});

test("the same as JSON, every key of it", async () => {
  const run = await runDoctor(repositorySteps(), ["HOST/app", "-o", "json"]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.deepEqual(JSON.parse(run.stdout), {
    target: "HOST/app",
    kind: "repository",
    url: "http://HOST",
    local: true,
    credential: { state: "none" },
    api: { status: 200, version: "registry/2.0", schemes: [], realm: null, service: null },
    access: { status: 200 },
    catalog: null,
    paging: {
      state: "pages",
      largestAccepted: 10_000,
      refused: [],
      largestPage: 5,
      isCapped: false,
    },
    deletion: { state: "enabled", status: 404 },
    referrers: { state: "api", status: 200 },
    tokens: [],
    rateLimit: null,
    tls: { state: "plain" },
    clock: null,
    problems: [],
  });
});

const CATALOG: Step = { method: "GET", path: "/v2/_catalog?n=1" };
const API: Step = { method: "GET", path: "/v2/", reply: OPEN };

test("a registry: its catalog, and nothing of a repository", async () => {
  const run = await runDoctor(
    [API, { ...CATALOG, reply: { status: 200, body: { repositories: ["a"] } } }],
    ["HOST"],
  );
  const stdout = GOOD.replace(/paging(.*\n)+?referrers.*\n/, "catalog:    open (200)\n");
  assertRun(run, { exitCode: 0, stdout, stderr: "" });
});

test("a registry: what its catalog may answer", async () => {
  const cases: readonly (readonly [Reply, string, number])[] = [
    [{ status: 200, body: { repositories: null } }, "open (200)", 0],
    [{ status: 401 }, "failed (INVALID_RESPONSE)", 1],
    [refusal(403, "DENIED"), "closed (403)", 0],
    [{ status: 404 }, "closed (404)", 0],
    [{ status: 405 }, "closed (405)", 0],
    [{ status: 200, body: "<p>" }, "failed (INVALID_RESPONSE)", 1],
    [{ status: 200, body: {} }, "failed (INVALID_RESPONSE)", 1],
    [{ status: 429 }, "failed (RATE_LIMITED)", 1],
    [{ status: 500 }, "failed (SERVER)", 1],
  ];
  for (const [reply, expected, problems] of cases) {
    const run = await runDoctor([API, { ...CATALOG, reply }], ["HOST", "--retries", "0"]);
    assert.equal(lineOf(run, "catalog"), expected);
    assert.deepEqual([problemsOf(run).length, run.exitCode, run.stderr], [problems, 0, ""]);
  }
});

const INVALID_NUMBER = refusal(400, "PAGINATION_NUMBER_INVALID");
const accepted = (n: number | string, count: string) =>
  `${n === "none" ? n : `up to ${n}`} accepted, the largest page had ${count}`;

/** Answers to n=2 and to larger pages; paging, page size, the first problem. */
const PAGES: readonly (readonly [Reply, readonly Reply[], string, string, string?])[] = [
  [tags(2), [tags(2)], "not visible, there are too few tags", accepted(10_000, "2 tags")],
  [tags(1), [tags(1)], "not visible, there are too few tags", accepted(10_000, "1 tag")],
  [tags(5), [tags(5)], "none, all tags come at once", accepted(10_000, "5 tags")],
  [
    tags(2),
    [tags(5)],
    "pages without links",
    accepted(10_000, "5 tags"),
    "Pages of tags come without a link to the next one",
  ],
  [
    tags(2, { more: true }),
    [tags(100, { more: true })],
    "pages with links",
    accepted(10_000, "100 tags"),
    "A page holds 100 tags at most, whatever is asked for",
  ],
  [
    tags(2, { more: true }),
    [INVALID_NUMBER, tags(5)],
    "pages with links",
    accepted(1000, "5 tags"),
    "A page of 10000 tags is refused; one of 1000 is not",
  ],
  [
    tags(2, { more: true }),
    [INVALID_NUMBER, refusal(405, "UNSUPPORTED"), tags(5)],
    "pages with links",
    accepted(100, "5 tags"),
    "A page of 1000 tags is refused; one of 100 is not",
  ],
  [
    tags(2, { more: true }),
    [INVALID_NUMBER, INVALID_NUMBER, INVALID_NUMBER],
    "pages with links",
    accepted("none", "2 tags"),
    "Even a page of 100 tags is refused",
  ],
];

for (const [small, large, paging, size, problem] of PAGES) {
  test(`paging: ${paging}, ${size}`, async () => {
    const run = await runDoctor(repositorySteps({ small, large }));
    assert.equal(lineOf(run, "paging"), paging);
    assert.equal(lineOf(run, "page size"), size);
    assert.deepEqual(problemsOf(run).map(([what]) => what), problem === undefined ? [] : [problem]);
    assert.equal(run.exitCode, 0);
  });
}

test("paging: a list without a tag, and one of what is no tag, ask for no manifest", async () => {
  for (const list of [null, [], [null], ["../../x", 1]]) {
    const page = { status: 200, body: { name: "app", tags: list } };
    const steps = repositorySteps({ small: page, large: [page] }).slice(0, -1);
    const run = await runDoctor(steps);
    assert.equal(run.exitCode, 0);
    assert.deepEqual(run.requests, ALL_REQUESTS.slice(0, -1));
  }
});

test("paging: large pages that fail take nothing from the rest", async () => {
  const run = await runDoctor(repositorySteps({ large: [{ status: 500 }] }), [
    "HOST/app",
    "--retries",
    "0",
  ]);
  assert.equal(lineOf(run, "paging"), "failed (SERVER)");
  assert.equal(lineOf(run, "deletion"), "enabled (404)");
  assert.deepEqual(problemsOf(run), [[
    'Cannot list the tags of "HOST/app": HOST answered 500',
    "Try again later, or tell who runs the registry",
  ]]);
  assert.equal(run.exitCode, 0);
});

const ANSWERS: readonly (readonly ["deletion" | "referrers", Reply, string])[] = [
  ["deletion", { status: 404, headers: { "content-type": "text/plain" } }, "enabled (404)"],
  ["deletion", refusal(405, "UNSUPPORTED"), "disabled (405)"],
  ["deletion", { status: 405 }, "disabled (405)"],
  ["deletion", refusal(400, "UNSUPPORTED"), "disabled (400)"],
  ["deletion", refusal(400, "DIGEST_INVALID"), "disabled (400)"],
  ["deletion", { status: 400 }, "disabled (400)"],
  ["deletion", refusal(403, "DENIED"), "not allowed (403)"],
  ["deletion", { status: 202 }, "not known (202)"],
  ["deletion", { status: 503 }, "not known (503)"],
  ["deletion", { status: 307, headers: { location: "/v2/other" } }, "not known (307)"],
  ["deletion", { status: 301, headers: { location: "http://127.0.0.1:1/" } }, "not known (301)"],
  ["referrers", { status: 404 }, "by fallback tags (404)"],
  ["referrers", { status: 200, body: {} }, "not known (200)"],
  ["referrers", { status: 200, body: "<p>" }, "not known (200)"],
  ["referrers", refusal(403, "DENIED"), "not known (403)"],
  ["referrers", { status: 500 }, "failed (SERVER)"],
];

for (const [label, reply, expected] of ANSWERS) {
  test(`${label}: ${expected}`, async () => {
    const steps = repositorySteps({ [label]: reply });
    const run = await runDoctor(steps, ["HOST/app", "--retries", "0"]);
    assert.equal(lineOf(run, label), expected);
    assert.deepEqual([run.exitCode, run.stderr, run.requests], [0, "", ALL_REQUESTS]);
  });
}

test("deletion: disabled is a problem with a remedy", async () => {
  const run = await runDoctor(repositorySteps({ deletion: refusal(405, "UNSUPPORTED") }));
  assert.deepEqual(problemsOf(run), [[
    "Deleting is disabled",
    "Set storage.delete.enabled: true, or REGISTRY_STORAGE_DELETE_ENABLED=true, where it is " +
    "docker-registry, else ask who runs the registry",
  ]]);
  assert.doesNotMatch(run.stdout, /No problems/);
});

test("rate limits: the headers of any response, the last ones, explained", async () => {
  const headers = (left: number) => ({
    "ratelimit-limit": "100;w=21600",
    "ratelimit-remaining": `${left};w=21600`,
    "docker-ratelimit-source": "192.0.2.1",
  });
  const small = { ...tags(2), headers: headers(40) };
  const head = { status: 429, headers: { ...headers(3), "retry-after": "60" } };
  const run = await runDoctor(repositorySteps({ small, head }));
  assert.equal(
    lineOf(run, "rate limit"),
    "100 in 6 h, 3 left (docker-ratelimit-source: 192.0.2.1, ratelimit-limit: 100;w=21600, " +
      "ratelimit-remaining: 3;w=21600, retry-after: 60)",
  );
  assert.match(run.stdout, /^problem: The rate limit is nearly used up: 3 of 100 left$/m);
  // Nobody waits for the sake of a report.
  assert.deepEqual(run.waits, []);
});

test("clock: a registry that is an hour ahead", async () => {
  const date = () => new Date(Date.now() + 3_600_500).toUTCString();
  const steps = repositorySteps().map((step) => ({
    ...step,
    replyWith: () => ({ status: 200, ...step.reply, headers: { date: date(), ...OPEN.headers } }),
  }));
  const run = await runDoctor(steps);
  assert.match(lineOf(run, "clock"), /^(3599|3600|3601) s ahead of this machine's$/);
  assert.match(problemsOf(run).at(-1)?.[0] ?? "", /^The registry's clock is \d+ s ahead of/);
});

test("progress is shown on a terminal, and gone at the end", async () => {
  const run = await runDoctor(repositorySteps(), ["HOST/app"], { isTerminal: true });
  assert.match(run.stderr, /Looking into HOST\/app: deletion/);
  assert.ok(run.stderr.endsWith("\r\x1b[K"));
  assert.equal(run.stdout, GOOD);
});
