import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import { writeCredentialHelper } from "../support/credential_helper.ts";
import { startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { lineOf, problemsOf, refusal, repositorySteps, runDoctor } from "./doctor_script.ts";
import { bearer, challenge, get } from "./script.ts";

const ANN = ["-u", "ann", "--password-stdin"];
const PASSWORD = { stdin: "pass-word" };
const ASKS = challenge('Basic realm="x"');
const API_ASKS = get("/v2/", ASKS);

const BEARER = challenge(bearer("/token"));

const REFUSED = refusal(401, "UNAUTHORIZED");

/** Failures that keep us out: the steps, the words, the exit code, the remedy. */
const FAILURES: readonly (readonly [string, readonly Step[], readonly string[], number, string])[] =
  [
    [
      "a credential that is refused",
      [API_ASKS, get("/v2/", ASKS), get("/v2/", ASKS)],
      [
        "HOST",
        ...ANN,
      ],
      4,
      "Check the credential, and that it is good for this registry and this name",
    ],
    [
      "nobody where somebody is asked for",
      [API_ASKS, get("/v2/", ASKS)],
      ["HOST"],
      4,
      "Give a credential with -u USER --password-stdin, or log in with regctl login",
    ],
    [
      "a repository that is not open",
      [
        get("/v2/", { status: 200, body: {} }),
        get("/v2/app/tags/list?n=2", refusal(403, "DENIED")),
      ],
      ["HOST/app"],
      4,
      "Give a credential with -u USER --password-stdin, or log in with regctl login",
    ],
    [
      "a repository that is not there",
      [
        get("/v2/", { status: 200, body: {} }),
        get("/v2/app/tags/list?n=2", refusal(404, "NAME_UNKNOWN")),
      ],
      ["HOST/app"],
      3,
      "Check the spelling; some registries also answer so where credentials are missing",
    ],
    [
      "what is no registry",
      [get("/v2/", { status: 404 })],
      ["HOST/app"],
      6,
      "Check the host and the port",
    ],
    [
      "a registry that fails",
      [get("/v2/", { status: 500 })],
      ["HOST/app", "--retries", "0"],
      5,
      "Try again later, or tell who runs the registry",
    ],
    [
      "a token server that refuses",
      [
        get("/v2/", BEARER),
        get("/v2/app/tags/list?n=2", BEARER),
        get(/^\/token/, REFUSED),
      ],
      ["HOST/app", ...ANN],
      4,
      "Check the credential, and that it is good for this registry and this name",
    ],
    [
      "a stalled registry",
      [{ method: "GET", path: "/v2/", fault: "hang" }],
      [
        "HOST/app",
        "--idle-timeout",
        "200ms",
      ],
      5,
      "Allow a slow registry more time with --idle-timeout",
    ],
  ];

for (const [name, steps, words, exitCode, remedy] of FAILURES) {
  test(`${name}: the report is printed, and the exit code is that of the failure`, async () => {
    const text = await runDoctor(steps, words, PASSWORD);
    const [[, told] = []] = problemsOf(text);
    assert.deepEqual([text.exitCode, told], [exitCode, remedy]);
    assert.equal(problemsOf(text).length, 1);
    assert.match(text.stdout, /^url: /);
    // The report has said it, and is not said twice.
    assert.match(text.stderr, /^error: Cannot look further into HOST(\/app)?\n$/);

    const json = await runDoctor(steps, [...words, "-o", "json"], PASSWORD);
    const report = JSON.parse(json.stdout);
    assert.equal(json.exitCode, exitCode);
    assert.deepEqual(report.problems.map(({ remedy }: { remedy: string }) => remedy), [remedy]);
    assert.equal(JSON.parse(json.stderr).error.exitCode, exitCode);
  });
}

test("a registry that is not there at all", async () => {
  const run = await runDoctor([], ["127.0.0.1:1", "--retries", "0"]);
  assert.equal(run.exitCode, 5);
  assert.equal(lineOf(run, "status"), "failed (NETWORK)");
  assert.doesNotMatch(run.stdout, /^(clock|rate limit|catalog):/m);
  assert.equal(problemsOf(run).length, 1);
});

test("--timeout ends it: the report has what there is, the exit code says that it is not all", async () => {
  const steps = repositorySteps();
  const hung = steps.map((step, i) => i === 4 ? { ...step, fault: "hang" as const } : step);
  const run = await runDoctor(hung.slice(0, 5), ["HOST/app", "--timeout", "2s"]);
  assert.equal(run.exitCode, 5);
  assert.equal(lineOf(run, "deletion"), "enabled (404)");
  assert.equal(lineOf(run, "referrers"), "failed (TIMEOUT)");
  assert.equal(run.stderr, "error: Gave up after 2 s, as --timeout says\n");
});

test("a user who stops it gets no report", async () => {
  for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const run = await runDoctor([get("/v2/", { status: 503 })], ["HOST"], {
      stopWhileWaiting: signal,
    });
    assert.deepEqual([run.exitCode, run.stdout], [exitCode, ""]);
  }
});

test("the credential: found in a file, and told though nobody asks for it", async () => {
  await using folder = await createTempFolder();
  await using registry = await startScriptedRegistry(repositorySteps());
  const auth = Buffer.from("ann:canary").toString("base64");
  const path = await folder.write(
    "config.json",
    JSON.stringify({ auths: { [registry.host]: { auth } } }),
  );
  const env = { DOCKER_CONFIG: folder.path };
  const run = await runCaptured(["doctor", `${registry.host}/app`], { env });
  assert.ok(
    run.stdout.includes(`\ncredential: "ann", from ${path}, not asked for, so not checked\n`),
    run.stdout,
  );
  assert.doesNotMatch(run.stdout, /canary/);
  assert.ok(registry.requests.every(({ headers }) => headers["authorization"] === undefined));
  registry.assertDone();
});

test("the credential: from a helper, and from one that is missing", async () => {
  await using folder = await createTempFolder();
  const before = process.env["PATH"];
  process.env["PATH"] = folder.path;
  try {
    await writeCredentialHelper(folder.path, "safe", {
      answer: { Username: "<token>", Secret: "canary-identity" },
    });
    const cases = [
      [
        "safe",
        "an identity token, from the helper docker-credential-safe, not asked for, so not checked",
        0,
      ],
      ["gone", "failed (CONFIG)", 1],
    ] as const;
    for (const [credsStore, expected, problems] of cases) {
      await folder.write("config.json", JSON.stringify({ credsStore }));
      const env = { DOCKER_CONFIG: folder.path };
      const run = await runDoctor(repositorySteps(), ["HOST/app"], { env });
      assert.equal(lineOf(run, "credential"), expected);
      assert.doesNotMatch(run.stdout, /canary/);
      assert.equal(run.exitCode, 0);
      assert.equal(problemsOf(run).length, problems);
    }
    const steps = [API_ASKS, get("/v2/app/tags/list?n=2", ASKS)];
    const run = await runDoctor(steps, ["HOST/app"], { env: { DOCKER_CONFIG: folder.path } });
    assert.equal(run.exitCode, 2);
    assert.deepEqual(problemsOf(run), [[
      "The credential helper docker-credential-gone is not on PATH",
      `Install it, or remove "gone" from credHelpers and credsStore in Docker's config.json`,
    ]]);
  } finally {
    process.env["PATH"] = before;
  }
});

test("the target: what is neither a registry nor a repository is refused before any request", async () => {
  for (
    const [word, error] of [
      ["HOST/app:1", 'Cannot look into "HOST/app:1": it names one manifest, not a repository'],
      ["http://HOST/a/b:1@sha256:00", "Write http://HOST/a/b"],
      ["busybox:latest", "Write busybox"],
      ["a.test/B", "upper-case letters are not allowed"],
      ["ftp://a.test", 'the scheme must be "http" or "https"'],
    ] as const
  ) {
    const run = await runDoctor([], [word]);
    assert.deepEqual([run.exitCode, run.stdout], [2, ""]);
    assert.ok(run.stderr.includes(error), run.stderr);
  }
});
