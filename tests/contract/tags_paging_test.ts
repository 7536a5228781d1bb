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

/** Bodies of a repository that has no tags. */
const EMPTY: readonly (readonly [string, object])[] = [
  ["null", { name: "app", tags: null }],
  ["an empty list", { name: "app", tags: [] }],
  ["missing", { name: "app" }],
];

for (const [what, body] of EMPTY) {
  test(`21: tags that are ${what} are an empty listing, which is no error`, async () => {
    const run = (output: string) =>
      runAgainst([answer({ status: 200, body })], tagsOf("-o", output));
    assertRun(await run("text"), { exitCode: 0, stdout: "", stderr: "" });
    assertRun(await run("ndjson"), { exitCode: 0, stdout: "", stderr: "" });
    assertRun(await run("table"), { exitCode: 0, stdout: "TAG  REFERENCE\n", stderr: "" });
    const document = '{\n    "name": "app",\n    "tags": []\n}\n';
    assertRun(await run("json"), { exitCode: 0, stdout: document, stderr: "" });
  });
}

test("21: a repository that is not there is an error of its own", async () => {
  const body = {
    errors: [{ code: "NAME_UNKNOWN", message: "not known", detail: { name: "app" } }],
  };
  const run = await runAgainst([answer({ status: 404, body })], tagsOf());
  assertRun(run, {
    exitCode: 3,
    stdout: "",
    stderr:
      'error: Cannot list the tags of "HOST/app": HOST answered 404 NAME_UNKNOWN: not known\n' +
      "hint: Check the spelling; some registries also answer so where credentials are missing\n",
  });
});

test("22: a page with fewer tags than asked for has a successor where a Link says so", async () => {
  const run = await runAgainst([
    page(["a"], { path: `${TAGS_PATH}?n=3`, link: `<?n=3&last=a>; rel="next"` }),
    page([], { path: `${TAGS_PATH}?n=3&last=a`, link: `<?n=3&last=b>; rel="next"` }),
    page(["c", "d"], { path: `${TAGS_PATH}?n=3&last=b` }),
  ], tagsOf("--page-size", "3"));
  assertRun(run, { exitCode: 0, stdout: "a\nc\nd\n", stderr: "" });
});

test("22: a full page without a Link is the last one", async () => {
  const run = await runAgainst(
    [page(["a", "b"], { path: `${TAGS_PATH}?n=2` })],
    tagsOf("--page-size", "2"),
  );
  assertRun(run, { exitCode: 0, stdout: "a\nb\n", stderr: "" });
});

const FIRST = page(["a"], { link: `<${NEXT}>; rel="next"` });

/** How the second page fails for good, and what becomes of it. */
const FAILURES: readonly (readonly [string, Step, number, string])[] = [
  [
    "503",
    { ...answer({ status: 503 }, { path: NEXT }), times: 5 },
    5,
    'error: Cannot list the tags of "HOST/app": HOST answered 503 (5 tries)\n',
  ],
  [
    "a connection that is lost half-way",
    {
      method: "GET",
      path: NEXT,
      reply: page(["b"]).reply ?? { status: 200 },
      fault: "short-body",
      times: 5,
    },
    5,
    "error: Cannot reach HOST: the connection was closed half-way\n",
  ],
  [
    "403",
    answer({ status: 403, body: { errors: [{ code: "DENIED" }] } }, { path: NEXT }),
    4,
    'error: Cannot list the tags of "HOST/app": HOST answered 403 DENIED\n' +
    "hint: It does not exist, or needs credentials: give -u USER --password-stdin, " +
    "or log in with docker login\n",
  ],
  [
    "JSON that is cut off",
    answer({ status: 200, body: '{"tags":["b"' }, { path: NEXT }),
    7,
    'error: Cannot list the tags of "HOST/app": what HOST sent is not a registry\'s answer ' +
    "(content type none, 12 bytes)\nhint: Look whether a proxy or a login page answers in its place\n",
  ],
];

for (const [what, step, exitCode, stderr] of FAILURES) {
  test(`23: page 2 that fails with ${what} leaves nothing that looks complete`, async () => {
    for (const output of ["text", "table"]) {
      const run = await runAgainst([FIRST, step], tagsOf("-o", output));
      assertRun(run, { exitCode, stdout: "", stderr });
    }
    for (const more of [["-o", "json"], ["-o", "ndjson"], ["-o", "json", "--sort", "none"]]) {
      const run = await runAgainst([FIRST, step], tagsOf(...more));
      assert.equal(run.exitCode, exitCode);
      assert.equal(run.stdout, "");
      assert.equal(JSON.parse(run.stderr).error.exitCode, exitCode);
    }
    const streamed = await runAgainst([FIRST, step], tagsOf("--sort", "none"));
    assertRun(streamed, { exitCode, stdout: "a\n", stderr });
  });
}

test("23: page 2 that fails for a moment is asked for again, and page 1 is not", async () => {
  const run = await runAgainst([
    FIRST,
    answer({ status: 502 }, { path: NEXT }),
    { method: "GET", path: NEXT, reply: page(["x"]).reply ?? { status: 200 }, fault: "short-body" },
    page(["b"], { path: NEXT }),
  ], tagsOf());
  assertRun(run, { exitCode: 0, stdout: "a\nb\n", stderr: "" });
  assert.deepEqual(run.waits, [187.5, 375]);
});
