import assert from "node:assert/strict";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import { createAuthority } from "../support/certificates.ts";
import { ANY_REQUEST, startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import {
  answer,
  assertRun,
  incomplete,
  page,
  runAgainst,
  TAGS_PATH,
  tagsOf,
} from "./run_against.ts";

const NEXT = `${TAGS_PATH}?n=2&last=b`;

/** Names and headers that all lead to {@linkcode NEXT}. */
const LINKS: readonly (readonly [string, string])[] = [
  ["a relative target", `<${NEXT}>; rel="next"`],
  ["an absolute target", `<http://HOST${NEXT}>; rel="next"`],
  ["a target that is a query alone", `<?n=2&last=b>; rel="next"`],
  ["rel behind other parameters", `<${NEXT}>; title="to, be; continued"; type=x; rel="next"`],
  ["rel in front of other parameters", `<${NEXT}>; rel="next"; title="more"`],
  ["rel without quotes", `<${NEXT}>; rel=next`],
  ["rel in upper case", `<${NEXT}>; REL="NEXT"`],
  ["several relations", `<${NEXT}>; rel="last next"`],
  ["other links around it", `</first>; rel="first", <${NEXT}>; rel="next", </z>; rel="last"`],
  ["no angle brackets, as Quay has sent it", `${NEXT}; rel="next"`],
  ["a fragment", `<${NEXT}#top>; rel="next"`],
];

for (const [what, link] of LINKS) {
  test(`18: the next page is found by a Link with ${what}`, async () => {
    const script = [page(["b", "a"], { link }), page(["c"], { path: NEXT })];
    const run = await runAgainst(script, tagsOf());
    assertRun(run, { exitCode: 0, stdout: "a\nb\nc\n", stderr: "" });
    assert.deepEqual(run.requests, [`GET ${TAGS_PATH}`, `GET ${NEXT}`]);
  });
}

test("18: parameters of the next page are sent in the order the registry gave them", async () => {
  const path = `${TAGS_PATH}?last=b&n=2&token=x%2Fy`;
  const run = await runAgainst(
    [page(["b", "a"], { link: `<${path}>; rel="next"` }), page(["c"], { path })],
    tagsOf(),
  );
  assertRun(run, { exitCode: 0, stdout: "a\nb\nc\n", stderr: "" });
});

test("18: a Link header of its own for each link is read as one", async () => {
  const headers = [["link", `</first>; rel="first"`], ["link", `<${NEXT}>; rel="next"`]] as const;
  const run = await runAgainst([
    answer({ status: 200, headers, body: { tags: ["a"] } }),
    page(["b"], { path: NEXT }),
  ], tagsOf());
  assertRun(run, { exitCode: 0, stdout: "a\nb\n", stderr: "" });
});

test("18: a Link without next ends the listing", async () => {
  const run = await runAgainst([page(["a"], { link: `<${NEXT}>; rel="prev"` })], tagsOf());
  assertRun(run, { exitCode: 0, stdout: "a\n", stderr: "" });
});

test("18: a relative Link is resolved against the page behind a redirect", async () => {
  const run = await runAgainst([
    answer({ status: 307, headers: { location: "/mirror/tags" } }),
    page(["a"], { path: "/mirror/tags", link: `<tags?last=a>; rel="next"` }),
    page(["b"], { path: "/mirror/tags?last=a" }),
  ], tagsOf());
  assertRun(run, { exitCode: 0, stdout: "a\nb\n", stderr: "" });
});

test("18: a tag that stands on several pages is printed once", async () => {
  const run = await runAgainst(
    [page(["c", "a", "a"], { link: `<${NEXT}>; rel="next"` }), page(["c", "b"], { path: NEXT })],
    tagsOf("--sort", "none"),
  );
  assertRun(run, { exitCode: 0, stdout: "c\na\nb\n", stderr: "" });
});

test("19: a Link to another origin is refused, and that origin hears nothing", async () => {
  await using other = await startScriptedRegistry(ANY_REQUEST);
  const link = `<${other.url}${NEXT}>; rel="next"`;
  for (const words of [tagsOf(), tagsOf("-o", "table"), tagsOf("--reverse", "--sort", "none")]) {
    const run = await runAgainst([page(["a"], { link })], words);
    assertRun(run, {
      exitCode: 8,
      stdout: "",
      stderr: incomplete(`the next page is said to be elsewhere, at ${other.url}`),
    });
  }
  assert.deepEqual(other.requests, []);
});

/** Links that are refused, and why. */
const REFUSED: readonly (readonly [string, string])[] = [
  [`<https://HOST${NEXT}>; rel="next"`, "the next page is said to be elsewhere, at https://HOST"],
  [
    "<http://127.0.0.1:1/>; rel=next",
    "the next page is said to be elsewhere, at http://127.0.0.1:1",
  ],
  ["<//evil.test/x>; rel=next", "the next page is said to be elsewhere, at http://evil.test"],
  ["<http://[/>; rel=next", "the next page is said to be elsewhere, at http://[/"],
  ["<file:///etc/passwd>; rel=next", "the next page is said to be elsewhere, at file:"],
  ["<javascript:alert(1)>; rel=next", "the next page is said to be elsewhere, at javascript:"],
  [
    `<http://user:secret@HOST${NEXT}>; rel="next"`,
    "the address of the next page carries user information",
  ],
];

for (const [link, reason] of REFUSED) {
  test(`19: the Link ${link} is refused without a request`, async () => {
    const run = await runAgainst([page(["a"], { link })], tagsOf());
    assertRun(run, { exitCode: 8, stdout: "", stderr: incomplete(reason) });
    assert.deepEqual(run.requests, [`GET ${TAGS_PATH}`]);
  });
}

test("19: a Link from https to http is refused without a request", async () => {
  await using folder = await createTempFolder();
  const authority = await createAuthority("Test authority");
  const { keyPem, certPem } = await authority.issue({ names: ["127.0.0.1"] });
  const caFile = await folder.write("ca.pem", authority.certPem);
  const script: Step[] = [{
    method: "GET",
    path: TAGS_PATH,
    replyWith: ({ headers }) => ({
      status: 200,
      headers: { link: `<http://${headers["host"]}${NEXT}>; rel="next"` },
      body: { tags: ["a"] },
    }),
  }];
  await using registry = await startScriptedRegistry(script, {
    tls: { key: keyPem, cert: certPem },
  });
  const run = await runCaptured(["tags", `${registry.host}/app`, "--ca-file", caFile]);
  assert.equal(run.exitCode, 8);
  assert.equal(run.stdout, "");
  assert.match(run.stderr, /the next page is said to be elsewhere, at http:\/\/127\.0\.0\.1:/);
  assert.equal(registry.requests.length, 1);
  registry.assertDone();
});

const CIRCLE: readonly Step[] = [
  page(["b"], { link: `<${NEXT}>; rel="next"` }),
  page(["a"], { path: NEXT, link: `<http://HOST${TAGS_PATH}#again>; rel="next"` }),
];

test("20: pages that lead in a circle end with nothing on standard output", async () => {
  const run = await runAgainst(CIRCLE, tagsOf());
  const stderr = incomplete("its pages lead in a circle");
  assertRun(run, { exitCode: 8, stdout: "", stderr });
  assert.deepEqual(run.requests, [`GET ${TAGS_PATH}`, `GET ${NEXT}`]);
});

test("20: with --sort none the pages that came are printed, and the exit code tells", async () => {
  const stderr = incomplete("its pages lead in a circle");
  const text = await runAgainst(CIRCLE, tagsOf("--sort", "none"));
  assertRun(text, { exitCode: 8, stdout: "b\na\n", stderr });
  const lines = await runAgainst(CIRCLE, tagsOf("--sort", "none", "-o", "ndjson"));
  assert.equal(lines.exitCode, 8);
  assert.equal(lines.stdout, '{"name":"app","tag":"b"}\n{"name":"app","tag":"a"}\n');
});

/** A registry that always has a next page, with a new address and what `tagsOfPage` gives. */
function endless(tagsOfPage: (index: number) => readonly string[]): readonly Step[] {
  let index = 0;
  return [{
    method: "GET",
    path: /^/,
    times: Infinity,
    replyWith: () => {
      const tags = tagsOfPage(index);
      index += 1;
      return { status: 200, headers: { link: `<?page=${index}>; rel="next"` }, body: { tags } };
    },
  }];
}

test("20: pages that bring nothing new end the listing", async () => {
  const run = await runAgainst(endless(() => ["a", "b"]), tagsOf());
  assertRun(run, { exitCode: 8, stdout: "", stderr: incomplete("its pages bring nothing new") });
  assert.equal(run.requests.length, 3);
});

test("20: one page that brings nothing new does not end the listing", async () => {
  const run = await runAgainst([
    page([], { link: `<${NEXT}>; rel="next"` }),
    page(["a"], { path: NEXT, link: `<?last=a>; rel="next"` }),
    page([], { path: `${TAGS_PATH}?last=a`, link: `<?last=b>; rel="next"` }),
    page(["b"], { path: `${TAGS_PATH}?last=b` }),
  ], tagsOf());
  assertRun(run, { exitCode: 0, stdout: "a\nb\n", stderr: "" });
});

test("20: endless pages that always bring something new end at the guard", async () => {
  const run = await runAgainst(endless((index) => [`t${index}`]), tagsOf());
  const stderr = incomplete("it has more than 10000 pages");
  assertRun(run, { exitCode: 8, stdout: "", stderr });
  assert.equal(run.requests.length, 10_000);
});

test("22: empty pages in between are passed over", async () => {
  const empty = (from: string, to: string) => page([], { path: from, link: `<${to}>; rel="next"` });
  const at = (n: number) => `${TAGS_PATH}?last=${n}`;
  const run = await runAgainst([
    empty(TAGS_PATH, at(1)),
    empty(at(1), at(2)),
    empty(at(2), at(3)),
    page(["found"], { path: at(3) }),
  ], tagsOf());
  assertRun(run, { exitCode: 0, stdout: "found\n", stderr: "" });
});
