import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { main } from "../../cli.ts";
import { runCaptured } from "../support/capture_host.ts";
import { writeCredentialHelper } from "../support/credential_helper.ts";
import { createFakeHost, type FakeOutput } from "../support/fake_host.ts";
import { startScriptedRegistry } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { challenge, dockerAuth, get, getAs, TAGS, TAGS_PATH } from "./script.ts";

const ENTRY = { auth: btoa("ann:canary") };
const OPEN = get("/v2/", { status: 200, body: {} }, { times: Infinity });
// What a helper that hangs may take to be ended, on a machine that is busy.
const MAX_MS = 10_000;

test("F22: --timeout ends a listing whose helper hangs", async () => {
  await using folder = await createTempFolder();
  await writeCredentialHelper(folder.path, "slow", { hang: true });
  await folder.write("config.json", '{"credsStore":"slow"}');
  const before = process.env["PATH"] ?? "";
  process.env["PATH"] = folder.path;
  try {
    const startedAt = performance.now();
    const run = await runCaptured(["login", "--list", "--timeout", "1s"], {
      env: { DOCKER_CONFIG: folder.path },
    });
    assert.ok(performance.now() - startedAt < MAX_MS);
    assert.deepEqual(run, {
      exitCode: 5,
      stdout: "",
      stderr: "error: Gave up after 1 s, as --timeout says\n",
      waits: [],
    });
  } finally {
    process.env["PATH"] = before;
  }
});

test("F22: --timeout holds while nobody types, and while standard input brings nothing", async () => {
  const never = new Promise<string>(() => {});
  const cases = [
    [["-u", "ann"], true],
    [[], true],
    [["-u", "ann", "--password-stdin"], false],
  ] as const;
  for (const [words, stdinIsTerminal] of cases) {
    const host = {
      ...createFakeHost(),
      args: ["login", "h.test", "--timeout", "100ms", ...words],
      stdinIsTerminal,
      ask: () => never,
      askPassword: () => never,
      readStdin: () => never,
    };
    assert.equal(await main(host), 5, words.join(" "));
    assert.equal(
      (host.stderr as FakeOutput).text,
      "error: Gave up after 0.1 s, as --timeout says\n",
    );
  }
});

test("63: a user name cannot act on the terminal, neither in the question nor behind it", async () => {
  await using folder = await createTempFolder();
  await using registry = await startScriptedRegistry([OPEN]);
  const username = "ann\x1b[2J\u202e";
  const questions: string[] = [];
  const host = {
    ...createFakeHost(),
    args: ["tags", "h.test/app", "-u", username],
    stdinIsTerminal: true,
    askPassword: (question: string) => {
      questions.push(question);
      return Promise.resolve("");
    },
  };
  assert.equal(await main(host), 2);
  assert.deepEqual(questions, ["Password for ann\\x1b[2J\\u{202e}"]);
  const env = { DOCKER_CONFIG: folder.path };
  const words = ["login", registry.host, "-u", username, "--password-stdin"];
  const run = await runCaptured(words, { env, stdin: "canary" });
  assert.deepEqual([run.exitCode, run.stdout], [
    0,
    `Logged in to ${registry.host} as ann\\x1b[2J\\u{202e}\n`,
  ]);
  const shown = run.stdout + run.stderr;
  assert.ok(!shown.includes("\x1b") && !shown.includes("\u202e"));
});

test("75: logging out of a path erases that alone, and says what remains", async () => {
  await using folder = await createTempFolder();
  const keys = ["q.test", "q.test/team", "q.test/team/app", "other.test/team"];
  const auths = Object.fromEntries(keys.map((key) => [key, ENTRY]));
  const path = await folder.write("config.json", JSON.stringify({ auths }));
  const env = { DOCKER_CONFIG: folder.path };
  const left = async () => Object.keys(JSON.parse(await readFile(path, "utf8")).auths);
  const note = (key: string) => `note: ${path} still holds credentials of ${key}\n`;
  for (const word of ["Logged out of", "Not logged in to"]) {
    const run = await runCaptured(["logout", "q.test/team"], { env });
    assert.deepEqual([run.exitCode, run.stdout], [0, `${word} q.test/team\n`]);
    assert.deepEqual(await left(), ["q.test", "q.test/team/app", "other.test/team"]);
    assert.ok(run.stderr.includes(note("q.test/team/app")), run.stderr);
    assert.doesNotMatch(run.stderr, /other\.test/);
  }
  const whole = await runCaptured(["logout", "https://q.test/"], { env });
  assert.equal(whole.stdout, "Logged out of q.test\n");
  assert.equal(whole.stderr, note("q.test/team/app"));
  assert.deepEqual(await left(), ["q.test/team/app", "other.test/team"]);
});

test("75: logging out of a path leaves the helper, which knows registries alone", async () => {
  const run = () => assert.fail("nothing is to be run");
  const path = "/home/ann/.docker/config.json";
  const files = { [path]: JSON.stringify({ credsStore: "x", auths: { "q.test/team": ENTRY } }) };
  const host = { ...createFakeHost({ files, run }), args: ["logout", "q.test/team"] };
  assert.equal(await main(host), 0);
  assert.deepEqual(JSON.parse(host.files.get(path) ?? ""), { credsStore: "x", auths: {} });
});

test("76: logging out of a file that is not there is an error where it was named", async () => {
  await using folder = await createTempFolder();
  const gone = folder.join("none.json");
  for (const name of ["q.test", "q.test/team"]) {
    const run = await runCaptured(["logout", name, "--auth-file", gone], {
      env: { DOCKER_CONFIG: folder.path },
    });
    assert.deepEqual([run.exitCode, run.stdout], [2, ""]);
    assert.match(run.stderr, /^error: Cannot read .*none\.json: there is no such file\nhint: /);
  }
});

test("69: login -o json prints one document, and its remarks as JSON", async () => {
  await using folder = await createTempFolder();
  await using registry = await startScriptedRegistry([OPEN]);
  const words = ["login", registry.host, "-u", "ann", "--password-stdin", "-o", "json"];
  const run = await runCaptured(words, { env: { DOCKER_CONFIG: folder.path }, stdin: "canary" });
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(JSON.parse(run.stdout), {
    registry: registry.host,
    username: "ann",
    source: folder.join("config.json"),
    helper: null,
  });
  const remarks = run.stderr.trimEnd().split("\n").map((line) => Object.keys(JSON.parse(line)));
  assert.deepEqual(remarks, [["warning"], ["note"]]);
  assert.doesNotMatch(run.stdout + run.stderr, /canary/);
});

test("71: login --list with a registry shows that one alone", async () => {
  const keys = ["q.test", "q.test/team", "q.test.evil", "other.test", "q.test:5000"];
  const env = dockerAuth(Object.fromEntries(keys.map((key) => [key, ENTRY])));
  for (const name of ["q.test", "Q.TEST", "https://q.test"]) {
    const run = await runCaptured(["login", "--list", name, "-o", "json"], { env });
    assert.equal(run.exitCode, 0, run.stderr);
    const { credentials } = JSON.parse(run.stdout);
    const names = credentials.map(({ registry }: { registry: string }) => registry);
    assert.deepEqual(names, ["q.test", "q.test/team"]);
  }
});

test("71: a key that says who asks is neither used nor shown", async () => {
  await using registry = await startScriptedRegistry([
    getAs(undefined, TAGS_PATH, challenge('Basic realm="x"'), { times: Infinity }),
    get(TAGS_PATH, TAGS, { times: 0 }),
  ]);
  const { host } = registry;
  for (const key of [`https://bob:pw-canary@${host}`, `bob@${host}`, `https://bob@${host}/app`]) {
    const env = dockerAuth({ [key]: ENTRY });
    const run = await runCaptured(["tags", `${host}/app`], { env });
    assert.equal(run.exitCode, 4);
    const list = await runCaptured(["login", "--list", "-o", "json"], { env });
    assert.deepEqual(JSON.parse(list.stdout), { credentials: [] });
    const table = await runCaptured(["login", "--list"], { env });
    const shown = [run, list, table].map((it) => it.stdout + it.stderr).join("");
    assert.doesNotMatch(shown, /canary|bob/);
  }
});

test("73: a registry token that cannot be sent is an error, and not shown", async () => {
  for (const registrytoken of ["canary\r\nx: y", "can ary", "canäry", "canary\0"]) {
    await using registry = await startScriptedRegistry([
      get(TAGS_PATH, challenge('Basic realm="x"'), { times: Infinity }),
    ]);
    const { host } = registry;
    const env = dockerAuth({ [host]: { registrytoken } });
    for (const words of [["tags", `${host}/app`], ["login", "--list"]]) {
      const run = await runCaptured(words, { env });
      assert.deepEqual([run.exitCode, run.stdout, run.stderr], [
        2,
        "",
        `error: Cannot use DOCKER_AUTH_CONFIG: auths["${host}"].registrytoken is not valid\n`,
      ]);
    }
  }
});
