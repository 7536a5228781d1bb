import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import { type CapturedRunOptions, runCaptured } from "../support/capture_host.ts";
import {
  type RecordedRequest,
  startScriptedRegistry,
  type Step,
} from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import {
  blobStep,
  CONFIG,
  type Content,
  content,
  image,
  LAYER,
  manifestStep,
  serve,
} from "./oci_content.ts";
import { absent, begin, finish } from "./push_script.ts";
import { basic, challenge, dockerAuth, get, TAGS, TAGS_PATH } from "./script.ts";

const IMAGE = image();
const HEAD: Step = { ...manifestStep("1", serve(IMAGE)), method: "HEAD" };

/** A command of this kind asks a registry; what it is told when all goes well. */
interface Case {
  /** `HOST` is the registry, `FILE` a file that holds {@linkcode LAYER} or {@linkcode IMAGE}. */
  readonly words: readonly string[];
  readonly script: readonly Step[];
  readonly file?: Content;
  /** It takes `-o json`. */
  readonly json?: boolean;
  /** It reports each thing on standard output, also what failed. Default: false. */
  readonly reports?: boolean;
}

const CASES: readonly Case[] = [
  { words: ["manifest", "HOST/app:1"], script: [manifestStep("1", serve(IMAGE))], json: true },
  {
    words: ["manifest", "HOST/app:1", "-o", "table"],
    script: [manifestStep("1", serve(IMAGE)), blobStep(CONFIG)],
  },
  { words: ["manifest", "HOST/app:1", "--head"], script: [HEAD], json: true },
  { words: ["digest", "HOST/app:1"], script: [HEAD] },
  {
    words: ["config", "HOST/app:1"],
    script: [manifestStep("1", serve(IMAGE)), blobStep(CONFIG)],
    json: true,
  },
  { words: ["blob", `HOST/app@${LAYER.digest}`, "--output", "-"], script: [blobStep(LAYER)] },
  {
    words: ["blob", `HOST/app@${LAYER.digest}`, "--head"],
    script: [{ ...blobStep(LAYER), method: "HEAD" }],
  },
  {
    words: ["put-blob", "HOST/app", "FILE"],
    script: [absent(LAYER.digest), begin("/up/1"), finish("/up/1", { status: 201 }, LAYER.digest)],
    file: LAYER,
    json: true,
  },
  {
    words: ["put-manifest", "HOST/app:1", "FILE"],
    script: [{ method: "PUT", path: "/v2/app/manifests/1", reply: { status: 201 } }],
    file: IMAGE,
    json: true,
  },
  { words: ["login", "HOST"], script: [get("/v2/", { status: 200, body: {} })] },
  {
    words: ["delete", "HOST/app:1", "--yes"],
    script: [
      get(TAGS_PATH, TAGS),
      HEAD,
      manifestStep("1", serve(IMAGE)),
      { method: "DELETE", path: "/v2/app/manifests/1", reply: { status: 202 } },
      get(TAGS_PATH, { status: 200, body: { name: "app", tags: [] } }),
    ],
    json: true,
    reports: true,
  },
  {
    words: ["prune", "HOST/app", "--keep", "1"],
    script: [get(TAGS_PATH, TAGS), manifestStep("1", serve(IMAGE)), blobStep(CONFIG)],
    json: true,
  },
  {
    words: ["apply", "FILE", "--yes", "--allow-empty", "--max-delete", "1"],
    script: [
      get(TAGS_PATH, TAGS),
      manifestStep("1", serve(IMAGE)),
      get(TAGS_PATH, TAGS),
      { method: "DELETE", path: `/v2/app/manifests/${IMAGE.digest}`, reply: { status: 202 } },
      get(TAGS_PATH, { status: 200, body: { name: "app", tags: [] } }),
    ],
    file: content({
      ...{ kind: "regctl.plan", version: 1, createdAt: "2026-01-02T03:04:05.678Z" },
      repositories: [{
        repository: "HOST/app",
        tags: [{ tag: "1", digest: IMAGE.digest, action: "delete", rule: "keep", reason: "old" }],
        manifests: [{ ...IMAGE, bytes: undefined, tags: ["1"], after: [] }],
      }],
    }, "application/json"),
    json: true,
    reports: true,
  },
];

/** Runs a command as ann on a registry that follows `script`. */
async function runCase(
  { words, file }: Case,
  script: readonly Step[],
  more: readonly string[],
  options: CapturedRunOptions,
) {
  await using folder = await createTempFolder();
  await using registry = await startScriptedRegistry(script);
  const path = await folder.write(
    "content",
    // A plan names the registry.
    words[0] === "apply" ? String(file?.bytes).replace("HOST", registry.host) : file?.bytes ?? "",
  );
  const args = words.map((word) => word.replace("HOST", registry.host).replace("FILE", path));
  const who = words[0] === "login" || options.stdin !== undefined
    ? ["-u", "ann", "--password-stdin"]
    : [];
  const run = await runCaptured([...args, ...who, "--retries", "0", ...more], {
    ...options,
    env: {
      DOCKER_CONFIG: folder.join("docker"),
      XDG_STATE_HOME: folder.join("state"),
      ...options.env,
    },
  });
  return { ...run, names: await readdir(folder.path) };
}

const CANARY = "canary";
const PASSWORD = 'canary: pä"ss/wörd+';
const ECHO = [PASSWORD, encodeURIComponent(PASSWORD), basic("ann", PASSWORD)].join(" ");
/** The same where only ASCII may stand. */
const HEADER_ECHO = `${encodeURIComponent(PASSWORD)} ${basic("ann", PASSWORD)} canary-token`;
const ASKS = challenge('Bearer realm="/token?key=canary",service="s"');
const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE"];
const isKnown = ({ headers }: RecordedRequest) => headers["authorization"] !== undefined;
const TOKEN: Step = get(/^\/token/, { status: 200, body: { token: "canary-token" } }, {
  times: Infinity,
});

/** A registry that sends back all it knows, wherever it can. */
function echoing(status: number): Step[] {
  const reply = {
    status,
    headers: {
      "content-type": `application/json; x=${HEADER_ECHO}`,
      "docker-content-digest": `sha256:${HEADER_ECHO}`,
      "location": `/up/1?sig=canary&x=${encodeURIComponent(HEADER_ECHO)}`,
      "set-cookie": "canary=canary",
    },
    body: { errors: [{ code: "DENIED", message: `${ECHO} canary-token` }] },
  };
  return [
    TOKEN,
    ...METHODS.flatMap((method): Step[] => [
      { method, path: /^/, when: isKnown, reply, times: Infinity },
      { method, path: /^/, reply: ASKS, times: Infinity },
    ]),
  ];
}

for (const it of CASES) {
  const name = it.words.map((word) => word.replace(/@.*/, "@…")).join(" ");

  test(`64: ${name}: no secret is shown, however the run ends`, async () => {
    const levels = [[], ["-vv"], ["-vv", "--debug"], ...(it.json ? [["-vv", "-o", "json"]] : [])];
    for (const level of levels) {
      const assertSilent = (run: Awaited<ReturnType<typeof runCase>>, what: string) => {
        const shown = run.stdout + run.stderr;
        assert.doesNotMatch(shown, new RegExp(CANARY, "i"), `${what} ${level}\n${shown}`);
        assert.ok(!shown.includes(btoa("ann:canary").slice(0, 12)), `${what} ${level}\n${shown}`);
      };
      // All goes well, behind a challenge.
      const asked = it.script.map((step) => ({ ...step, when: isKnown }));
      const first = it.script.map(({ method, path }) => ({ method, path, reply: ASKS, times: 9 }));
      const good = await runCase(it, [...asked, TOKEN, ...first], level, { stdin: PASSWORD });
      assert.equal(good.exitCode, 0, good.stderr);
      assertSilent(good, "good");
      for (const status of [200, 201, 202, 307, 400, 401, 403, 404, 405, 416, 429, 500]) {
        const run = await runCase(it, echoing(status), level, { stdin: PASSWORD });
        assertSilent(run, String(status));
        if (status > 307) assert.notEqual(run.exitCode, 0);
      }
    }
  });

  test(`63: ${name}: what a registry sends cannot act on the terminal`, async () => {
    const message = "\x1b[2J\x9b2J\u202e\r\nerror: mine";
    const codes = { errors: [{ code: "X\x1b]0;t\x07", message }] };
    const hostile = { "content-type": "text/\x9b2J", "docker-content-digest": "sha256:\x9b2J" };
    for (const isTerminal of [true, false]) {
      for (const [status, body] of [[404, codes], [403, message], [200, message]] as const) {
        const any = METHODS.map((method) => ({
          ...{ method, path: /^/, times: Infinity },
          reply: { status, headers: hostile, body },
        }));
        const run = await runCase(it, any, ["-vv"], {
          ...(it.words[0] === "login" && { stdin: "x" }),
          ...{ isTerminal, env: { NO_COLOR: "1" } },
        });
        assert.notEqual(run.exitCode, 0, run.stderr);
        if (!it.reports) assert.equal(run.stdout, "");
        const stderr = run.stderr.replaceAll("\r\x1b[K", "");
        // deno-lint-ignore no-control-regex
        assert.doesNotMatch(run.stdout + stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
        assert.equal(stderr.match(/^error: /gm)?.length, 1, stderr);
      }
    }
  });

  test(`65: ${name}: no ANSI off a terminal; results and errors keep to their streams`, async () => {
    const options = it.words[0] === "login" ? { stdin: "x" } : {};
    for (const env of [{}, { FORCE_COLOR: "1", CLICOLOR_FORCE: "1" }]) {
      const good = await runCase(it, it.script, [], { ...options, env });
      assert.equal(good.exitCode, 0, good.stderr);
      assert.notEqual(good.stdout, "");
      const bad = await runCase(it, [], [], { ...options, env });
      assert.deepEqual([bad.exitCode, bad.stdout], [5, ""], bad.stderr);
      assert.match(bad.stderr, /^error: [^\n]+\n(hint: [^\n]+\n)?$/m);
      assert.ok(!(good.stdout + good.stderr + bad.stderr).includes("\x1b"));
    }
  });

  if (!it.json) continue;

  test(`65: ${name}: -o json is one document, in an error too`, async () => {
    const good = await runCase(it, it.script, ["-o", "json"], {});
    assert.equal(good.stderr, "");
    assert.equal(typeof JSON.parse(good.stdout), "object");
    const status = { status: 403, body: { errors: [{ code: "DENIED", message: "no\x1b\n" }] } };
    const refuses = METHODS.map((method) => ({
      ...{ method, path: /^/, times: Infinity },
      reply: status,
    }));
    const bad = await runCase(it, refuses, ["-o", "json"], {});
    assert.equal(bad.stdout, "");
    assert.match(bad.stderr, /^[ -~]+\n$/);
    const { error } = JSON.parse(bad.stderr);
    assert.deepEqual([error.code, error.exitCode, bad.exitCode], ["DENIED", 4, 4]);
  });
}

test("64: prune: why a tag stays tells no secret", async () => {
  const refusal = {
    status: 403,
    body: { errors: [{ code: "DENIED", message: `${ECHO} canary-token` }] },
  };
  for (const output of ["table", "json"]) {
    const asked = [get(TAGS_PATH, TAGS), manifestStep("1", serve(IMAGE))];
    const script = [
      TOKEN,
      ...asked.map((step) => ({ ...step, when: isKnown })),
      { ...blobStep(CONFIG), when: isKnown, reply: refusal },
      ...["tags/list", "manifests/1", `blobs/${CONFIG.digest}`].map((path) =>
        get(`/v2/app/${path}`, ASKS, { times: 9 })
      ),
    ];
    const it = { words: ["prune", "HOST/app", "--keep-within", "1d"], script };
    const run = await runCase(it, script, ["-o", output], { stdin: PASSWORD });
    assert.equal(run.exitCode, 0, run.stderr);
    assert.match(run.stdout, /its configuration cannot be read/);
    assert.doesNotMatch(run.stdout + run.stderr, new RegExp(CANARY, "i"));
  }
});

test("63: who is logged in, and who was, is shown escaped", async () => {
  const evil = "a\x1b[2J\x9b2J\u202e";
  await using folder = await createTempFolder();
  await using registry = await startScriptedRegistry([get("/v2/", { status: 200, body: {} })]);
  const env = { DOCKER_CONFIG: folder.join(`d${evil}`) };
  const words = ["login", registry.host, "-u", evil, "--password-stdin"];
  const run = await runCaptured(words, { stdin: "x", env });
  assert.equal(run.exitCode, 0, run.stderr);
  const shown = [run.stdout + run.stderr];
  const stored = { [`h${evil}.test`]: { auth: btoa("ann:x") } };
  for (const more of [["--list"], ["--list", "-o", "json"]]) {
    const list = await runCaptured(["login", ...more], {
      env: { ...env, ...dockerAuth(stored) },
      isTerminal: true,
    });
    assert.equal(list.exitCode, 0, list.stderr);
    if (more.length > 1) assert.equal(JSON.parse(list.stdout).credentials.length, 2);
    shown.push(list.stdout + list.stderr);
  }
  const out = await runCaptured(["logout", registry.host], { env });
  shown.push(out.stdout + out.stderr);
  // deno-lint-ignore no-control-regex
  for (const text of shown) assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  assert.match(shown.join(""), /as a\\x1b\[2J\\x9b2J\\u\{202e\}/);
});

test("63: config: what an image says is valid JSON without control characters", async () => {
  const evil = "\u009b2J\u202e\u001b[2J";
  const config = content({ os: evil, config: { Env: [evil] } }, CONFIG.mediaType);
  const what = image({ config: { ...config, bytes: undefined } });
  await using registry = await startScriptedRegistry([
    manifestStep("1", serve(what)),
    blobStep(config),
  ]);
  const run = await runCaptured(["config", `${registry.host}/app:1`], { isTerminal: true });
  assert.deepEqual(JSON.parse(run.stdout), JSON.parse(String(config.bytes)));
  assert.match(run.stdout, /^[\n -~]+$/);
});

test("65: login --list -o json and logout: one document each, in an error too", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("config.json", "{");
  const env = { DOCKER_CONFIG: folder.path };
  const list = await runCaptured(["login", "--list", "-o", "json"], { env });
  assert.deepEqual([list.exitCode, list.stdout], [2, ""]);
  assert.equal(JSON.parse(list.stderr).error.message, `Cannot read ${path}: it is not JSON`);
  const out = await runCaptured(["logout", "a.test"], { env, isTerminal: true });
  assert.deepEqual([out.exitCode, out.stdout], [2, ""]);
});
