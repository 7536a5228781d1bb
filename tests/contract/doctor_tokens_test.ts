import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import type { Step } from "../support/scripted_registry.ts";
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
