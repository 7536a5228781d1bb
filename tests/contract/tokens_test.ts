import assert from "node:assert/strict";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import {
  ANY_REQUEST,
  type ScriptedRegistry,
  startScriptedRegistry,
  type Step,
} from "../support/scripted_registry.ts";
import type { Reply } from "../support/scripted_reply.ts";
import {
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

const FORM =
  "grant_type=refresh_token&service=registry.test&client_id=regctl&scope=repository%3Aapp%3Apull+repository%3Ab%3Apull&refresh_token=identity-token";
const SCOPES = "repository:app:pull repository:b:pull";
const TOKEN_PATH = /^\/token\?/;

/** A registry that refers to a token server. */
function startRegistryOf(tokens: ScriptedRegistry, ...more: readonly Step[]) {
  return startScriptedRegistry([
    get(TAGS_PATH, challenge(bearer(`${tokens.url}/token`, SCOPES))),
    ...more,
  ]);
}

test("14: an identity token is exchanged by POST and stays with the token server", async () => {
  await using tokens = await startScriptedRegistry([
    { method: "POST", path: "/token", reply: { status: 200, body: { access_token: "t1" } } },
  ]);
  await using registry = await startRegistryOf(tokens, getAs("Bearer t1", TAGS_PATH, TAGS));
  const env = dockerAuth({ [registry.host]: { identitytoken: "identity-token" } });
  const run = await runCaptured(["tags", `${registry.host}/app`], { env });
  assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
  assert.deepEqual(logOf(tokens), [`POST /token ${FORM}`]);
  assert.equal(
    tokens.requests[0]?.headers["content-type"],
    "application/x-www-form-urlencoded",
  );
  assert.doesNotMatch(JSON.stringify(registry.requests), /identity-token/);
  registry.assertDone();
  tokens.assertDone();
});

test("14: where POST fails the identity token goes nowhere else", async () => {
  await using elsewhere = await startScriptedRegistry(ANY_REQUEST);
  const cases: (readonly [Reply, number])[] = [
    [{ status: 404 }, 4],
    [{ status: 405 }, 4],
    [{ status: 401 }, 4],
    [{ status: 418 }, 4],
    [{ status: 307, headers: { location: `${elsewhere.url}/token` } }, 4],
  ];
  for (const [reply, exitCode] of cases) {
    await using tokens = await startScriptedRegistry([{ method: "POST", path: "/token", reply }]);
    await using registry = await startRegistryOf(tokens);
    const env = dockerAuth({ [registry.host]: { identitytoken: "identity-token" } });
    const run = await runCaptured(["tags", `${registry.host}/app`], { env });
    const hint = exitCode === 4
      ? "hint: Check the user name and the password or access token\n"
      : "";
    assert.deepEqual(run, {
      exitCode,
      stdout: "",
      stderr:
        `error: Cannot get a token for ${registry.host} with the token from DOCKER_AUTH_CONFIG: ` +
        `the token server ${tokens.host} answered ${reply.status}\n${hint}`,
      waits: [],
    });
    registry.assertDone();
    tokens.assertDone();
  }
  assert.deepEqual(logOf(elsewhere), []);
});

test("14: the exchange of an identity token is repeated when the token server fails", async () => {
  await using tokens = await startScriptedRegistry([
    { method: "POST", path: "/token", reply: { status: 503 } },
    { method: "POST", path: "/token", reply: { status: 200, body: { token: "t1" } } },
  ]);
  await using registry = await startRegistryOf(tokens, getAs("Bearer t1", TAGS_PATH, TAGS));
  const env = dockerAuth({ [registry.host]: { identitytoken: "identity-token" } });
  const run = await runCaptured(["tags", `${registry.host}/app`], { env });
  assert.deepEqual([run.exitCode, run.waits], [0, [187.5]]);
  registry.assertDone();
  tokens.assertDone();
});

test("14: Basic is no use for an identity token", async () => {
  await using registry = await startScriptedRegistry([
    get(TAGS_PATH, challenge('Basic realm="x"')),
  ]);
  const env = dockerAuth({ [registry.host]: { identitytoken: "identity-token" } });
  const run = await runCaptured(["tags", `${registry.host}/app`], { env });
  assert.equal(run.exitCode, 4);
  assert.deepEqual(logOf(registry), [`GET ${TAGS_PATH}`]);
});

test("access_token alone will do, token comes first", async () => {
  for (const body of [{ access_token: "t1" }, { token: "t1", access_token: "t2" }]) {
    await using registry = await startScriptedRegistry([
      get(TAGS_PATH, challenge(bearer("/token"))),
      get(TOKEN_PATH, { status: 200, body }),
      getAs("Bearer t1", TAGS_PATH, TAGS),
    ]);
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
    registry.assertDone();
  }
});

test("F32: a token's life is counted from our own clock; an odd one is 60 s", async () => {
  const cases = [
    { issued_at: "2001-01-01T00:00:00Z", expires_in: 300 },
    { issued_at: "2999-01-01T00:00:00Z", expires_in: 300 },
    {},
    { expires_in: 0 },
    { expires_in: -5 },
    { expires_in: "300" },
    { expires_in: null },
  ];
  for (const life of cases) {
    const next = `${TAGS_PATH}?last=1`;
    await using registry = await startScriptedRegistry([
      get(TAGS_PATH, challenge(bearer("/token"))),
      get(TOKEN_PATH, { status: 200, body: { token: "t1", ...life } }),
      getAs("Bearer t1", TAGS_PATH, page("1", next)),
      getAs("Bearer t1", next, { status: 429, headers: { "retry-after": "50" } }),
      getAs("Bearer t1", next, { status: 200, body: { tags: ["2"] } }),
    ]);
    const run = await runCaptured(["tags", `${registry.host}/app`, "-q"]);
    const expected = { exitCode: 0, stdout: "1\n2\n", stderr: "", waits: [50_000] };
    assert.deepEqual(run, expected, JSON.stringify(life));
    registry.assertDone();
  }
});

test("F14: what a token server sends in place of a token is an error that names it", async () => {
  const none = "sent none";
  const cases: (readonly [Reply, number, string])[] = [
    [{ status: 200, body: {} }, 7, none],
    [{ status: 200, body: { token: "" } }, 7, none],
    [{ status: 200, body: { token: 7 } }, 7, none],
    [{ status: 200, body: { token: "a\nb" } }, 7, none],
    [{ status: 200, body: "[]" }, 7, none],
    [{ status: 200, body: "null" }, 7, none],
    [{ status: 200, body: "" }, 7, none],
    [
      { status: 200, headers: { "content-type": "text/html" }, body: "<h1>Sign in</h1>" },
      7,
      none,
    ],
    [{ status: 204 }, 4, "answered 204"],
    [
      { status: 400, body: { error: "invalid_scope", error_description: "bad" } },
      4,
      "answered 400 invalid_scope: bad",
    ],
    [
      { status: 401, body: { details: "incorrect password" } },
      4,
      "answered 401 incorrect password",
    ],
    [
      { status: 403, headers: { "content-type": "text/html" }, body: "<h1>no</h1>" },
      4,
      "answered 403",
    ],
  ];
  for (const [reply, exitCode, said] of cases) {
    await using tokens = await startScriptedRegistry([get(TOKEN_PATH, reply)]);
    await using registry = await startRegistryOf(tokens);
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    const start = exitCode === 7
      ? `error: Cannot get a token for ${registry.host}: `
      : `error: Cannot get a token for ${registry.host} anonymously: `;
    const hint = exitCode === 7
      ? ""
      : "hint: Give credentials with -u USER --password-stdin, or log in with regctl login\n";
    const stderr = `${start}the token server ${tokens.host} ${said}\n${hint}`;
    assert.deepEqual(run, { exitCode, stdout: "", stderr, waits: [] }, JSON.stringify(reply));
    registry.assertDone();
    tokens.assertDone();
  }
});

test("F14: a token server that fails for good is asked five times, the registry once", async () => {
  await using tokens = await startScriptedRegistry([
    get(TOKEN_PATH, { status: 500 }, { times: 5 }),
  ]);
  await using registry = await startRegistryOf(tokens);
  const run = await runCaptured(["tags", `${registry.host}/app`]);
  assert.deepEqual(run, {
    exitCode: 5,
    stdout: "",
    stderr: `error: Cannot get a token for ${registry.host} anonymously: ` +
      `the token server ${tokens.host} answered 500\n`,
    waits: [187.5, 375, 750, 1500],
  });
  registry.assertDone();
  tokens.assertDone();
});

test("11: no token is asked for at a realm the registry has no business with", async () => {
  await using other = await startScriptedRegistry(ANY_REQUEST);
  const internal = "the address is internal";
  const cases = [
    ["http://169.254.169.254/token", "http://169.254.169.254", internal],
    ["http://2852039166/token", "http://169.254.169.254", internal],
    ["http://[::ffff:169.254.169.254]/token", "http://[::ffff:a9fe:a9fe]", internal],
    [`http://0.0.0.0:${other.port}/token`, `http://0.0.0.0:${other.port}`, internal],
    [`http://0:${other.port}/token`, `http://0.0.0.0:${other.port}`, internal],
    [`http://[::]:${other.port}/token`, `http://[::]:${other.port}`, internal],
    ["http://[fe80::1]/token", "http://[fe80::1]", internal],
    ["file:///etc/passwd", "file://", "only http and https are allowed"],
    ["ftp://127.0.0.1/token", "ftp://127.0.0.1", "only http and https are allowed"],
    [`http://u:p@${other.host}/token`, `http://${other.host}`, "it carries user information"],
  ] as const;
  for (const [realm, shown, reason] of cases) {
    await using registry = await startScriptedRegistry([
      get(TAGS_PATH, challenge(bearer(realm))),
    ]);
    const run = await runCaptured(
      ["tags", `${registry.host}/app`, "-u", "ann", "--password-stdin"],
      {
        stdin: "secret",
      },
    );
    const stderr =
      `error: Refused to follow ${registry.host} to its token server at ${shown}: ${reason}\n`;
    assert.deepEqual(run, { exitCode: 7, stdout: "", stderr, waits: [] }, realm);
    registry.assertDone();
  }
  assert.deepEqual(logOf(other), []);
});

test("11: a token server's redirect is held to the same rules", async () => {
  await using other = await startScriptedRegistry(ANY_REQUEST);
  const location = `http://0.0.0.0:${other.port}/token`;
  await using tokens = await startScriptedRegistry([
    get(TOKEN_PATH, { status: 307, headers: { location } }),
  ]);
  await using registry = await startRegistryOf(tokens);
  const run = await runCaptured(["tags", `${registry.host}/app`]);
  const stderr = `error: Refused to follow ${tokens.host} to a redirect at ` +
    `http://0.0.0.0:${other.port}: the address is internal\n`;
  assert.deepEqual(run, { exitCode: 7, stdout: "", stderr, waits: [] });
  assert.deepEqual(logOf(other), []);
});

test("11: a token server that refers to another origin does not pass the password on", async () => {
  await using other = await startScriptedRegistry([
    getAs(undefined, "/other", { status: 200, body: { token: "t1" } }),
  ]);
  await using tokens = await startScriptedRegistry([
    get(TOKEN_PATH, { status: 307, headers: { location: `${other.url}/other` } }),
  ]);
  await using registry = await startRegistryOf(tokens, getAs("Bearer t1", TAGS_PATH, TAGS));
  const run = await runCaptured(["tags", `${registry.host}/app`, "-u", "ann", "--password-stdin"], {
    stdin: "secret",
  });
  assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
  assert.match(tokens.requests[0]?.headers["authorization"] ?? "", /^Basic /);
  other.assertDone();
  registry.assertDone();
});
