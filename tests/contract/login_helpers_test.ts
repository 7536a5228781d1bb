import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { eraseFromHelper, listHelper, storeInHelper } from "../../core/auth/credential_helper.ts";
import { createNativeHost } from "../../core/runtime/native_host.ts";
import { assertRejects } from "../support/assert_error.ts";
import { createBinFolder } from "../support/bin_folder.ts";
import { runCaptured } from "../support/capture_host.ts";
import { writeCredentialHelper } from "../support/credential_helper.ts";
import { startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import type { TempFolder } from "../support/temp_folder.ts";
import { basic, challenge, get, getAs, TAGS } from "./script.ts";

const PASSWORD = "pä:ss wörd-canary";
const TIMES = { times: Infinity };

/** Takes ann with her password, for whatever she asks. */
const SCRIPT: readonly Step[] = [
  getAs(basic("ann", PASSWORD), "/v2/", { status: 200, body: {} }, TIMES),
  getAs(basic("ann", PASSWORD), "/v2/app/tags/list", TAGS, TIMES),
  get(/^/, challenge('Basic realm="x"'), TIMES),
];

/** Runs the program with `config` for Docker's configuration, written when it is given. */
async function run(folder: TempFolder, words: readonly string[], config?: object) {
  if (config) await folder.write("docker/config.json", JSON.stringify(config));
  const env = { DOCKER_CONFIG: folder.join("docker") };
  return await runCaptured(words, { env, stdin: PASSWORD });
}

async function readConfig(folder: TempFolder): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(folder.join("docker", "config.json"), "utf8"));
}

test("71: credHelpers before credsStore before auths, for a log-in and its end", async () => {
  await using registry = await startScriptedRegistry(SCRIPT);
  const { host } = registry;
  const old = { auth: btoa("old:secret"), email: "a@b.test" };
  const auths = { [`https://${host}/v1/`]: old, "other.test": old };
  const login = ["login", host, "-u", "ann", "--password-stdin"];
  const stored = JSON.stringify({ ServerURL: host, Username: "ann", Secret: PASSWORD });
  const cases = [
    [{ credHelpers: { [host]: "one" }, credsStore: "all", auths }, "one"],
    [{ credHelpers: { "other.test": "one" }, credsStore: "all", auths }, "all"],
    [{ credHelpers: { [host]: "" }, credsStore: "all", auths }, undefined],
  ] as const;
  for (const [config, expected] of cases) {
    await using folder = await createBinFolder();
    const helpers = {
      one: await writeCredentialHelper(folder.path, "one", { keeps: true }),
      all: await writeCredentialHelper(folder.path, "all", { keeps: true }),
    };
    const path = folder.join("docker", "config.json");
    const logIn = await run(folder, login, config);
    assert.deepEqual([logIn.exitCode, logIn.stdout], [0, `Logged in to ${host} as ann\n`]);
    const { auths: marked, ...kept } = await readConfig(folder);
    const entry = { email: "a@b.test" };
    if (expected === undefined) {
      assert.match(logIn.stderr, /not encrypted/);
      assert.match(JSON.stringify(marked), /"auth"/);
    } else {
      const program = `docker-credential-${expected}`;
      assert.equal(logIn.stderr, `note: ${program} keeps the credentials, as ${path} says\n`);
      // The secret of the file has gone, under its old spelling too.
      assert.deepEqual(marked, { [host]: entry, "other.test": old });
      assert.deepEqual(await helpers[expected].calls(), [{ args: ["store"], stdin: stored }]);
    }
    assert.deepEqual(Object.keys(kept), Object.keys(config).filter((name) => name !== "auths"));
    assert.equal((await run(folder, ["tags", `${host}/app`])).stdout, "1\n");
    for (const word of ["Logged out of", "Not logged in to"]) {
      const logOut = await run(folder, ["logout", host]);
      assert.deepEqual(logOut, { exitCode: 0, stdout: `${word} ${host}\n`, stderr: "", waits: [] });
      assert.deepEqual((await readConfig(folder))["auths"], { "other.test": old });
    }
    for (const [name, helper] of Object.entries(helpers)) {
      const calls = (await helper.calls()).map(({ args: [action], stdin }) => [action, stdin]);
      if (name !== expected) assert.deepEqual(calls, []);
      else {
        assert.deepEqual(calls, [
          ["store", stored],
          ["get", host],
          ["list", "unused"],
          ["erase", host],
          ["list", "unused"],
          ["erase", host],
        ]);
      }
    }
  }
});

test("71: helpers know Docker Hub by Docker's key, or by podman's in podman's file", async () => {
  await using folder = await createBinFolder();
  const helper = await writeCredentialHelper(folder.path, "all", { keeps: true });
  await run(folder, ["logout"], { credsStore: "all" });
  const path = await folder.write("auth.json", '{"credHelpers":{"docker.io":"all"}}');
  await runCaptured(["logout", "--auth-file", path], { env: {} });
  const erased = (await helper.calls()).filter(({ args: [action] }) => action === "erase");
  assert.deepEqual(erased.map(({ stdin }) => stdin), ["https://index.docker.io/v1/", "docker.io"]);
});

test("72: F30: a helper that fails is named, and what was stored before stays", async () => {
  const cases = [
    [
      { failsAt: ["store"], exitCode: 1, answer: "the keychain is locked\nmore" },
      "the keychain is locked",
    ],
    [{ failsAt: ["store"], exitCode: 3 }, "exit code 3"],
    [
      { failsAt: ["store"], exitCode: 1, floodBytes: 2 * 1024 * 1024 },
      "its answer is larger than 1048576 bytes",
    ],
    [
      { failsAt: ["store"], exitCode: 1, answer: "credentials not found in native keychain" },
      "credentials not found in native keychain",
    ],
  ] as const;
  for (const [options, reason] of cases) {
    await using folder = await createBinFolder();
    await using registry = await startScriptedRegistry(SCRIPT);
    const { host } = registry;
    await writeCredentialHelper(folder.path, "bad", { keeps: true, ...options });
    const config = { credsStore: "bad", auths: { [host]: { auth: btoa("old:secret") } } };
    const logIn = await run(folder, ["login", host, "-u", "ann", "--password-stdin"], config);
    assert.deepEqual(logIn, {
      exitCode: 2,
      stdout: "",
      stderr: `error: Cannot store the credentials of ${host}: ` +
        `the credential helper docker-credential-bad failed: ${reason}\n`,
      waits: [],
    });
    assert.deepEqual(await readConfig(folder), config);
  }
});

test("72: F30: a helper that cannot erase is named; the file is clean all the same", async () => {
  await using folder = await createBinFolder();
  await using registry = await startScriptedRegistry([]);
  const { host } = registry;
  await writeCredentialHelper(folder.path, "bad", {
    exitCode: 1,
    answer: "the keychain is locked",
  });
  const config = { credsStore: "bad", auths: { [host]: { auth: btoa("old:secret") } } };
  assert.deepEqual(await run(folder, ["logout", host], config), {
    exitCode: 2,
    stdout: "",
    stderr: `error: Cannot erase the credentials of ${host}: ` +
      "the credential helper docker-credential-bad failed: the keychain is locked\n",
    waits: [],
  });
  assert.deepEqual(await readConfig(folder), { credsStore: "bad", auths: {} });

  // One that keeps nothing, as those of a cloud do, has nothing to erase.
  await writeCredentialHelper(folder.path, "bad", {
    ...{ keeps: true, failsAt: ["erase"], exitCode: 1, answer: "not implemented" },
  });
  assert.equal((await run(folder, ["logout", host])).stdout, `Not logged in to ${host}\n`);
});

test("72: a missing helper and a name that is more than a word stop both", async () => {
  await using folder = await createBinFolder();
  await using registry = await startScriptedRegistry(SCRIPT);
  const { host } = registry;
  const evil = await writeCredentialHelper(folder.path, "evil", { keeps: true });
  const cases = [
    ["gone", "The credential helper docker-credential-gone is not on PATH"],
    ["../evil", 'Refused the credential helper name "../evil"'],
    [evil.path, `Refused the credential helper name ${JSON.stringify(evil.path)}`],
    ["evil;touch x", 'Refused the credential helper name "evil;touch x"'],
  ] as const;
  for (const [name, message] of cases) {
    const config = { credHelpers: { [host]: name } };
    for (const words of [["login", host, "-u", "ann", "--password-stdin"], ["logout", host]]) {
      const { exitCode, stdout, stderr } = await run(folder, words, config);
      assert.deepEqual([exitCode, stdout, stderr.split("\n")[0]], [2, "", `error: ${message}`]);
      assert.deepEqual(await readConfig(folder), config);
    }
  }
  assert.deepEqual(await evil.calls(), []);
  assert.ok(!(await readdir(folder.path)).includes("x"));
});

test("72: F30: a helper that hangs is ended whatever it is asked", async () => {
  await using folder = await createBinFolder();
  await writeCredentialHelper(folder.path, "slow", { hang: true });
  const native = createNativeHost();
  const host: typeof native = {
    ...native,
    run: (program, args, options) => {
      assert.equal(options.timeoutMs, 30_000);
      return native.run(program, args, { ...options, timeoutMs: 200 });
    },
  };
  const secret = { serverUrl: "h.test", username: "ann", secret: "canary" };
  const late = /docker-credential-slow failed: no answer within 0\.2 s$/;
  await assertRejects(() => storeInHelper(host, "slow", secret), "CONFIG", late);
  await assertRejects(() => eraseFromHelper(host, "slow", "h.test"), "CONFIG", late);
  await assertRejects(() => listHelper(host, "slow"), "CONFIG", late);
});

test("74: what a helper stores comes on its standard input alone, whatever is in it", async () => {
  await using folder = await createBinFolder();
  const helper = await writeCredentialHelper(folder.path, "all", { keeps: true });
  for (const secret of ['quo"te \\ $(id) `id`', "line\nbreak\n", "日本 \u{1f511}", "-x"]) {
    const kept = { serverUrl: "h.test", username: "a nn", secret };
    await storeInHelper(createNativeHost(), "all", kept);
    const [call] = (await helper.calls()).slice(-1);
    assert.deepEqual(call?.args, ["store"]);
    assert.deepEqual(JSON.parse(call?.stdin ?? ""), {
      ServerURL: "h.test",
      Username: "a nn",
      Secret: secret,
    });
  }
});

test("75: logging in with a wrong password runs no helper", async () => {
  await using folder = await createBinFolder();
  await using registry = await startScriptedRegistry(SCRIPT);
  const helper = await writeCredentialHelper(folder.path, "all", { keeps: true });
  const config = { credsStore: "all" };
  const logIn = await run(
    folder,
    ["login", registry.host, "-u", "bob", "--password-stdin"],
    config,
  );
  assert.equal(logIn.exitCode, 4);
  assert.deepEqual(await helper.calls(), []);
  assert.deepEqual(await readConfig(folder), config);
});

test("75: an identity token goes to the helper under its user name", async () => {
  await using folder = await createBinFolder();
  const helper = await writeCredentialHelper(folder.path, "all", { keeps: true });
  await using registry = await startScriptedRegistry([
    get("/v2/", challenge('Bearer realm="/token",service="s"')),
    { method: "POST", path: "/token", reply: { status: 200, body: { token: "t1" } } },
    getAs("Bearer t1", "/v2/", { status: 200, body: {} }),
  ]);
  const words = ["login", registry.host, "-u", "<token>", "--password-stdin"];
  assert.equal((await run(folder, words, { credsStore: "all" })).exitCode, 0);
  const [call] = await helper.calls();
  assert.deepEqual(JSON.parse(call?.stdin ?? ""), {
    ServerURL: registry.host,
    Username: "<token>",
    Secret: PASSWORD,
  });
});

test("71: login --list shows who is logged in where, in the order of use, and no secret", async () => {
  await using folder = await createBinFolder();
  const native = createNativeHost();
  const keep = async (name: string, entries: readonly (readonly [string, string])[]) => {
    await writeCredentialHelper(folder.path, name, { keeps: true });
    for (const [serverUrl, username] of entries) {
      await storeInHelper(native, name, { serverUrl, username, secret: "canary" });
    }
  };
  await keep("one", [["one.test", "one"], ["elsewhere.test", "nobody"]]);
  await keep("all", [
    ["https://index.docker.io/v1/", "hub"],
    ["one.test", "not asked"],
    ["token.test", "<token>"],
  ]);
  await writeCredentialHelper(folder.path, "bad", {
    exitCode: 1,
    answer: "the keychain is locked",
  });
  const auth = (user: string) => ({ auth: btoa(`${user}:canary`) });
  const docker = await folder.write(
    "docker/config.json",
    JSON.stringify({
      credsStore: "all",
      credHelpers: { "one.test": "one", "bad.test": "bad", "file.test": "" },
      auths: {
        "file.test": auth("file"),
        "https://file.test/v1/": auth("old"),
        "one.test": auth("replaced"),
        "https://index.docker.io/v1/": {},
      },
    }),
  );
  const session = await folder.write(
    "run/containers/auth.json",
    JSON.stringify({
      auths: {
        "docker.io/library/x": auth("shadowed"),
        "q.test/team": auth("team"),
        "file.test": auth("late"),
        "id.test": { identitytoken: "canary" },
        "reg.test": { registrytoken: "canary" },
      },
    }),
  );
  const env = {
    DOCKER_CONFIG: folder.join("docker"),
    XDG_RUNTIME_DIR: folder.join("run"),
    DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { "ci.test": auth("ci\u001b") } }),
  };
  const warning = "Cannot list credentials: the credential helper docker-credential-bad failed: " +
    "the keychain is locked";
  const table = await runCaptured(["login", "--list"], { env });
  const rows = [
    ["REGISTRY", "USER", "SOURCE"],
    ["ci.test", "ci\\x1b", "DOCKER_AUTH_CONFIG"],
    ["one.test", "one", "docker-credential-one"],
    ["docker.io", "hub", "docker-credential-all"],
    ["token.test", "<token>", "docker-credential-all (identity token)"],
    ["file.test", "file", docker],
    ["q.test/team", "team", session],
    ["id.test", "", `${session} (identity token)`],
    ["reg.test", "", `${session} (registry token)`],
  ];
  assert.deepEqual([table.exitCode, table.stderr], [0, `warning: ${warning}\n`]);
  const cells = table.stdout.trimEnd().split("\n").map((line) => line.split(/ {2,}/));
  assert.deepEqual(cells.map((line) => line.length === 3 ? line : [line[0], "", line[1]]), rows);

  const json = await runCaptured(["login", "--list", "-o", "json"], { env });
  assert.equal(json.stderr, `${JSON.stringify({ warning })}\n`);
  const { credentials } = JSON.parse(json.stdout);
  assert.equal(credentials.length, 10);
  assert.deepEqual(credentials[3], {
    registry: "token.test",
    username: "<token>",
    kind: "identityToken",
    source: docker,
    helper: "docker-credential-all",
    used: true,
  });
  const unused = credentials.filter(({ used }: { used: boolean }) => !used);
  assert.deepEqual(unused.map(({ registry }: { registry: string }) => registry), [
    "docker.io/library/x",
    "file.test",
  ]);
  assert.doesNotMatch(table.stdout + json.stdout, /canary/);

  const one = await runCaptured(["login", "--list", "q.test"], { env });
  assert.match(one.stdout, /^REGISTRY +USER +SOURCE\nq\.test\/team +team +.*\n$/);
  const none = { DOCKER_CONFIG: folder.join("none") };
  assert.equal(
    (await runCaptured(["login", "--list"], { env: none })).stdout,
    "REGISTRY  USER  SOURCE\n",
  );
});
