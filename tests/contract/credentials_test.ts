import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdir } from "node:fs/promises";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { basic, challenge, dockerAuth, get, getAs, logOf, TAGS, TAGS_PATH } from "./script.ts";

const WARNING =
  "warning: -p shows the password to other users of this machine; --password-stdin does not\n";

/** Asks for Basic and is content with anybody. */
function startBasicRegistry(): Promise<ScriptedRegistry> {
  return startScriptedRegistry([
    getAs(undefined, TAGS_PATH, challenge('Basic realm="x"')),
    get(TAGS_PATH, TAGS),
  ]);
}

/** The base64 of `user:password` that Docker writes. */
function encodeAuth(user: string, password: string): string {
  return Buffer.from(`${user}:${password}`).toString("base64");
}

test("74: the password of the flags, of standard input and of the prompt", async () => {
  const cases = [
    [["-p", "pa:ss wört"], {}, WARNING],
    [["-p", "pa:ss wört", "--quiet"], {}, ""],
    [["--password-stdin"], { stdin: "pa:ss wört\n" }, ""],
    [["--password-stdin"], { stdin: "pa:ss wört\r\n" }, ""],
    [["--password-stdin"], { stdin: "pa:ss wört" }, ""],
    [[], { typedPassword: "pa:ss wört" }, ""],
  ] as const;
  for (const [flags, options, stderr] of cases) {
    await using registry = await startBasicRegistry();
    const run = await runCaptured(["tags", `${registry.host}/app`, "-u", "ann", ...flags], options);
    assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr, waits: [] });
    const second = `GET ${TAGS_PATH} ${basic("ann", "pa:ss wört")}`;
    assert.deepEqual(logOf(registry), [`GET ${TAGS_PATH}`, second]);
  }
});

test("74: credentials that are incomplete are an error before any request", async () => {
  await using registry = await startScriptedRegistry([]);
  const name = "error: A password needs a user name\nhint: Add -u USER\n";
  const cases = [
    [
      ["-u", "ann"],
      {},
      "error: A user name needs a password\nhint: Pipe it in with --password-stdin\n",
    ],
    [["-p", "secret"], {}, WARNING + name],
    [["--password-stdin"], { stdin: "secret" }, name],
    [
      ["-u", "ann", "-p", "secret", "--password-stdin"],
      { stdin: "secret" },
      `${WARNING}error: Give -p or --password-stdin, not both\n`,
    ],
    [
      ["-u", "ann", "--password-stdin"],
      { stdin: "\n" },
      "error: The password from --password-stdin is empty\n",
    ],
    [["-u", "ann", "-p", ""], {}, `${WARNING}error: The password from -p is empty\n`],
    [["-u", "ann"], { typedPassword: "" }, "error: The password from the prompt is empty\n"],
  ] as const;
  for (const [flags, options, stderr] of cases) {
    const run = await runCaptured(["tags", `${registry.host}/app`, ...flags], options);
    assert.deepEqual(run, { exitCode: 2, stdout: "", stderr, waits: [] }, flags.join(" "));
  }
  assert.deepEqual(logOf(registry), []);
});

test("71: flags before DOCKER_AUTH_CONFIG before DOCKER_CONFIG before the home folder", async () => {
  await using folder = await createTempFolder();
  await using registry = await startScriptedRegistry([
    getAs(undefined, TAGS_PATH, challenge('Basic realm="x"'), { times: Infinity }),
    get(TAGS_PATH, TAGS, { times: Infinity }),
  ]);
  const auths = (user: string, host = registry.host) =>
    JSON.stringify({ auths: { [host]: { auth: encodeAuth(user, "pw") } } });
  await folder.write("home/.docker/config.json", auths("home"));
  await folder.write("docker/config.json", auths("docker"));
  await mkdir(folder.join("empty"));
  const home = { HOME: folder.join("home") };
  const docker = { ...home, DOCKER_CONFIG: folder.join("docker") };
  const cases: (readonly [Record<string, string>, readonly string[], string | undefined])[] = [
    [home, [], "home"],
    [docker, [], "docker"],
    [{ ...docker, DOCKER_AUTH_CONFIG: auths("inline") }, [], "inline"],
    [{ ...docker, DOCKER_AUTH_CONFIG: auths("inline", "other.test") }, [], "docker"],
    [{ ...docker, DOCKER_AUTH_CONFIG: "{}" }, [], "docker"],
    [
      { ...docker, DOCKER_AUTH_CONFIG: auths("inline") },
      ["-u", "flag", "--password-stdin"],
      "flag",
    ],
    [{ ...home, DOCKER_CONFIG: folder.join("empty") }, [], undefined],
  ];
  for (const [env, flags, user] of cases) {
    const before = registry.requests.length;
    const words = ["tags", `${registry.host}/app`, ...flags];
    const run = await runCaptured(words, { env, stdin: "pw" });
    const sent = registry.requests.slice(before).map(({ headers }) => headers["authorization"]);
    assert.deepEqual(sent, user === undefined ? [undefined] : [undefined, basic(user, "pw")]);
    assert.equal(run.exitCode, user === undefined ? 4 : 0);
  }
});

test("71: entries of auths: their keys, their forms, and the empty one", async () => {
  const pw = "p:ä:";
  const cases: (readonly [string, object, string | undefined])[] = [
    ["HOST", { auth: encodeAuth("ann", pw) }, basic("ann", pw)],
    ["HOST", { auth: encodeAuth("ann", `${pw}\0\0`) }, basic("ann", pw)],
    ["HOST", { username: "ann", password: pw }, basic("ann", pw)],
    ["https://HOST/v1/", { auth: encodeAuth("ann", pw) }, basic("ann", pw)],
    ["http://HOST", { auth: encodeAuth("ann", pw) }, basic("ann", pw)],
    ["HOST", {}, undefined],
    ["HOST", { auth: "", email: "a@b.test" }, undefined],
    ["127.0.0.1", { auth: encodeAuth("ann", pw) }, undefined],
    ["https://index.docker.io/v1/", { auth: encodeAuth("ann", pw) }, undefined],
  ];
  for (const [key, entry, authorization] of cases) {
    await using registry = await startScriptedRegistry([
      getAs(undefined, TAGS_PATH, challenge('Basic realm="x"')),
      getAs(authorization ?? "-", TAGS_PATH, TAGS, { times: authorization === undefined ? 0 : 1 }),
    ]);
    const env = dockerAuth({ [key.replace("HOST", registry.host)]: entry });
    const run = await runCaptured(["tags", `${registry.host}/app`], { env });
    assert.equal(run.exitCode, authorization === undefined ? 4 : 0, JSON.stringify([key, entry]));
    registry.assertDone();
  }
});

test("73: a configuration that cannot be used is named, never shown", async () => {
  await using folder = await createTempFolder();
  const path = folder.join("config.json");
  const env = { DOCKER_CONFIG: folder.path };
  const cases = [
    ["{canary", `Cannot read ${path}: it is not JSON`],
    ["[]", `Cannot read ${path}: it is not a JSON object`],
    ['"canary"', `Cannot read ${path}: it is not a JSON object`],
    ['{"auths":["canary"]}', `Cannot use ${path}: auths is not an object`],
    ['{"credHelpers":"canary"}', `Cannot use ${path}: credHelpers is not an object`],
    ['{"credsStore":7}', `Cannot use ${path}: credsStore is not a text`],
    ['{"credHelpers":{"HOST":7}}', `Cannot use ${path}: credHelpers["HOST"] is not a text`],
    ['{"auths":{"HOST":"canary"}}', `Cannot use ${path}: auths["HOST"] is not an object`],
    [
      '{"auths":{"HOST":{"auth":"canary!"}}}',
      `Cannot use ${path}: auths["HOST"].auth is not valid`,
    ],
    [
      '{"auths":{"HOST":{"auth":"Y2FuYXJ5"}}}',
      `Cannot use ${path}: auths["HOST"].auth is not valid`,
    ],
    ['{"auths":{"HOST":{"auth":7}}}', `Cannot use ${path}: auths["HOST"].auth is not a text`],
  ] as const;
  for (const [text, message] of cases) {
    await using registry = await startScriptedRegistry([
      get(TAGS_PATH, challenge('Basic realm="x"')),
    ]);
    await folder.write("config.json", text.replace("HOST", registry.host));
    const run = await runCaptured(["tags", `${registry.host}/app`], { env });
    const stderr = `error: ${message.replace("HOST", registry.host)}\n`;
    assert.deepEqual(run, { exitCode: 2, stdout: "", stderr, waits: [] }, text);
    registry.assertDone();
  }
});

test("73: a DOCKER_AUTH_CONFIG that is no JSON is named, never shown", async () => {
  await using registry = await startScriptedRegistry([
    get(TAGS_PATH, challenge('Basic realm="x"')),
  ]);
  const env = { DOCKER_AUTH_CONFIG: "{canary" };
  const run = await runCaptured(["tags", `${registry.host}/app`], { env });
  const stderr = "error: Cannot read DOCKER_AUTH_CONFIG: it is not JSON\n";
  assert.deepEqual(run, { exitCode: 2, stdout: "", stderr, waits: [] });
});

test("73: empty files, a byte order mark and __proto__ do no harm", async () => {
  await using folder = await createTempFolder();
  const auth = encodeAuth("ann", "pw");
  const cases = [
    ["", 4],
    [" \n", 4],
    ["{}", 4],
    ['{"auths":null,"credHelpers":null,"credsStore":null}', 4],
    ['\uFEFF{"auths":{"HOST":{"auth":"AUTH"}}}', 0],
    ['{"__proto__":{"auths":{"HOST":{"auth":"AUTH"}}}}', 4],
    ['{"auths":{"__proto__":{"HOST":{"auth":"AUTH"}}}}', 4],
    ['{"auths":{"HOST":{"__proto__":{"auth":"AUTH"}}}}', 4],
  ] as const;
  for (const [text, exitCode] of cases) {
    await using registry = await startBasicRegistry();
    const written = text.replace("HOST", registry.host).replace("AUTH", auth);
    await folder.write("config.json", written);
    const words = ["tags", `${registry.host}/app`];
    const run = await runCaptured(words, { env: { DOCKER_CONFIG: folder.path } });
    assert.equal(run.exitCode, exitCode, `${text} ${run.stderr}`);
    assert.equal(registry.requests.length, exitCode === 0 ? 2 : 1);
    assert.equal(({} as Record<string, unknown>)["auths"], undefined);
    assert.equal(({} as Record<string, unknown>)["auth"], undefined);
  }
});

test("73: a registry that asks for nobody leaves the configuration unread", async () => {
  await using folder = await createTempFolder();
  await folder.write("config.json", "{broken");
  await using registry = await startScriptedRegistry([getAs(undefined, TAGS_PATH, TAGS)]);
  const run = await runCaptured(["tags", `${registry.host}/app`], {
    env: { DOCKER_CONFIG: folder.path },
  });
  assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
  registry.assertDone();
});
