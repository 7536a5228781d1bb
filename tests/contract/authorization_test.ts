import assert from "node:assert/strict";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import { startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import type { Reply } from "../support/scripted_reply.ts";
import {
  basic,
  bearer,
  challenge,
  dockerAuth,
  get,
  getAs,
  logOf,
  page,
  TAGS,
  TAGS_PATH,
} from "./script.ts";

const PAGE_2 = `${TAGS_PATH}?n=1&last=1`;
const PAGE_3 = `${TAGS_PATH}?n=1&last=2`;
const TOKEN_PATH = /^\/token\?/;
const PULL = "repository%3Aapp%3Apull";

test("8: one token, asked for with each scope of the challenge, serves all pages", async () => {
  await using tokens = await startScriptedRegistry([
    get(
      "/token?service=registry.test&scope=repository%3Aapp%3Apull%2Cpush&scope=repository%28plugin%29%3Ax%2Fy%3A*",
      { status: 200, body: { token: "t1", expires_in: 300 } },
    ),
  ]);
  const scope = "repository:app:pull,push repository(plugin):x/y:*";
  await using registry = await startScriptedRegistry([
    getAs(undefined, TAGS_PATH, challenge(bearer(`${tokens.url}/token`, scope))),
    getAs("Bearer t1", TAGS_PATH, page("1", PAGE_2)),
    getAs("Bearer t1", PAGE_2, page("2", PAGE_3)),
    getAs("Bearer t1", PAGE_3, { status: 200, body: { tags: ["3"] } }),
  ]);
  const run = await runCaptured(["tags", `${registry.host}/app`]);
  assert.deepEqual(run, { exitCode: 0, stdout: "1\n2\n3\n", stderr: "", waits: [] });
  assert.deepEqual(logOf(registry), [
    `GET ${TAGS_PATH}`,
    `GET ${TAGS_PATH} Bearer t1`,
    `GET ${PAGE_2} Bearer t1`,
    `GET ${PAGE_3} Bearer t1`,
  ]);
  registry.assertDone();
  tokens.assertDone();
});

test("8: without a scope in the challenge the command's own is asked for", async () => {
  const cases = [
    ["tags", "/app", TAGS_PATH, PULL],
    ["catalog", "", "/v2/_catalog", "registry%3Acatalog%3A*"],
  ] as const;
  for (const [command, path, url, scope] of cases) {
    await using registry = await startScriptedRegistry([
      getAs(undefined, url, challenge(bearer("/token"))),
      getAs(undefined, `/token?service=registry.test&scope=${scope}`, {
        status: 200,
        body: { token: "t1" },
      }),
      getAs("Bearer t1", url, { status: 200, body: { tags: ["1"], repositories: ["1"] } }),
    ]);
    const run = await runCaptured([command, `${registry.host}${path}`]);
    assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
    registry.assertDone();
  }
});

test("8: a user asks the token server with Basic and an account behind the scopes", async () => {
  await using tokens = await startScriptedRegistry([
    getAs(
      basic("änn", "a:b c"),
      `/token?x=1&service=registry.test&scope=${PULL}&account=%C3%A4nn`,
      { status: 200, body: { token: "t1" } },
    ),
  ]);
  await using registry = await startScriptedRegistry([
    getAs(
      undefined,
      TAGS_PATH,
      challenge(bearer(`${tokens.url}/token?x=1`, "repository:app:pull")),
    ),
    getAs("Bearer t1", TAGS_PATH, TAGS),
  ]);
  const run = await runCaptured(
    ["tags", `${registry.host}/app`, "-u", "änn", "--password-stdin"],
    { stdin: "a:b c\n" },
  );
  assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
  registry.assertDone();
  tokens.assertDone();
});

test("9: Bearer is found in every form of a challenge", async () => {
  const cases: (readonly [readonly string[], string])[] = [
    [['Basic realm="b"', 'Bearer realm="/token",service="s"'], "s"],
    [['Basic realm="b", Bearer realm="/token",service="s"'], "s"],
    [['Bearer realm="/token",service="s", Basic realm="b"'], "s"],
    [['bEaReR ReAlM="/token" , SERVICE="s"'], "s"],
    [['Bearer realm="/token",service="a \\"b\\" \\\\c"'], "a+%22b%22+%5Cc"],
    [["Negotiate YWJj==", 'Bearer realm="/token",service=s'], "s"],
    [[', ,Bearer realm="/token",,service="s",'], "s"],
    [['Bearer realm="/token",service="s",charset="UTF-8"'], "s"],
  ];
  for (const [values, service] of cases) {
    await using registry = await startScriptedRegistry([
      getAs(undefined, TAGS_PATH, challenge(...values)),
      get(`/token?service=${service}&scope=${PULL}`, { status: 200, body: { token: "t1" } }),
      getAs("Bearer t1", TAGS_PATH, TAGS),
    ]);
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] }, values.join());
    registry.assertDone();
  }
});

test("9: a malformed challenge is a plain error", async () => {
  const malformed = "The registry sent a malformed WWW-Authenticate header: ";
  const cases = [
    ['Bearer realm="/token', `${malformed}Bearer realm="/token`],
    ['Bearer realm="/token\\', `${malformed}Bearer realm="/token\\`],
    ['Bearer realm="/token" service="s"', `${malformed}Bearer realm="/token" service="s"`],
    ["Bearer realm=", "Cannot get a token for HOST: its challenge names no token server"],
    ["=", `${malformed}=`],
    ["Bearer", "Cannot get a token for HOST: its challenge names no token server"],
    ['Bearer realm=""', "Cannot get a token for HOST: its challenge names no token server"],
    ['Bearer realm="http://["', "Cannot get a token for HOST: its challenge names no token server"],
  ] as const;
  for (const [value, message] of cases) {
    await using registry = await startScriptedRegistry([get(TAGS_PATH, challenge(value))]);
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    const stderr = `error: ${message.replace("HOST", registry.host)}\n`;
    assert.deepEqual(run, { exitCode: 7, stdout: "", stderr, waits: [] }, value);
    registry.assertDone();
  }
});

test("9: a 401 without a challenge says so", async () => {
  await using registry = await startScriptedRegistry([get(TAGS_PATH, { status: 401 })]);
  const run = await runCaptured(["tags", `${registry.host}/app`]);
  const stderr = `error: ${registry.host} answered 401 without saying how to authenticate\n`;
  assert.deepEqual(run, { exitCode: 7, stdout: "", stderr, waits: [] });
  registry.assertDone();
});

test("15: schemes that are all unknown are named", async () => {
  const values = ["Negotiate", 'Digest realm="x",nonce="y"'];
  await using registry = await startScriptedRegistry([get(TAGS_PATH, challenge(...values))]);
  const run = await runCaptured([
    "tags",
    `${registry.host}/app`,
    "-u",
    "ann",
    "-p",
    "secret",
    "-q",
  ]);
  const stderr =
    `error: ${registry.host} asks for an authentication scheme that is not supported: negotiate, digest\n` +
    "hint: Bearer and Basic are supported\n";
  assert.deepEqual(run, { exitCode: 6, stdout: "", stderr, waits: [] });
  assert.deepEqual(logOf(registry), [`GET ${TAGS_PATH}`]);
});

test("12: a token of one second is renewed before each slow page", async () => {
  let issued = 0;
  const slow: Reply = { status: 503, headers: { "retry-after": "2" } };
  await using tokens = await startScriptedRegistry([{
    method: "GET",
    path: TOKEN_PATH,
    replyWith: () => ({ status: 200, body: { token: `t${++issued}`, expires_in: 1 } }),
    times: 5,
  }]);
  const urls = [1, 2, 3, 4, 5].map((n) => n === 1 ? TAGS_PATH : `${TAGS_PATH}?last=${n - 1}`);
  await using registry = await startScriptedRegistry([
    get(TAGS_PATH, challenge(bearer(`${tokens.url}/token`))),
    ...urls.flatMap((url, i): Step[] => [
      getAs(`Bearer t${i + 1}`, url, slow),
      getAs(
        `Bearer t${i + 1}`,
        url,
        i === 4
          ? { status: 200, body: { tags: ["5"] } }
          : page(String(i + 1), `${TAGS_PATH}?last=${i + 1}`),
      ),
    ]),
  ]);
  const run = await runCaptured(["tags", `${registry.host}/app`]);
  assert.deepEqual(run, {
    exitCode: 0,
    stdout: "1\n2\n3\n4\n5\n",
    stderr: "",
    waits: [2000, 2000, 2000, 2000, 2000],
  });
  registry.assertDone();
  tokens.assertDone();
});

test("F13: a token refused on page 3 is replaced once and the page asked for again", async () => {
  const tokensIn = ["t1", "t2"];
  await using registry = await startScriptedRegistry([
    getAs(undefined, TAGS_PATH, challenge(bearer("/token"))),
    {
      method: "GET",
      path: TOKEN_PATH,
      replyWith: () => ({ status: 200, body: { token: tokensIn.shift(), expires_in: 3600 } }),
      times: 2,
    },
    getAs("Bearer t1", TAGS_PATH, page("1", PAGE_2)),
    getAs("Bearer t1", PAGE_2, page("2", PAGE_3)),
    getAs("Bearer t1", PAGE_3, challenge(bearer("/token"))),
    getAs("Bearer t2", PAGE_3, { status: 200, body: { tags: ["3"] } }),
  ]);
  const run = await runCaptured(["tags", `${registry.host}/app`]);
  assert.deepEqual(run, { exitCode: 0, stdout: "1\n2\n3\n", stderr: "", waits: [] });
  registry.assertDone();
});

test("13: a registry that always refuses gets one token, and the run ends unauthorized", async () => {
  for (const command of ["tags", "catalog"]) {
    await using registry = await startScriptedRegistry([
      get(TOKEN_PATH, { status: 200, body: { token: "t1" } }),
      get(/^\/v2\//, challenge(bearer("/token", "repository:app:pull")), { times: 2 }),
    ]);
    const target = command === "tags" ? `${registry.host}/app` : registry.host;
    const run = await runCaptured([command, target]);
    const task = command === "tags"
      ? `list the tags of "${registry.host}/app"`
      : `list the repositories of "${registry.host}"`;
    assert.deepEqual(run, {
      exitCode: 4,
      stdout: "",
      stderr:
        `error: Cannot ${task}: ${registry.host} answered 401 UNAUTHORIZED: authentication required\n` +
        "hint: It does not exist, or needs credentials: give -u USER --password-stdin, or log in with regctl login\n",
      waits: [],
    });
    registry.assertDone();
  }
});

test("13: F15: a challenge that grows for ever leads to two tokens at most", async () => {
  let asked = 0;
  await using registry = await startScriptedRegistry([
    { ...get(TOKEN_PATH, { status: 200, body: { token: "t" } }), times: 2 },
    {
      method: "GET",
      path: TAGS_PATH,
      replyWith: () => challenge(bearer("/token", `repository:app${++asked}:pull`)),
      times: 3,
    },
  ]);
  const run = await runCaptured(["tags", `${registry.host}/app`]);
  assert.equal(run.exitCode, 4);
  assert.equal(run.stdout, "");
  registry.assertDone();
});

test("13: a wrong password is sent once", async () => {
  await using registry = await startScriptedRegistry([
    getAs(undefined, TAGS_PATH, challenge('Basic realm="x"')),
    getAs(basic("ann", "wrong"), TAGS_PATH, challenge('Basic realm="x"')),
  ]);
  const run = await runCaptured(
    ["tags", `${registry.host}/app`, "-u", "ann", "--password-stdin"],
    { stdin: "wrong" },
  );
  assert.deepEqual(run, {
    exitCode: 4,
    stdout: "",
    stderr:
      `error: Cannot list the tags of "${registry.host}/app": ${registry.host} answered 401 UNAUTHORIZED: ` +
      "authentication required\n" +
      'hint: You asked as "ann" (from --password-stdin): check that, and that the name exists and is open to you\n',
    waits: [],
  });
  registry.assertDone();
});

test("17: insufficient_scope leads to one more token, for both scopes together", async () => {
  const wider = `${
    bearer("/token", "repository:app:push repository:b:pull")
  },error="insufficient_scope"`;
  await using registry = await startScriptedRegistry([
    getAs(undefined, TAGS_PATH, challenge(bearer("/token", "repository:app:pull"))),
    get(`/token?service=registry.test&scope=${PULL}`, { status: 200, body: { token: "t1" } }),
    getAs("Bearer t1", TAGS_PATH, challenge(wider)),
    get(
      `/token?service=registry.test&scope=repository%3Aapp%3Apull%2Cpush&scope=repository%3Ab%3Apull`,
      { status: 200, body: { token: "t2" } },
    ),
    getAs("Bearer t2", TAGS_PATH, TAGS),
  ]);
  const run = await runCaptured(["tags", `${registry.host}/app`]);
  assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
  registry.assertDone();
});

test("a registrytoken is sent as it is, once, and no token server is asked", async () => {
  const cases = [[TAGS, 0], [challenge(bearer("/token")), 4]] as const;
  for (const [reply, exitCode] of cases) {
    await using registry = await startScriptedRegistry([
      getAs(undefined, TAGS_PATH, challenge(bearer("/token"))),
      getAs("Bearer ready-made", TAGS_PATH, reply),
    ]);
    const env = dockerAuth({ [registry.host]: { registrytoken: "ready-made" } });
    const run = await runCaptured(["tags", `${registry.host}/app`], { env });
    assert.equal(run.exitCode, exitCode, run.stderr);
    registry.assertDone();
  }
});

test("F16: refusals say what was answered and that access may be what is missing", async () => {
  const anonymous =
    "It does not exist, or needs credentials: give -u USER --password-stdin, or log in with regctl login";
  const cases = [
    [403, "DENIED", 4, anonymous],
    [
      404,
      "NAME_UNKNOWN",
      3,
      "Check the spelling; some registries also answer so where credentials are missing",
    ],
  ] as const;
  for (const [status, code, exitCode, hint] of cases) {
    const body = { errors: [{ code, message: "no" }] };
    await using registry = await startScriptedRegistry([get(TAGS_PATH, { status, body })]);
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    assert.deepEqual(run, {
      exitCode,
      stdout: "",
      stderr:
        `error: Cannot list the tags of "${registry.host}/app": ${registry.host} answered ${status} ${code}: no\n` +
        `hint: ${hint}\n`,
      waits: [],
    });
    registry.assertDone();
  }
});

test("ping shows a challenge and answers none", async () => {
  await using registry = await startScriptedRegistry([
    getAs(undefined, "/v2/", challenge('Basic realm="x"')),
  ]);
  const run = await runCaptured(["ping", registry.host]);
  const url = `${registry.url}/v2/`;
  assert.equal(
    run.stdout.replace(/\d+ ms/, "T ms"),
    `url:     ${url}\nstatus:  401 authentication required\nauth:    basic\nversion: unknown\ntime:    T ms\n`,
  );
  assert.deepEqual({ ...run, stdout: "" }, { exitCode: 0, stdout: "", stderr: "", waits: [] });
  assert.deepEqual(logOf(registry), ["GET /v2/"]);
});
