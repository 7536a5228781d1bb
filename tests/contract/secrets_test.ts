import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createServer } from "node:net";
import { test } from "node:test";
import { type CapturedRunOptions, runCaptured } from "../support/capture_host.ts";
import { listen } from "../support/listen.ts";
import {
  type ScriptedRegistry,
  startScriptedRegistry,
  type Step,
} from "../support/scripted_registry.ts";
import { basic, bearer, challenge, dockerAuth, get, page, TAGS, TAGS_PATH } from "./script.ts";

// Each secret holds this word, in each of the forms in which it may travel.
const CANARY = "canary";
const PASSWORD = 'canary: pä"ss/wörd+';
const COOKIE = { "set-cookie": "session=canary-cookie; Path=/" };
const SIGNED = "?X-Amz-Signature=canary-a&sig=canary-b&n=1#canary-c";
const LEVELS = [[], ["-v"], ["-v", "-v"], ["-v", "-v", "--debug"], ["-vv", "-o", "json"]] as const;
const USER = ["-u", "ann", "--password-stdin"];

/** One run, and how it must end. */
interface Scenario {
  readonly name: string;
  readonly script: readonly Step[];
  readonly exitCode: number;
  readonly flags?: readonly string[];
  readonly options?: (registry: ScriptedRegistry) => CapturedRunOptions;
}

const BASIC = challenge('Basic realm="x"');
const BEARER = challenge(bearer("/token"));
const TOKEN = get(/^\/token/, { status: 200, headers: COOKIE, body: { token: "canary-token" } });
const FORMS = [PASSWORD, encodeURIComponent(PASSWORD), basic("ann", PASSWORD)].join(" ");

/** What a registry may answer once it knows who asks, and the exit code; `echo` is what it knows. */
const listAnswers = (echo: string): (readonly [string, Partial<Step>, number])[] => [
  ["200", { reply: { ...TAGS, headers: COOKIE } }, 0],
  ["401", { reply: challenge(bearer("/token")) }, 4],
  [
    "403",
    { reply: { status: 403, body: { errors: [{ code: "DENIED", message: echo }] } } },
    4,
  ],
  [
    "404",
    { reply: { status: 404, headers: { "content-type": "text/plain" }, body: echo } },
    3,
  ],
  ["405", { reply: { status: 405, headers: COOKIE } }, 6],
  ["429", { reply: { status: 429, headers: { ...COOKIE, "retry-after": "9" } }, times: 5 }, 9],
  ["500", { reply: { status: 500, headers: COOKIE }, times: 5 }, 5],
  ["a reset", { fault: "reset-mid-body", times: 5 }, 5],
  [
    "HTML",
    { reply: { status: 200, headers: { "content-type": "text/html" }, body: echo } },
    7,
  ],
  ["a redirect without end", { reply: redirect(`${TAGS_PATH}${SIGNED}`), times: 6 }, 7],
  ["a redirect inside", { reply: redirect(`http://0.0.0.0:1/x${SIGNED}`) }, 7],
  ["a redirect with user information", { reply: redirect("http://canary:canary@127.0.0.1/") }, 7],
  ["a redirect to no URL", { reply: redirect(`http://[${SIGNED}`) }, 7],
  ["a redirect to a file", { reply: redirect(`file:///x${SIGNED}`) }, 7],
  ["a page elsewhere", { reply: page("1", `http://127.0.0.1:1/${SIGNED}`) }, 8],
  ["a page that is no URL", { reply: page("1", `http://[${SIGNED}`) }, 8],
  ["pages in a circle", { reply: page("1", `${TAGS_PATH}${SIGNED}`), times: 2 }, 8],
];

const IDENTITIES: (readonly [string, string, Partial<Scenario>, readonly Step[]])[] = [
  ["Basic", FORMS, { flags: USER, options: () => ({ stdin: PASSWORD }) }, [get(TAGS_PATH, BASIC)]],
  ["Bearer", `${FORMS} canary-token`, { flags: USER, options: () => ({ stdin: PASSWORD }) }, [
    get(TAGS_PATH, BEARER),
    { ...TOKEN, times: Infinity },
  ]],
  ["an identity token", "canary-identity canary-token", {
    options: (registry) => ({ env: identity(registry, "identitytoken") }),
  }, [
    get(TAGS_PATH, BEARER),
    { method: "POST", path: "/token", reply: TOKEN.reply ?? TAGS, times: Infinity },
  ]],
  ["a registry token", "canary-identity", {
    options: (registry) => ({ env: identity(registry, "registrytoken") }),
  }, [
    get(TAGS_PATH, BEARER),
  ]],
];

function identity({ host }: ScriptedRegistry, kind: string): Record<string, string> {
  return dockerAuth({ [host]: { [kind]: "canary-identity" } });
}

function redirect(location: string) {
  return { status: 307, headers: { ...COOKIE, location } };
}

/** Runs the command at each level of verbosity on a fresh registry. */
async function assertSilent(scenario: Scenario): Promise<void> {
  for (const level of LEVELS) {
    await using registry = await startScriptedRegistry(scenario.script);
    const words = ["tags", `${registry.host}/app`, ...(scenario.flags ?? []), ...level];
    const run = await runCaptured(words, scenario.options?.(registry));
    const what = `${scenario.name} ${level.join(" ")}\n${run.stderr}`;
    assert.equal(run.exitCode, scenario.exitCode, what);
    const shown = run.stdout + run.stderr;
    assert.doesNotMatch(shown, new RegExp(CANARY, "i"), what);
    assert.ok(!shown.includes(btoa("ann:canary").slice(0, 12)), what);
    assert.equal(/^[A-Z]+ http:/m.test(run.stderr), level.length > 0, what);
  }
}

for (const [who, echo, { flags, options }, steps] of IDENTITIES) {
  test(`64: no secret is shown with ${who}, however the run ends`, async () => {
    for (const [name, step, exitCode] of listAnswers(echo)) {
      // A new challenge of the other kind would lead elsewhere.
      if (name === "401" && who === "Basic") continue;
      const asked = name === "401" && who !== "a registry token" ? 2 : 1;
      await assertSilent({
        name: `${who}, ${name}`,
        exitCode,
        ...(flags && { flags }),
        ...(options && { options }),
        script: [
          ...steps,
          { method: "GET", path: /^\/v2\/app\//, times: asked, ...step },
        ],
      });
    }
  });
}

test("64: what a token server says of a secret is not passed on", async () => {
  for (const status of [200, 400, 401, 500]) {
    const body = { errors: [{ code: FORMS, message: FORMS }] };
    await assertSilent({
      name: `token server ${status}`,
      exitCode: status === 200 ? 7 : status === 500 ? 5 : 4,
      flags: USER,
      options: () => ({ stdin: PASSWORD }),
      script: [
        get(TAGS_PATH, BEARER),
        get(/^\/token/, { status, body }, { times: Infinity }),
      ],
    });
  }
});

test("64: the values of a signed URL are hidden in the log, names and harmless ones are not", async () => {
  await using other = await startScriptedRegistry([get(/^\/blob/, TAGS)]);
  await using registry = await startScriptedRegistry([
    get(TAGS_PATH, redirect(`${other.url}/blob${SIGNED}`)),
  ]);
  const run = await runCaptured(["tags", `${registry.host}/app`, "-vv"]);
  assert.equal(run.exitCode, 0);
  const url = `${other.url}/blob?X-Amz-Signature=***&sig=***&n=1`;
  assert.ok(run.stderr.includes(`GET ${url} 200 `), run.stderr);
  assert.ok(run.stderr.includes("< set-cookie: ***\n"), run.stderr);
  assert.equal(other.requests[0]?.path, "/blob?X-Amz-Signature=canary-a&sig=canary-b&n=1");
});

test("64: a signed URL that fails is not shown by the runtime's own message", async () => {
  const garbage = await listen(createServer((socket) => {
    socket.once("data", () => socket.end("no HTTP at all\r\n\r\n"));
  }));
  const closed = await listen(createServer());
  await closed[Symbol.asyncDispose]();
  try {
    for (const { port } of [garbage, closed]) {
      for (const level of LEVELS) {
        const location = `http://127.0.0.1:${port}/blob${SIGNED}`;
        await using registry = await startScriptedRegistry([
          get(TAGS_PATH, redirect(location), { times: Infinity }),
        ]);
        const run = await runCaptured(["tags", `${registry.host}/app`, ...level]);
        assert.equal(run.exitCode, 5, run.stderr);
        assert.doesNotMatch(run.stdout + run.stderr, /canary/);
      }
    }
  } finally {
    await garbage[Symbol.asyncDispose]();
  }
});

test("64: a malformed challenge and a realm keep their query to themselves", async () => {
  const values = [
    'Bearer realm="http://0.0.0.0:1/token?key=canary",service="x"',
    'Bearer realm="http://127.0.0.1/token?key=canary" service',
  ];
  for (const value of values) {
    await assertSilent({
      name: value,
      exitCode: 7,
      script: [get(TAGS_PATH, challenge(value))],
    });
  }
});

test("64: the password of -p is hidden, even where a registry sends it back", async () => {
  for (const password of ["canary", PASSWORD, Buffer.from(PASSWORD).toString("base64")]) {
    const sent = encodeURIComponent(password);
    await using registry = await startScriptedRegistry([
      get(TAGS_PATH, BASIC),
      get(TAGS_PATH, { status: 400, body: { message: `${password} ${sent}` } }),
    ]);
    const words = ["tags", `${registry.host}/app`, "-u", "ann", "-p", password, "-vv", "--debug"];
    const run = await runCaptured(words);
    assert.equal(run.exitCode, 6);
    assert.ok(!run.stderr.includes(password) && !run.stderr.includes(sent), run.stderr);
    assert.match(run.stderr, /answered 400 \*\*\* \*\*\*\n/);
  }
});

test("64: -vv logs that a token was asked for, and not a header of it", async () => {
  const times = Infinity;
  for (const kind of ["password", "identitytoken"] as const) {
    await using registry = await startScriptedRegistry([
      get(TAGS_PATH, TAGS, { when: ({ headers }) => headers["authorization"] === "Bearer t-1234" }),
      get(TAGS_PATH, challenge(bearer("/token"))),
      ...["GET", "POST"].map((method): Step => ({
        method,
        path: /^\/token/,
        times,
        reply: {
          status: 200,
          headers: { "x-token-server": "mine" },
          body: { token: "t-1234" },
        },
      })),
    ]);
    const options = kind === "password"
      ? { stdin: PASSWORD }
      : { env: identity(registry, "identitytoken") };
    const words = ["tags", `${registry.host}/app`, ...(kind === "password" ? USER : []), "-vv"];
    const run = await runCaptured(words, options);
    assert.equal(run.exitCode, 0, run.stderr);
    const url = registry.url;
    const lines = run.stderr.split("\n").filter((line) => line !== "");
    const token = lines.findIndex((line) => line.includes(`${url}/token`));
    const method = kind === "password" ? "GET" : "POST";
    assert.match(lines[token] ?? "", new RegExp(`^${method} ${url}/token\\S* 200 `));
    assert.doesNotMatch(run.stderr, /x-token-server/i);
    assert.doesNotMatch(run.stderr, /Basic|urlencoded/);
    const tags = lines.flatMap((line, i) => line.includes(`GET ${url}${TAGS_PATH} `) ? [i] : []);
    assert.equal(tags.length, 2);
    for (const at of tags) {
      assert.match(lines[at - 1] ?? "", /^> /);
      assert.match(lines[at + 1] ?? "", /^< /);
    }
    assert.match(run.stderr, /^> authorization: \*\*\*$/m);
    assert.match(run.stderr, /^< www-authenticate: Bearer realm="\/token"/m);
    // Each request's headers, its own line, and its answer's headers; of the token its line alone.
    const order = lines.map((line) => line[0]).join("");
    assert.match(order, method === "GET" ? /^>+G<+G>+G<+$/ : /^>+G<+P>+G<+$/);
  }
});
