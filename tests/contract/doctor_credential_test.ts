import assert from "node:assert/strict";
import { test } from "node:test";
import type { RecordedRequest, Step } from "../support/scripted_registry.ts";
import { lineOf, OPEN, repositorySteps, runDoctor } from "./doctor_script.ts";
import { basic, bearer, challenge, get } from "./script.ts";

const ANN = ["HOST/app", "-u", "ann", "--password-stdin"];
const OPTIONS = { stdin: "canary" };
const isKnown = ({ headers }: RecordedRequest) => headers["authorization"] !== undefined;
const UNASKED = /not asked for/;

/** The steps of a repository for who is known; all others, but at `open`, get this challenge. */
function closed(value: string, open: readonly string[] = []): Step[] {
  const steps = repositorySteps();
  return [
    ...steps.map((step) => open.includes(`${step.path}`) ? step : { ...step, when: isKnown })
      .map((step) => ({ ...step, times: Infinity })),
    ...["GET", "HEAD", "DELETE"].map((method): Step => ({
      method,
      path: /^\/v2\//,
      when: (request) => !isKnown(request),
      reply: challenge(value),
      times: Infinity,
    })),
    get(/^\/token/, { status: 200, body: { token: "t-1234" } }, { times: Infinity }),
  ];
}

test("the credential: only where nobody asked for it, that is said", async () => {
  const unasked = await runDoctor(repositorySteps(), ANN, OPTIONS);
  assert.match(lineOf(unasked, "credential"), UNASKED);
  // Without a repository, nothing tells whether it would be asked for there.
  const alone = await runDoctor([get("/v2/", OPEN), get(/^\/v2\/_catalog/, { status: 404 })], [
    "HOST",
    ...ANN.slice(1),
  ], OPTIONS);
  assert.equal(alone.exitCode, 0, alone.stderr);
  assert.match(lineOf(alone, "credential"), /^"ann", from /);
  const cases = [
    ["Basic", closed('Basic realm="x"')],
    ["Bearer", closed(bearer("/token"))],
    ["Bearer, behind an open /v2/", closed(bearer("/token"), ["/v2/"])],
    ["Basic, behind an open /v2/", closed('Basic realm="x"', ["/v2/"])],
  ] as const;
  for (const [name, steps] of cases) {
    const run = await runDoctor(steps, ANN, OPTIONS);
    assert.equal(run.exitCode, 0, `${name} ${run.stdout} ${run.stderr}`);
    assert.match(lineOf(run, "credential"), /^"ann", from /, name);
    assert.doesNotMatch(run.stdout, UNASKED, `${name}\n${run.stdout}`);
    assert.ok(!run.stdout.includes(basic("ann", "canary").slice(6)));
  }
});

test("the credential: where the repository lets nobody in, more than that is not said", async () => {
  const run = await runDoctor(
    [get("/v2/", OPEN), get(/^\/v2\/app\//, { status: 404 })],
    ANN,
    OPTIONS,
  );
  assert.equal(run.exitCode, 3);
  assert.equal(lineOf(run, "credential"), '"ann", from --password-stdin');
  assert.equal(run.stderr, "error: Cannot look further into HOST/app\n");
});

test("the credential: where there is none, nobody has to ask", async () => {
  const run = await runDoctor(repositorySteps());
  assert.equal(lineOf(run, "credential"), "none found");
});
