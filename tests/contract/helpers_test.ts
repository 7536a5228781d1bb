import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { askCredentialHelper } from "../../core/auth/credential_helper.ts";
import { createNativeHost } from "../../core/runtime/native_host.ts";
import { createBinFolder } from "../support/bin_folder.ts";
import { runCaptured } from "../support/capture_host.ts";
import { writeCredentialHelper } from "../support/credential_helper.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../support/scripted_registry.ts";
import type { TempFolder } from "../support/temp_folder.ts";
import { basic, bearer, challenge, get, getAs, logOf, TAGS, TAGS_PATH } from "./script.ts";

const BASIC = challenge('Basic realm="x"');

/** Writes a configuration into the folder and lists the tags with it. */
async function runTags(folder: TempFolder, registry: ScriptedRegistry, config: object) {
  await folder.write("config.json", JSON.stringify(config));
  const env = { DOCKER_CONFIG: folder.path };
  return await runCaptured(["tags", `${registry.host}/app`], { env });
}

test("71: credHelpers before credsStore before auths", async () => {
  await using folder = await createBinFolder();
  const one = await writeCredentialHelper(folder.path, "one", {
    answer: { ServerURL: "x", Username: "one", Secret: "s:1" },
  });
  const all = await writeCredentialHelper(folder.path, "all", {
    answer: { Username: "all", Secret: "s:2" },
  });
  await using registry = await startScriptedRegistry([
    getAs(undefined, TAGS_PATH, BASIC, { times: Infinity }),
    get(TAGS_PATH, TAGS, { times: Infinity }),
  ]);
  const auths = { [registry.host]: { auth: Buffer.from("file:s:3").toString("base64") } };
  const cases = [
    [{ credHelpers: { [registry.host]: "one" }, credsStore: "all", auths }, basic("one", "s:1")],
    [{ credHelpers: { "other.test": "one" }, credsStore: "all", auths }, basic("all", "s:2")],
    [{ credHelpers: { [registry.host]: "" }, credsStore: "all", auths }, basic("file", "s:3")],
    [{ credsStore: "", auths }, basic("file", "s:3")],
  ] as const;
  for (const [config, authorization] of cases) {
    const run = await runTags(folder, registry, config);
    assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
    assert.equal(registry.requests.at(-1)?.headers["authorization"], authorization);
  }
  const call = { args: ["get"], stdin: registry.host };
  assert.deepEqual(await one.calls(), [call]);
  assert.deepEqual(await all.calls(), [call]);
});

test("72: the helper's own word for none means anonymous, not the file", async () => {
  await using folder = await createBinFolder();
  await writeCredentialHelper(folder.path, "none", {
    answer: "credentials not found in native keychain\n",
    exitCode: 1,
  });
  await using registry = await startScriptedRegistry([
    getAs(undefined, TAGS_PATH, challenge(bearer("/token"))),
    getAs(undefined, /^\/token\?service=registry.test&scope=[^&]*$/, {
      status: 200,
      body: { token: "t1" },
    }),
    getAs("Bearer t1", TAGS_PATH, TAGS),
  ]);
  const auths = { [registry.host]: { auth: Buffer.from("file:secret").toString("base64") } };
  const run = await runTags(folder, registry, { credsStore: "none", auths });
  assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
  registry.assertDone();
});

test("14: the user <token> of a helper brings an identity token", async () => {
  await using folder = await createBinFolder();
  await writeCredentialHelper(folder.path, "idp", {
    answer: { Username: "<token>", Secret: "identity-token" },
  });
  await using tokens = await startScriptedRegistry([
    { method: "POST", path: "/token", reply: { status: 200, body: { access_token: "t1" } } },
  ]);
  await using registry = await startScriptedRegistry([
    get(TAGS_PATH, challenge(bearer(`${tokens.url}/token`, "a:b:c d:e:f"))),
    getAs("Bearer t1", TAGS_PATH, TAGS),
  ]);
  const run = await runTags(folder, registry, { credHelpers: { [registry.host]: "idp" } });
  assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
  assert.deepEqual(logOf(tokens), [
    "POST /token grant_type=refresh_token&service=registry.test&client_id=regctl&scope=a%3Ab%3Ac+d%3Ae%3Af&refresh_token=identity-token",
  ]);
  assert.doesNotMatch(JSON.stringify(registry.requests), /identity-token/);
  registry.assertDone();
});

test("72: F30: a helper that fails is named, and nothing more is asked of the registry", async () => {
  const large = 2 * 1024 * 1024;
  const odd = "its answer is not understood";
  const cases = [
    [{ answer: "the keychain is locked\nmore", exitCode: 1 }, "the keychain is locked"],
    [{ exitCode: 3 }, "exit code 3"],
    [{ answer: "canary" }, odd],
    [{ answer: "" }, odd],
    [{ answer: "null" }, odd],
    [{ answer: ["canary"] }, odd],
    [{ answer: { Username: "canary" } }, odd],
    [{ answer: { Username: "canary", Secret: 7 } }, odd],
    [{ floodBytes: large }, "its answer is larger than 1048576 bytes"],
    [{ floodBytes: large, exitCode: 1 }, "its answer is larger than 1048576 bytes"],
  ] as const;
  for (const [helper, reason] of cases) {
    await using folder = await createBinFolder();
    await writeCredentialHelper(folder.path, "bad", helper);
    await using registry = await startScriptedRegistry([get(TAGS_PATH, BASIC)]);
    const run = await runTags(folder, registry, { credsStore: "bad" });
    const stderr =
      `error: The credential helper docker-credential-bad failed for ${registry.host}: ${reason}\n`;
    assert.deepEqual(run, { exitCode: 4, stdout: "", stderr, waits: [] }, JSON.stringify(helper));
    assert.deepEqual(logOf(registry), [`GET ${TAGS_PATH}`]);
  }
});

test("72: F30: a helper that hangs is ended", async () => {
  await using folder = await createBinFolder();
  const helper = await writeCredentialHelper(folder.path, "slow", { hang: true });
  const native = createNativeHost();
  const host: typeof native = {
    ...native,
    run: (program, args, options) => {
      assert.equal(options.timeoutMs, 30_000);
      return native.run(program, args, { ...options, timeoutMs: 200 });
    },
  };
  await assert.rejects(askCredentialHelper(host, "slow", "registry.test"), {
    code: "UNAUTHORIZED",
    message:
      "The credential helper docker-credential-slow failed for registry.test: no answer within 0.2 s",
  });
  assert.ok((await helper.calls()).length <= 1);
});

test("72: a missing helper is an error, not an anonymous request", async () => {
  await using folder = await createBinFolder();
  await using registry = await startScriptedRegistry([get(TAGS_PATH, challenge(bearer("/token")))]);
  const auths = { [registry.host]: { auth: Buffer.from("file:secret").toString("base64") } };
  const run = await runTags(folder, registry, { credsStore: "gone", auths });
  assert.deepEqual(run, {
    exitCode: 2,
    stdout: "",
    stderr: "error: The credential helper docker-credential-gone is not on PATH\n" +
      'hint: Install it, or remove "gone" from credHelpers and credsStore in Docker\'s config.json\n',
    waits: [],
  });
  assert.deepEqual(logOf(registry), [`GET ${TAGS_PATH}`]);
});

test("72: a name that is more than a word runs nothing", async () => {
  await using folder = await createBinFolder();
  const helper = await writeCredentialHelper(folder.path, "evil", {
    answer: { Username: "a", Secret: "b" },
  });
  const names = [
    "../evil",
    "../../docker-credential-evil",
    helper.path,
    "a b",
    "evil;touch x",
    "-evil",
    ".evil",
    "evil\n",
    "$(evil)",
    "x/../evil",
    "évil",
  ];
  for (const name of names) {
    await using registry = await startScriptedRegistry([get(TAGS_PATH, BASIC)]);
    const run = await runTags(folder, registry, { credHelpers: { [registry.host]: name } });
    assert.deepEqual(run, {
      exitCode: 2,
      stdout: "",
      stderr: `error: Refused the credential helper name ${JSON.stringify(name)}\n` +
        "hint: Write the part behind docker-credential- alone, such as pass or ecr-login\n",
      waits: [],
    });
    assert.deepEqual(logOf(registry), [`GET ${TAGS_PATH}`]);
  }
  assert.deepEqual(await helper.calls(), []);
});
