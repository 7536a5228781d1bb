import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { test } from "node:test";
import { type DockerRegistry, startDockerRegistry } from "../support/docker_registry.ts";
import { reasonToSkip } from "../support/find_program.ts";
import {
  programCommand,
  type ProgramResult,
  runCommand,
  runProgram,
  startCommand,
} from "../support/program.ts";
import { basic, pushImage } from "../support/push.ts";
import { startScriptedRegistry } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { startTokenServer } from "../support/token_server.ts";

const missing = reasonToSkip("docker-registry", "htpasswd");
const missingPeer = reasonToSkip("docker-registry", "htpasswd", "skopeo");

const USER = "ann";
const PASSWORD = "pässword:with a colon";
const LOGIN = ["-u", USER, "--password-stdin"];

/** A registry with one image, `app:1.0`, that ann alone may see. */
interface ClosedRegistry extends AsyncDisposable {
  readonly host: string;
}

async function startBasicRegistry(): Promise<ClosedRegistry> {
  const registry = await startDockerRegistry({ htpasswd: { [USER]: PASSWORD } });
  await pushImage(registry.url, "app", "1.0", { authorization: basic(USER, PASSWORD) });
  return registry;
}

async function startTokenRegistry(): Promise<ClosedRegistry> {
  const tokens = await startTokenServer({ users: { [USER]: PASSWORD } });
  const registry: DockerRegistry = await startDockerRegistry({ token: tokens });
  const token = await tokens.issue([{
    type: "repository",
    name: "app",
    actions: ["pull", "push"],
  }]);
  await pushImage(registry.url, "app", "1.0", { authorization: `Bearer ${token}` });
  return {
    host: registry.host,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await tokens[Symbol.asyncDispose]();
    },
  };
}

function runSkopeo(words: readonly string[], stdin?: string): Promise<ProgramResult> {
  return runCommand(["skopeo", ...words], stdin === undefined ? {} : { stdin });
}

const REGISTRIES = [["htpasswd", startBasicRegistry], ["tokens", startTokenRegistry]] as const;

for (const [kind, start] of REGISTRIES) {
  test(`75: skopeo and regctl share log-ins, by ${kind}`, { skip: missingPeer }, async () => {
    await using folder = await createTempFolder();
    await using registry = await start();
    const { host } = registry;
    for (const name of ["docker/config.json", "containers/auth.json"]) {
      const file = await folder.write(name, "{}");
      const skopeo = ["--tls-verify=false", `--authfile=${file}`];
      const env = name.startsWith("docker")
        ? { DOCKER_CONFIG: folder.join("docker") }
        : { REGISTRY_AUTH_FILE: file };
      const login = ["login", ...skopeo, "-u", USER, "--password-stdin", host];
      assert.equal((await runSkopeo(login, PASSWORD)).exitCode, 0);
      const tags = await runProgram(["tags", `${host}/app`], { env });
      assert.deepEqual([tags.stdout, tags.stderr], ["1.0\n", ""]);
      const out = await runProgram(["logout", host], { env });
      assert.equal(out.stdout, `Logged out of ${host}\n`);
      const list = ["list-tags", ...skopeo, `docker://${host}/app`];
      assert.notEqual((await runSkopeo(list)).exitCode, 0);

      const logIn = await runProgram(["login", host, ...LOGIN], { env, stdin: PASSWORD });
      assert.deepEqual([logIn.exitCode, logIn.stdout], [0, `Logged in to ${host} as ${USER}\n`]);
      assert.deepEqual(JSON.parse((await runSkopeo(list)).stdout).Tags, ["1.0"]);
      const before = await readFile(file, "utf8");
      // The same log-in by skopeo writes the same bytes.
      assert.equal((await runSkopeo(login, PASSWORD)).exitCode, 0);
      assert.equal(await readFile(file, "utf8"), before);
      assert.equal((await runSkopeo(["logout", `--authfile=${file}`, host])).exitCode, 0);
      const again = await runProgram(["logout", host], { env });
      assert.equal(again.stdout, `Not logged in to ${host}\n`);
    }
  });

  test(`75: a wrong password stores nothing, by ${kind}`, { skip: missing }, async () => {
    await using folder = await createTempFolder();
    await using registry = await start();
    const run = await runProgram(["login", registry.host, ...LOGIN], {
      env: { DOCKER_CONFIG: folder.join("docker") },
      stdin: "wr0ng-canary",
    });
    assert.deepEqual([run.exitCode, run.stdout], [4, ""]);
    assert.match(run.stderr, /^error: Cannot (log in to|get a token for) .* answered 401/);
    assert.deepEqual(await readdir(folder.path), []);
  });

  test(`64: a log-in with -vv shows no secret, by ${kind}`, { skip: missing }, async () => {
    await using folder = await createTempFolder();
    await using registry = await start();
    const env = { DOCKER_CONFIG: folder.path };
    const words = ["login", registry.host, ...LOGIN, "-vv", "--debug"];
    const good = await runProgram(words, { env, stdin: PASSWORD });
    assert.equal(good.exitCode, 0);
    assert.match(good.stderr, /\/v2\/ 200/);
    const wrong = await runProgram(words, { env, stdin: "wr0ng-canary" });
    assert.equal(wrong.exitCode, 4);
    for (const secret of [PASSWORD, "wr0ng-canary"]) {
      const auth = basic(USER, secret).slice("Basic ".length);
      for (const text of [secret, encodeURIComponent(secret), auth, "eyJ"]) {
        assert.ok(!`${good.stdout}${good.stderr}${wrong.stderr}`.includes(text), text);
      }
    }
  });
}

test("76: keys with a path, as podman writes them", { skip: missing }, async () => {
  await using folder = await createTempFolder();
  await using registry = await startBasicRegistry();
  const { host } = registry;
  const auth = (password: string) => ({ auth: basic(USER, password).slice("Basic ".length) });
  const file = await folder.write(
    "auth.json",
    JSON.stringify({ auths: { [host]: auth("wr0ng"), [`${host}/app`]: auth(PASSWORD) } }),
  );
  const run = await runProgram(["tags", `${host}/app`, "--auth-file", file]);
  assert.deepEqual([run.exitCode, run.stdout], [0, "1.0\n"]);
  assert.equal((await runProgram(["tags", `${host}/apple`, "--auth-file", file])).exitCode, 4);
});

test("F33: log-ins to several registries at once lose nothing", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("config.json", '{"auths":{"old.test":{}},"x":1}');
  await using stack = new AsyncDisposableStack();
  const hosts: string[] = [];
  for (let i = 0; i < 12; i++) {
    const registry = await startScriptedRegistry([
      {
        method: "GET",
        path: "/v2/",
        when: ({ headers }) => headers["authorization"] === basic(`user${i}`, "canary"),
        reply: { status: 200, body: {} },
      },
      {
        method: "GET",
        path: "/v2/",
        reply: { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } },
      },
    ]);
    stack.use(registry);
    hosts.push(registry.host);
  }
  const env = { DOCKER_CONFIG: folder.path };
  const runs = await Promise.all(
    hosts.map((host, i) =>
      runProgram(["login", host, "-u", `user${i}`, "--password-stdin", "-q"], {
        env,
        stdin: "canary",
      })
    ),
  );
  hosts.forEach((host, i) => {
    const stdout = `Logged in to ${host} as user${i}\n`;
    assert.deepEqual(runs[i], { exitCode: 0, signal: null, stdout, stderr: "" });
  });
  const { auths, x } = JSON.parse(await readFile(path, "utf8"));
  assert.deepEqual(Object.keys(auths).sort(), [...hosts, "old.test"].sort());
  assert.equal(x, 1);
  const outs = await Promise.all(hosts.map((host) => runProgram(["logout", host], { env })));
  assert.deepEqual(outs.map(({ exitCode }) => exitCode), hosts.map(() => 0));
  assert.deepEqual(JSON.parse(await readFile(path, "utf8")), { auths: { "old.test": {} }, x: 1 });
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(folder.path), ["config.json"]);
});

test("69: where the disk is full the file stays as it was", async () => {
  await using folder = await createTempFolder();
  const text = JSON.stringify({ auths: { "old.test": { auth: "eDp5" } }, fill: "x".repeat(5000) });
  const path = await folder.write("config.json", text);
  // No file may grow beyond 512 bytes, and the signal that says so is ignored.
  const limited = ["/bin/sh", "-c", 'trap "" XFSZ; ulimit -f 1; exec "$@"', "sh"];
  const words = [...limited, ...programCommand(), "logout", "old.test"];
  const run = await runCommand(words, { env: { DOCKER_CONFIG: folder.path } });
  assert.deepEqual([run.exitCode, run.stdout], [2, ""]);
  assert.equal(run.stderr, `error: Cannot write ${path}: EFBIG\n`);
  assert.equal(await readFile(path, "utf8"), text);
  assert.deepEqual(await readdir(folder.path), ["config.json"]);
});

const missingTerminal = missing || reasonToSkip("script");

test("74: on a terminal, the user name is seen and the password is not", {
  skip: missingTerminal,
}, async () => {
  await using folder = await createTempFolder();
  await using registry = await startBasicRegistry();
  const words = [...programCommand(), "login", registry.host];
  const line = words.map((word) => `'${word}'`).join(" ");
  await using program = await startCommand(["script", "-qec", line, "/dev/null"], {
    env: { DOCKER_CONFIG: folder.path, TERM: "dumb" },
  });
  let screen = "";
  const answers: [string, string][] = [
    [`User name for ${registry.host}: `, USER],
    [`Password for ${USER}: `, PASSWORD],
  ];
  for await (const chunk of program.stdout.setEncoding("utf8")) {
    screen += chunk;
    const [question, answer] = answers[0] ?? [];
    if (question === undefined || !screen.includes(question)) continue;
    program.stdin.write(`${answer}\r`);
    answers.shift();
  }
  assert.equal((await program.wait()).exitCode, 0, screen);
  assert.match(screen, /User name for .*: ann\r\n/);
  assert.match(screen, /Password for ann: \r?\n/);
  assert.match(screen, /\nLogged in to .* as ann\r\n/);
  assert.ok(!screen.includes("colon"), screen);
});
