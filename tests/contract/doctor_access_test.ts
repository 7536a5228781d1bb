import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import { writeCredentialHelper } from "../support/credential_helper.ts";
import { startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { lineOf, problemsOf, refusal, repositorySteps, runDoctor } from "./doctor_script.ts";
import { basic, bearer, challenge, get } from "./script.ts";

const ANN = ["-u", "ann", "--password-stdin"];
const PASSWORD = { stdin: "pass-word" };
const ASKS = challenge('Basic realm="x"');
const API_ASKS = get("/v2/", ASKS);

/** A JWT with this `access` claim. */
function jwt(...access: readonly (readonly [name: string, actions: readonly string[]])[]): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const entries = access.map(([name, actions]) => ({ type: "repository", name, actions }));
  return [encode({ alg: "none" }), encode({ access: entries }), "c2ln"].join(".");
}

/** All steps behind the first, once more, each behind a challenge of its own. */
function behind(scopeOf: (method: string) => string, steps: readonly Step[]): Step[] {
  const isKnown: Step["when"] = ({ headers }) => headers["authorization"] !== undefined;
  return steps.slice(1).flatMap((step) => [
    { ...step, times: Infinity, when: isKnown },
    {
      method: step.method,
      path: step.path,
      times: Infinity,
      reply: challenge(bearer("/token", scopeOf(step.method))),
    },
  ]);
}

const BEARER = challenge(bearer("/token"));

test("Basic: who asks is told, and the requests carry it", async () => {
  const steps = repositorySteps().map((step, i) =>
    i === 0 ? API_ASKS : { ...step, when: ({ headers }) => "authorization" in headers } as Step
  );
  // Asked for once for each set of scopes: to read, and to delete.
  const asks: Step[] = [
    { method: "GET", path: "/v2/app/tags/list?n=2", reply: ASKS },
    { method: "DELETE", path: /^\/v2\/app\/manifests\//, reply: ASKS },
  ];
  const run = await runDoctor([...steps, ...asks], ["HOST/app", ...ANN], PASSWORD);
  assert.equal(lineOf(run, "status"), "401 authentication required");
  assert.equal(lineOf(run, "auth"), "basic");
  assert.equal(lineOf(run, "credential"), '"ann", from --password-stdin');
  assert.deepEqual([problemsOf(run), run.exitCode, run.stderr], [[], 0, ""]);
});

test("Bearer: realm, service, what each token was asked for and grants, and how long", async () => {
  const grants: Record<string, object> = {
    "repository:app:pull": { token: jwt(["app", ["pull"]]), expires_in: 300 },
    "repository:app:delete": { token: jwt() },
  };
  const run = await runDoctor(
    [
      get("/v2/", BEARER),
      ...behind((method) => `repository:app:${method === "DELETE" ? "delete" : "pull"}`, [
        ...repositorySteps({ deletion: refusal(401, "UNAUTHORIZED") }),
      ]),
      {
        method: "GET",
        path: /^\/token\?/,
        times: 2,
        replyWith: ({ path }) => {
          const scope = new URL(path, "http://x").searchParams.get("scope") ?? "";
          return { status: 200, body: grants[scope] ?? {} };
        },
      },
    ],
    ["HOST/app", ...ANN],
    PASSWORD,
  );
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  assert.match(
    run.stdout,
    /^auth: {7}bearer\nrealm: {6}http:\/\/HOST\/token\nservice: {4}registry\.test$/m,
  );
  assert.deepEqual(run.stdout.match(/^token: .*$/gm), [
    "token:      asked repository:app:pull, granted repository:app:pull, for 300 s",
    "token:      asked repository:app:delete, granted nothing, its lifetime not named",
  ]);
  assert.equal(lineOf(run, "deletion"), "not allowed (401)");
  assert.deepEqual(problemsOf(run), [[
    "The token does not grant delete on repository:app",
    "Ask for that right where the registry's users are kept, or use another credential",
  ]]);
});

test("Bearer: a token server that refuses the scope of deleting alone", async () => {
  const run = await runDoctor(
    [
      get("/v2/", BEARER),
      ...behind(
        (method) => `repository:app:${method === "DELETE" ? "delete" : "pull"}`,
        repositorySteps(),
      ),
      get(/delete/, { status: 403 }),
      get(/^\/token\?/, { status: 200, body: { token: "opaque" } }),
    ],
  );
  assert.equal(lineOf(run, "deletion"), "not allowed");
  assert.equal(
    lineOf(run, "token"),
    "asked repository:app:pull, granted not visible, its lifetime not named",
  );
  // Nobody who is anonymous expects to delete.
  assert.deepEqual([problemsOf(run), run.exitCode, run.stderr], [[], 0, ""]);
});

test("Bearer: the scope field tells where the token is opaque", async () => {
  const scope = "repository:app:pull repository:app:delete";
  const run = await runDoctor(
    [
      get("/v2/", BEARER),
      ...behind(() => "repository:app:pull,push", repositorySteps()),
      get(/^\/token\?/, { status: 200, body: { access_token: "opaque", scope, expires_in: 60 } }),
    ],
    ["HOST/app", ...ANN],
    PASSWORD,
  );
  assert.equal(lineOf(run, "token"), `asked repository:app:pull,push, granted ${scope}, for 60 s`);
  const [[problem] = []] = problemsOf(run);
  assert.equal(problem, "The token does not grant push on repository:app");
});

test("a registry: the challenge of /v2/ is answered, as docker login does", async () => {
  const run = await runDoctor(
    [
      API_ASKS,
      get("/v2/", ASKS),
      get("/v2/", { status: 200 }, {
        when: ({ headers }) => headers["authorization"] === basic("ann", "pass-word"),
      }),
      get("/v2/_catalog?n=1", { status: 403 }),
    ],
    ["HOST", ...ANN],
    PASSWORD,
  );
  assert.equal(lineOf(run, "access"), "200 granted");
  assert.equal(lineOf(run, "catalog"), "closed (403)");
  assert.deepEqual([problemsOf(run), run.exitCode, run.stderr], [[], 0, ""]);
});

test("a registry: a token server that refuses the scope of the catalog alone", async () => {
  const run = await runDoctor([
    get("/v2/", BEARER, { times: 2 }),
    get("/v2/", { status: 200 }),
    get("/v2/_catalog?n=1", challenge(bearer("/token", "registry:catalog:*"))),
    get(/catalog/, { status: 401 }),
    get(/^\/token\?/, { status: 200, body: { token: "opaque" } }),
  ], ["HOST"]);
  assert.equal(lineOf(run, "catalog"), "closed");
  assert.deepEqual([problemsOf(run), run.exitCode, run.stderr], [[], 0, ""]);
});

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
      "Give a credential with -u USER --password-stdin, or log in with docker login",
    ],
    [
      "a repository that is not open",
      [
        get("/v2/", { status: 200, body: {} }),
        get("/v2/app/tags/list?n=2", refusal(403, "DENIED")),
      ],
      ["HOST/app"],
      4,
      "Give a credential with -u USER --password-stdin, or log in with docker login",
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
    const [[problem = "", told] = []] = problemsOf(text);
    assert.deepEqual([text.exitCode, told], [exitCode, remedy]);
    assert.equal(problemsOf(text).length, 1);
    assert.match(text.stdout, /^url: /);
    assert.ok(text.stderr.startsWith(`error: ${problem}\n`), text.stderr);

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
  assert.ok(run.stdout.includes(`\ncredential: "ann", from ${path}\n`), run.stdout);
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
      ["safe", "an identity token, from the helper docker-credential-safe", 0],
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
