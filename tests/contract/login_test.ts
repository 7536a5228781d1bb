import assert from "node:assert/strict";
import { mkdir, readdir, readFile, readlink, stat, symlink } from "node:fs/promises";
import { test } from "node:test";
import { type CapturedRun, type CapturedRunOptions, runCaptured } from "../support/capture_host.ts";
import {
  type ScriptedRegistry,
  startScriptedRegistry,
  type Step,
} from "../support/scripted_registry.ts";
import { createTempFolder, type TempFolder } from "../support/temp_folder.ts";
import { basic, bearer, challenge, get, getAs, logOf } from "./script.ts";

const PASSWORD = "pä:ss wörd-canary";
const OK = { status: 200, body: {} };
const NOTE = (path: string) =>
  `note: The password is in ${path}, not encrypted; ` +
  "a helper named there as credsStore or in credHelpers would keep it safer\n";

/** The base64 of `user:password` that Docker writes. */
function encodeAuth(user: string, password = PASSWORD): string {
  return basic(user, password).slice("Basic ".length);
}

/** Takes one user with one password, by Basic authentication, as often as it is asked. */
function startRegistry(user = "ann", password = PASSWORD): Promise<ScriptedRegistry> {
  const times = Infinity;
  return startScriptedRegistry([
    getAs(basic(user, password), "/v2/", OK, { times }),
    get("/v2/", challenge('Basic realm="x"'), { times }),
  ]);
}

/** Logs in as ann, with the password from standard input and `folder` for Docker's. */
function logIn(
  registry: ScriptedRegistry,
  folder: TempFolder,
  words: readonly string[] = [],
  options: CapturedRunOptions = {},
): Promise<CapturedRun> {
  return runCaptured(["login", registry.host, "-u", "ann", "--password-stdin", ...words], {
    stdin: PASSWORD,
    ...options,
    env: { DOCKER_CONFIG: folder.join("docker"), HOME: folder.path, ...options.env },
  });
}

test("69: a log-in is stored for its owner alone, with all else kept", async () => {
  await using folder = await createTempFolder();
  await using registry = await startRegistry();
  const path = folder.join("docker", "config.json");
  const run = await logIn(registry, folder);
  const expected = {
    exitCode: 0,
    stdout: `Logged in to ${registry.host} as ann\n`,
    stderr: NOTE(path),
    waits: [],
  };
  assert.deepEqual(run, expected);
  const auth = encodeAuth("ann");
  const text = `{\n\t"auths": {\n\t\t"${registry.host}": {\n\t\t\t"auth": "${auth}"\n\t\t}\n\t}\n}`;
  assert.equal(await readFile(path, "utf8"), text);
  assert.equal((await stat(folder.join("docker"))).mode & 0o777, 0o700);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(folder.join("docker")), ["config.json"]);

  const before = JSON.stringify({
    credHelpers: {},
    auths: {
      "z.test": { auth: "eDp5", more: { a: [1, null] } },
      [registry.host]: { email: "a@b.test", auth: encodeAuth("old"), identitytoken: "x" },
      "a.test": {},
    },
    proxies: { default: { httpProxy: "http://p.test" } },
    HttpHeaders: { "X-Meta": "ü" },
  });
  await folder.write("docker/config.json", before, 0o644);
  assert.deepEqual(await logIn(registry, folder), expected);
  const after = before.replace(encodeAuth("old"), auth).replace(',"identitytoken":"x"', "");
  const written = await readFile(path, "utf8");
  assert.equal(JSON.stringify(JSON.parse(written)), after);
  // What is not about log-ins is not even written anew.
  assert.ok(written.startsWith('{"credHelpers":{},"auths":{\n\t\t"z.test"'), written);
  assert.ok(
    written.endsWith(
      '\n\t},"proxies":{"default":{"httpProxy":"http://p.test"}},"HttpHeaders":{"X-Meta":"ü"}}',
    ),
    written,
  );
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test("70: the same credentials once more write nothing", async () => {
  await using folder = await createTempFolder();
  await using registry = await startRegistry();
  const auth = encodeAuth("ann");
  const text = JSON.stringify({ auths: { [registry.host]: { auth, email: "a@b.test" } } });
  const path = await folder.write("docker/config.json", text, 0o444);
  const before = await stat(path);
  assert.equal((await logIn(registry, folder)).exitCode, 0);
  const after = await stat(path);
  assert.deepEqual([after.ino, after.mtimeMs, after.mode], [
    before.ino,
    before.mtimeMs,
    before.mode,
  ]);
  assert.deepEqual(await readdir(folder.join("docker")), ["config.json"]);
});

test("70: a config.json that is a link stays one, also where it leads nowhere yet", async () => {
  await using folder = await createTempFolder();
  await using registry = await startRegistry();
  const link = folder.join("docker", "config.json");
  await mkdir(folder.join("docker"));
  await symlink("../dotfiles/docker.json", link);
  for (const auths of [{}, { "other.test": { auth: "eDp5" } }]) {
    assert.equal((await logIn(registry, folder)).exitCode, 0);
    assert.equal(await readlink(link), "../dotfiles/docker.json");
    const target = folder.join("dotfiles", "docker.json");
    assert.deepEqual(JSON.parse(await readFile(target, "utf8")).auths, {
      ...auths,
      [registry.host]: { auth: encodeAuth("ann") },
    });
    assert.equal((await stat(target)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(folder.join("dotfiles")), ["docker.json"]);
    await folder.write("dotfiles/docker.json", '{"auths":{"other.test":{"auth":"eDp5"}}}');
  }
  assert.deepEqual(await readdir(folder.join("docker")), ["config.json"]);
});

test("71: one entry for each registry, however it was spelled", async () => {
  await using folder = await createTempFolder();
  await using registry = await startRegistry();
  const old = `https://${registry.host}/v1/`;
  const auths = { [old]: { auth: encodeAuth("old") }, "other.test": { auth: "eDp5" } };
  const path = await folder.write("docker/config.json", JSON.stringify({ auths }));
  assert.equal((await logIn(registry, folder)).exitCode, 0);
  assert.deepEqual(Object.entries(JSON.parse(await readFile(path, "utf8")).auths), [
    [registry.host, { auth: encodeAuth("ann") }],
    ["other.test", { auth: "eDp5" }],
  ]);
});

test("71: what is stored is what is used", async () => {
  await using folder = await createTempFolder();
  for (const password of ["a:b:c", "pässwörd 日本", ":", '"\\', "<token>"]) {
    await using registry = await startScriptedRegistry([
      getAs(basic("ann", password), "/v2/", OK),
      getAs(basic("ann", password), "/v2/app/tags/list", { status: 200, body: { tags: ["1"] } }),
      getAs(undefined, /^/, challenge('Basic realm="x"'), { times: 2 }),
    ]);
    assert.equal((await logIn(registry, folder, [], { stdin: `${password}\n` })).exitCode, 0);
    const env = { DOCKER_CONFIG: folder.join("docker") };
    const run = await runCaptured(["tags", `${registry.host}/app`], { env });
    assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
    registry.assertDone();
  }
});

test("73: a file that cannot be understood is named, not shown, and stays", async () => {
  await using folder = await createTempFolder();
  const path = folder.join("docker", "config.json");
  const latin = Uint8Array.from([0x7b, 0x22, 0xe4, 0x22, 0x3a, 0x31, 0x7d]);
  const cases = [
    ["{canary", `Cannot read ${path}: it is not JSON`],
    ["[]", `Cannot read ${path}: it is not a JSON object`],
    ['{"auths":["canary"]}', `Cannot use ${path}: auths is not an object`],
    ['{"auths":{"HOST":"canary"}}', `Cannot use ${path}: auths["HOST"] is not an object`],
    ['{"credsStore":7}', `Cannot use ${path}: credsStore is not a text`],
    [latin, `Cannot read ${path}: it is not UTF-8`],
  ] as const;
  for (const [content, message] of cases) {
    await using registry = await startRegistry();
    const text = typeof content === "string" ? content.replace("HOST", registry.host) : content;
    await folder.write("docker/config.json", text);
    const stderr = `error: ${message.replace("HOST", registry.host)}\n`;
    const run = await logIn(registry, folder);
    assert.deepEqual(run, { exitCode: 2, stdout: "", stderr, waits: [] });
    const out = await runCaptured(["logout", registry.host], {
      env: { DOCKER_CONFIG: folder.join("docker") },
    });
    if (!message.includes("auths[")) {
      assert.deepEqual(out, { exitCode: 2, stdout: "", stderr, waits: [] });
      assert.deepEqual(await readFile(path), await readFile(await folder.write("copy", text)));
    }
    assert.deepEqual(await readdir(folder.join("docker")), ["config.json"]);
  }
});

test("69: numbers, their spelling and the order of keys survive a log-in", async () => {
  await using folder = await createTempFolder();
  await using registry = await startRegistry();
  const before =
    '{"big": 12345678901234567890, "f": 1.0,\n "x":{"b":"}","2":"\\"","1":["auths"]}, "auths" : {} , "e":1e3}\n';
  const path = await folder.write("docker/config.json", before);
  assert.equal((await logIn(registry, folder)).exitCode, 0);
  const [head, tail] = [
    before.slice(0, before.indexOf("{} ")),
    before.slice(before.indexOf(' , "e')),
  ];
  const written = await readFile(path, "utf8");
  assert.ok(written.startsWith(head) && written.endsWith(tail), written);
  assert.deepEqual(Object.keys(JSON.parse(written).auths), [registry.host]);
});

test("73: a file that has a key twice is not written to", async () => {
  await using folder = await createTempFolder();
  await using registry = await startRegistry();
  const before = '{"auths":{"a.test":{"auth":"eDp5"}},"auths":{}}';
  const path = await folder.write("docker/config.json", before);
  const run = await logIn(registry, folder);
  assert.deepEqual([run.exitCode, run.stderr], [
    2,
    `error: Cannot use ${path}: it has "auths" twice\n`,
  ]);
  assert.equal(await readFile(path, "utf8"), before);
});

test("73: empty files, a byte order mark and __proto__ are no trouble", async () => {
  await using folder = await createTempFolder();
  const path = folder.join("docker", "config.json");
  const cases = [
    ["", '{"auths":ENTRY}'],
    [" \n", '{"auths":ENTRY}\n'],
    ["\uFEFF{}", '{"auths":ENTRY}'],
    ['{"auths":null,"a":1}\n', '{"auths":ENTRY,"a":1}\n'],
    ['{"__proto__":{"x":1}}', '{"__proto__":{"x":1},"auths":ENTRY}'],
    ['{"auths":{"__proto__":{"auth":"eDp5"}}}', '{"auths":{"__proto__":{"auth":"eDp5"},MORE}}'],
    [
      '{"auths":{"HOST":{"__proto__":{"auth":1}}}}',
      '{"auths":{"HOST":{"__proto__":{"auth":1},AUTH}}}',
    ],
  ] as const;
  for (const [before, after] of cases) {
    await using registry = await startRegistry();
    const auth = `"auth":"${encodeAuth("ann")}"`;
    const fill = (text: string) =>
      text.replace("ENTRY", "{MORE}").replace("MORE", `"HOST":{AUTH}`).replace("AUTH", auth)
        .replace("HOST", registry.host);
    await folder.write("docker/config.json", fill(before));
    assert.equal((await logIn(registry, folder)).exitCode, 0, before);
    const written = await readFile(path, "utf8");
    assert.equal(
      written.replace(/[\n\t]+(?=.)|(?<=":) /g, ""),
      fill(after).replace(/(?<=.)\n$/, "\n"),
    );
    assert.equal(({} as Record<string, unknown>)["x"], undefined);
    assert.equal(({} as Record<string, unknown>)["auth"], undefined);
  }
});

test("74: the flags, standard input and the questions of a terminal", async () => {
  const warning =
    "warning: -p shows the password to other users of this machine; --password-stdin does not\n";
  const cases = [
    [["-u", "ann", "-p", PASSWORD], {}, warning],
    [["-u", "ann", "--password-stdin"], { stdin: `${PASSWORD}\n` }, ""],
    [["-u", "ann"], { typedPassword: PASSWORD }, ""],
    [[], { typed: "ann", typedPassword: PASSWORD }, ""],
  ] as const;
  for (const [words, options, stderr] of cases) {
    await using folder = await createTempFolder();
    await using registry = await startRegistry();
    const env = { DOCKER_CONFIG: folder.path };
    const run = await runCaptured(["login", registry.host, ...words], { ...options, env });
    assert.deepEqual(run, {
      exitCode: 0,
      stdout: `Logged in to ${registry.host} as ann\n`,
      stderr: stderr + NOTE(folder.join("config.json")),
      waits: [],
    });
    assert.deepEqual(logOf(registry), ["GET /v2/", `GET /v2/ ${basic("ann", PASSWORD)}`]);
  }
});

test("74: what is missing or does not fit is an error before any request", async () => {
  await using folder = await createTempFolder();
  await using registry = await startScriptedRegistry([]);
  const cases = [
    [[], {}, "error: A log-in needs a user name\nhint: Add -u USER --password-stdin\n"],
    [["--password-stdin"], {}, "error: A password needs a user name\nhint: Add -u USER\n"],
    [
      ["-u", "ann"],
      {},
      "error: A user name needs a password\nhint: Pipe it in with --password-stdin\n",
    ],
    [[], { typed: "", typedPassword: "x" }, "error: The user name is empty\n"],
    [["-u", "a:b"], { typedPassword: "x" }, "error: A user name must not hold a colon\n"],
    [[], { typed: "ann", typedPassword: "" }, "error: The password from the prompt is empty\n"],
    [["--auth-file="], {}, /^error: .*--auth-file.*must not be empty/],
    [["--list", "-u", "ann"], {}, /^error: Option '--list' cannot be used with option '-u/],
  ] as const;
  for (const [words, options, stderr] of cases) {
    const run = await runCaptured(["login", registry.host, ...words], {
      ...options,
      env: { DOCKER_CONFIG: folder.path },
    });
    assert.deepEqual([run.exitCode, run.stdout], [2, ""]);
    if (typeof stderr === "string") assert.equal(run.stderr, stderr);
    else assert.match(run.stderr, stderr);
  }
  assert.deepEqual(logOf(registry), []);
  assert.deepEqual(await readdir(folder.path), []);
});

test("75: what the registry or its token server refuses is not stored", async () => {
  const denied = { status: 403, body: { errors: [{ code: "DENIED", message: "no" }] } };
  const scripts: readonly (readonly Step[])[] = [
    [get("/v2/", challenge('Basic realm="x"'), { times: 2 })],
    [getAs(undefined, "/v2/", challenge('Basic realm="x"')), get("/v2/", denied)],
    [get("/v2/", challenge(bearer("/token"))), get(/^\/token/, { status: 401 })],
    [get("/v2/", challenge(bearer("/token"))), get(/^\/token/, denied)],
  ];
  for (const script of scripts) {
    await using folder = await createTempFolder();
    await using registry = await startScriptedRegistry(script);
    const text = JSON.stringify({ auths: { [registry.host]: { auth: encodeAuth("old") } } });
    const path = await folder.write("docker/config.json", text);
    const run = await logIn(registry, folder);
    assert.equal(run.exitCode, 4);
    assert.equal(run.stdout, "");
    assert.match(run.stderr, /^error: Cannot (log in to|get a token for) .* as "ann"/);
    assert.match(run.stderr, /\nhint: Check the user name and the password or access token\n$/);
    assert.doesNotMatch(run.stderr, /canary/);
    assert.equal(await readFile(path, "utf8"), text);
    // What is stored already is not tried in its place.
    assert.doesNotMatch(logOf(registry).join("\n"), new RegExp(encodeAuth("old")));
    registry.assertDone();
  }
});

test("75: what does not answer as a registry stores nothing", async () => {
  const cases = [
    [{ status: 200, body: "<html>" }, 6],
    [{ status: 404 }, 6],
    [{ status: 500 }, 5],
    [challenge("Negotiate"), 6],
  ] as const;
  for (const [reply, exitCode] of cases) {
    await using folder = await createTempFolder();
    await using registry = await startScriptedRegistry([get("/v2/", reply)]);
    const run = await logIn(registry, folder, ["--retries", "0"]);
    assert.deepEqual([run.exitCode, run.stdout], [exitCode, ""], run.stderr);
    assert.deepEqual(await readdir(folder.path), []);
  }
});

test("75: a registry that is open to all gets them stored, with a warning", async () => {
  await using folder = await createTempFolder();
  await using registry = await startScriptedRegistry([getAs(undefined, "/v2/", OK)]);
  const run = await logIn(registry, folder);
  const path = folder.join("docker", "config.json");
  assert.deepEqual(run, {
    exitCode: 0,
    stdout: `Logged in to ${registry.host} as ann\n`,
    stderr: `warning: ${registry.host} asks for no credentials, so these could not be checked\n` +
      NOTE(path),
    waits: [],
  });
  assert.match(await readFile(path, "utf8"), /"auth"/);
});

test("75: logging out forgets every spelling of a registry, and nothing else", async () => {
  await using folder = await createTempFolder();
  const entry = { auth: "eDp5" };
  const auths = {
    "b.test": entry,
    "https://q.test/v1/": entry,
    "q.test": entry,
    "q.test/team": entry,
    "q.test:443": entry,
    "https://index.docker.io/v1/": entry,
  };
  const path = await folder.write("docker/config.json", JSON.stringify({ auths, x: 1 }), 0o644);
  const env = { DOCKER_CONFIG: folder.join("docker") };
  const keys = async () => Object.keys(JSON.parse(await readFile(path, "utf8")).auths);
  const out = (stdout: string) => ({ exitCode: 0, stdout, stderr: "", waits: [] });
  const note = `note: ${path} still holds credentials of q.test/team\n`;
  const first = await runCaptured(["logout", "q.test"], { env });
  assert.deepEqual(first, { ...out("Logged out of q.test\n"), stderr: note });
  const left = ["b.test", "q.test/team", "q.test:443", "https://index.docker.io/v1/"];
  assert.deepEqual(await keys(), left);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await runCaptured(["logout"], { env }), out("Logged out of docker.io\n"));
  assert.deepEqual(await keys(), left.slice(0, 3));
  const before = await stat(path);
  for (
    const [words, host] of [[["logout", "q.test"], "q.test"], [["logout"], "docker.io"]] as const
  ) {
    const again = { ...out(`Not logged in to ${host}\n`), stderr: host === "q.test" ? note : "" };
    assert.deepEqual(await runCaptured(words, { env }), again);
  }
  assert.equal((await stat(path)).ino, before.ino);
  const none = { DOCKER_CONFIG: folder.join("none") };
  assert.deepEqual(
    await runCaptured(["logout", "q.test"], { env: none }),
    out("Not logged in to q.test\n"),
  );
  assert.deepEqual(await readdir(folder.path), ["docker"]);
});

test("75: an identity token is checked and stored as one", async () => {
  await using folder = await createTempFolder();
  const isPost: Step = {
    method: "POST",
    path: "/token",
    reply: { status: 200, body: { access_token: "t1" } },
    times: 2,
  };
  await using registry = await startScriptedRegistry([
    getAs("Bearer t1", /^\/v2\//, { status: 200, body: { tags: ["1"] } }, { times: 2 }),
    get(/^\/v2\//, challenge(bearer("/token")), { times: 2 }),
    isPost,
  ]);
  const words = ["login", registry.host, "-u", "<token>", "--password-stdin"];
  const env = { DOCKER_CONFIG: folder.path };
  const run = await runCaptured(words, { env, stdin: "canary-token" });
  const path = folder.join("config.json");
  assert.deepEqual([run.exitCode, run.stdout], [0, `Logged in to ${registry.host} as <token>\n`]);
  assert.equal(run.stderr, NOTE(path).replace("password", "token"));
  const { auths } = JSON.parse(await readFile(path, "utf8"));
  assert.deepEqual(auths, {
    [registry.host]: { auth: encodeAuth("<token>", ""), identitytoken: "canary-token" },
  });
  assert.equal((await runCaptured(["tags", `${registry.host}/app`], { env })).stdout, "1\n");
  assert.ok(
    registry.requests.every(({ method, body }) => method === "GET" || /canary-token/.test(body)),
  );
  registry.assertDone();
});

test("76: a log-in goes to the chosen file alone", async () => {
  await using registry = await startRegistry();
  const entry = { auth: encodeAuth("ann") };
  const cases = [
    [[], {}, "docker/config.json"],
    [["--auth-file", "FOLDER/a/auth.json"], {}, "a/auth.json"],
    [[], { REGISTRY_AUTH_FILE: "FOLDER/b/auth.json" }, "b/auth.json"],
    [
      ["--auth-file=FOLDER/a/auth.json"],
      { REGISTRY_AUTH_FILE: "FOLDER/b/auth.json" },
      "a/auth.json",
    ],
    [[], { XDG_RUNTIME_DIR: "FOLDER/run", XDG_CONFIG_HOME: "FOLDER/xdg" }, "docker/config.json"],
  ] as const;
  for (const [words, env, name] of cases) {
    await using folder = await createTempFolder();
    const fill = (text: string) => text.replace("FOLDER", folder.path);
    const variables = Object.fromEntries(Object.entries(env).map(([k, v]) => [k, fill(v)]));
    const run = await logIn(registry, folder, words.map(fill), { env: variables });
    assert.deepEqual([run.exitCode, run.stderr], [0, NOTE(folder.join(name))]);
    const [parent = ""] = name.split("/");
    assert.deepEqual(await readdir(folder.path), [parent]);
    assert.deepEqual(JSON.parse(await readFile(folder.join(name), "utf8")), {
      auths: { [registry.host]: entry },
    });
    const out = await runCaptured(["logout", registry.host, ...words.map(fill)], {
      env: { DOCKER_CONFIG: folder.join("docker"), ...variables },
    });
    assert.equal(out.stdout, `Logged out of ${registry.host}\n`);
    assert.deepEqual(JSON.parse(await readFile(folder.join(name), "utf8")), { auths: {} });
  }
});

test("76: who else holds credentials is said", async () => {
  await using folder = await createTempFolder();
  await using registry = await startRegistry();
  const text = JSON.stringify({ auths: { [registry.host]: { auth: encodeAuth("other") } } });
  const session = await folder.write("run/containers/auth.json", text);
  const env = { DOCKER_AUTH_CONFIG: text, XDG_RUNTIME_DIR: folder.join("run") };
  const run = await logIn(registry, folder, [], { env });
  assert.equal(
    run.stderr,
    NOTE(folder.join("docker", "config.json")) +
      `warning: DOCKER_AUTH_CONFIG holds credentials of ${registry.host}, too, and goes first\n`,
  );
  const out = await runCaptured(["logout", registry.host], {
    env: { ...env, DOCKER_CONFIG: folder.join("docker") },
  });
  assert.equal(
    out.stderr,
    ["DOCKER_AUTH_CONFIG", session].map((name) =>
      `note: ${name} still holds credentials of ${registry.host}\n`
    ).join(""),
  );
});

test("76: --auth-file is read alone, and has to be there", async () => {
  await using folder = await createTempFolder();
  await using registry = await startScriptedRegistry([
    getAs(undefined, /^/, challenge('Basic realm="x"'), { times: Infinity }),
    get(/^/, { status: 200, body: { tags: ["1"] } }, { times: Infinity }),
  ]);
  const auths = (user: string) =>
    JSON.stringify({ auths: { [`${registry.host}/app`]: { auth: encodeAuth(user) } } });
  const path = await folder.write("auth.json", auths("file"));
  await folder.write("docker/config.json", auths("docker"));
  const env = { DOCKER_CONFIG: folder.join("docker"), DOCKER_AUTH_CONFIG: auths("inline") };
  const run = await runCaptured(["tags", `${registry.host}/app/x`, "--auth-file", path], { env });
  assert.equal(run.exitCode, 0);
  assert.equal(registry.requests.at(-1)?.headers["authorization"], basic("file", PASSWORD));
  const other = await runCaptured(["tags", `${registry.host}/apple`, "--auth-file", path], { env });
  assert.equal(other.exitCode, 4);
  const gone = folder.join("none.json");
  const missing = await runCaptured(["tags", `${registry.host}/app`, "--auth-file", gone], { env });
  assert.deepEqual(missing, {
    exitCode: 2,
    stdout: "",
    stderr: `error: Cannot read ${gone}: there is no such file\nhint: Check --auth-file\n`,
    waits: [],
  });
});

test("69: what cannot be written is named, and nobody is logged in", async () => {
  await using folder = await createTempFolder();
  await using registry = await startRegistry();
  const file = await folder.write("file", "x");
  const path = `${file}/auth.json`;
  const run = await logIn(registry, folder, ["--auth-file", path]);
  assert.deepEqual([run.exitCode, run.stdout], [2, ""]);
  assert.match(run.stderr, new RegExp(`^error: Cannot write ${path}: E[A-Z]+\n$`));
  assert.deepEqual(await readdir(folder.path), ["file"]);
});
