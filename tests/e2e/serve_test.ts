import assert from "node:assert/strict";
import { existsSync, readdirSync, utimesSync } from "node:fs";
import { createConnection } from "node:net";
import { test } from "node:test";
import { createAuthority } from "../support/certificates.ts";
import { reasonToSkip } from "../support/find_program.ts";
import { runCommand, runProgram } from "../support/program.ts";
import { pushImage } from "../support/push.ts";
import { startServe } from "../support/serve_program.ts";
import { createTempFolder } from "../support/temp_folder.ts";

/** What the program may take to end after a signal. */
const MAX_END_MS = 2000;

test("58: serve prints its URL, keeps what is pushed until its end, and ends on a signal", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await using folder = await createTempFolder();
    await using serving = await startServe([], { env: { TMPDIR: folder.path } });
    assert.match(serving.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    await pushImage(serving.url, "team/app", "1.0");
    const run = await runProgram(["tags", `${serving.host}/team/app`]);
    assert.deepEqual([run.exitCode, run.stdout, run.stderr], [0, "1.0\n", ""]);
    assert.equal(readdirSync(folder.path).length, 1);
    serving.kill(signal);
    assert.deepEqual(await serving.wait(), { exitCode: 0, signal: null });
    assert.deepEqual(readdirSync(folder.path), []);
    assert.equal(
      serving.stderr(),
      "note: What is pushed is gone when it ends; --dir keeps it. Ctrl-C ends it\n",
    );
  }
});

test("58: neither an idle connection nor an upload that stalls holds the end up", async () => {
  await using serving = await startServe();
  const { hostname, port } = new URL(serving.url);
  const send = (text: string) => {
    const socket = createConnection({ host: hostname, port: Number(port) });
    const closed = new Promise((resolve) => socket.on("close", resolve).on("error", () => {}));
    const answered = new Promise<string>((resolve) => socket.once("data", (d) => resolve(`${d}`)));
    socket.write(text);
    return { answered, closed };
  };
  const idle = send("GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n");
  await idle.answered;
  const head = "POST /v2/app/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
  const location = /location: (\S+)/i.exec(await send(head).answered)?.[1];
  const patch = `PATCH ${location} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n`;
  const stalled = send(`${patch}Expect: 100-continue\r\n\r\nhalf`);
  assert.match(await stalled.answered, /^HTTP\/1\.1 100 /);
  const startedAt = performance.now();
  serving.kill("SIGTERM");
  assert.deepEqual(await serving.wait(), { exitCode: 0, signal: null });
  assert.ok(performance.now() - startedAt < MAX_END_MS);
  await Promise.all([idle.closed, stalled.closed]);
});

test("a folder that a killed program left is removed by the next one", async () => {
  await using folder = await createTempFolder();
  const env = { TMPDIR: folder.path };
  const killed = async () => {
    await using serving = await startServe([], { env });
    serving.kill("SIGKILL");
    await serving.wait();
  };
  await killed();
  const [left = ""] = readdirSync(folder.path);
  await using running = await startServe([], { env });
  const inUse = readdirSync(folder.path).filter((name) => name !== left);
  for (const name of [left, ...inUse]) utimesSync(folder.join(name), 0, 0);
  await using next = await startServe([], { env });
  const names = readdirSync(folder.path);
  assert.equal(names.length, 2);
  assert.ok(names.includes(inUse[0] ?? "") && !names.includes(left));
  assert.notEqual(running.url, next.url);

  // One that somebody chose to keep is no longer temporary, whatever its name.
  const kept = folder.join(inUse[0] ?? "");
  running.kill("SIGKILL");
  await running.wait();
  const keep = async (words: readonly string[]) => {
    await using serving = await startServe(words, { env });
    serving.kill("SIGTERM");
    await serving.wait();
  };
  await keep(["--dir", kept]);
  utimesSync(kept, 0, 0);
  await keep([]);
  assert.ok(existsSync(kept));

  const without = await runProgram(["serve"], { env: { TMPDIR: folder.join("none") } });
  assert.deepEqual([without.exitCode, without.stdout], [2, ""]);
  assert.match(without.stderr, /^error: Cannot make a folder in .*none\nhint: /);
});

test("serve --dir keeps the images, and one process alone serves them", async () => {
  await using folder = await createTempFolder();
  const data = folder.join("new/data");
  const pushAndEnd = async () => {
    await using serving = await startServe(["--dir", data]);
    await pushImage(serving.url, "app", "kept");
    const second = await runProgram(["serve", "--listen", "127.0.0.1:0", "--dir", data]);
    assert.deepEqual([second.exitCode, second.stdout], [2, ""]);
    assert.match(second.stderr, /^error: Cannot serve .*: another process serves it\nhint: /);
    // Killed, it gives the folder free all the same.
    serving.kill("SIGKILL");
    await serving.wait();
  };
  await pushAndEnd();
  await using serving = await startServe(["--dir", "new/data"], { cwd: folder.path });
  const run = await runProgram(["tags", `${serving.host}/app`]);
  assert.equal(run.stdout, "kept\n");
  assert.match(serving.stderr(), /^note: The images are in .*new\/data\. Ctrl-C ends it\n$/);
});

test("serve says why it cannot", async () => {
  await using folder = await createTempFolder();
  const file = await folder.write("file", "ann:plain\n");
  await using serving = await startServe();
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [
      ["--listen", serving.host],
      5,
      /^error: Cannot listen on 127\.0\.0\.1:\d+: the port is in use/,
    ],
    [
      ["--listen", "192.0.2.1:0"],
      5,
      /^error: Cannot listen on .*: this machine has no such address/,
    ],
    [
      ["--listen", "nowhere"],
      2,
      /^error: Option '--listen <address>' .*Write a port, or HOST:PORT/,
    ],
    [["--listen", "127.0.0.1:65536"], 2, /Write a port, or HOST:PORT/],
    [["--listen", "127.0.0.1:"], 2, /Write a port, or HOST:PORT/],
    [["--dir", ""], 2, /^error: Option '--dir <path>' .*Name a folder/],
    [["--dir", file], 2, /^error: Cannot serve .*file: it is a file\nhint: /],
    [["--read-only", "--dir", folder.join("none")], 2, /none: there is no such folder\n$/],
    [["--htpasswd", folder.join("none")], 2, /^error: Cannot read .*none: there is no such file/],
    [["--htpasswd", file], 2, /^error: Cannot read .*file: line 1 has no bcrypt hash\nhint: /],
    [["--tls-cert", file], 2, /^error: https needs both --tls-cert and --tls-key/],
    [
      ["--tls-cert", file, "--tls-key", file],
      2,
      /^error: Cannot read the certificate: it is not PEM/,
    ],
    [["more"], 2, /^error: Too many arguments.*\nhint: See regctl serve --help\n$/],
  ];
  for (const [words, exitCode, message] of cases) {
    const address = words.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"];
    const run = await runProgram(["serve", ...address, ...words]);
    assert.deepEqual([run.exitCode, run.stdout], [exitCode, ""], words.join(" "));
    assert.match(run.stderr, message);
    assert.doesNotMatch(run.stderr, /plain|^ +at /m);
  }
});

test("serve warns of what others can do who reach it", async () => {
  await using folder = await createTempFolder();
  const users = await folder.write("users", `ann:$2y$05$${"a".repeat(53)}\n`);
  const everywhere = ["--listen", "0.0.0.0:0"];
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [everywhere, /^warning: everybody who reaches this machine can push and delete/],
    [[...everywhere, "--htpasswd", users], /^warning: passwords go over the network readable/],
    [[...everywhere, "--read-only"], /^note: /],
    [["--listen", "localhost:0"], /^note: /],
    [["--listen", "127.0.0.2:0"], /^note: /],
  ];
  for (const [words, expected] of cases) {
    await using serving = await startServe(words);
    serving.kill("SIGTERM");
    await serving.wait();
    assert.match(serving.stderr(), expected);
  }
});

test("serve --demo has real images: versions, shared digests, an index, a signature", async () => {
  await using serving = await startServe(["--demo", "--read-only"]);
  const tags = async (repository: string) => {
    const run = await runProgram(["tags", `${serving.host}/${repository}`]);
    return run.stdout.trim().split("\n");
  };
  const catalog = await runProgram(["catalog", serving.host]);
  assert.equal(catalog.stdout, "library/busybox\nteam/app\n");
  const busybox = await tags("library/busybox");
  assert.equal(busybox.filter((tag) => /^\d/.test(tag)).length, 12);
  const digestOf = async (path: string) => {
    const { headers } = await fetch(`${serving.url}/v2/${path}`, { method: "HEAD" });
    return headers.get("docker-content-digest");
  };
  assert.equal(
    await digestOf("library/busybox/manifests/latest"),
    await digestOf("library/busybox/manifests/stable"),
  );
  const read = async (path: string) => await (await fetch(`${serving.url}/v2/${path}`)).json();
  const { manifests } = await read("team/app/manifests/2.1.0");
  assert.deepEqual(manifests.map((one: { platform: object }) => one.platform), [
    { os: "linux", architecture: "amd64" },
    { os: "linux", architecture: "arm64", variant: "v8" },
    { os: "linux", architecture: "arm", variant: "v7" },
  ]);
  const signed = await digestOf("team/app/manifests/1.0.0");
  assert.ok((await tags("team/app")).includes(`${signed?.replace(":", "-")}.sig`));
  const referrers = await read(`team/app/referrers/${signed}`);
  assert.equal(referrers.manifests[0].artifactType, "application/spdx+json");

  const dates: number[] = [];
  for (const tag of busybox) {
    const { config } = await read(`library/busybox/manifests/${tag}`);
    const { created } = await read(`library/busybox/blobs/${config.digest}`);
    dates.push(Date.parse(created));
  }
  const days = (Math.max(...dates) - Math.min(...dates)) / 86_400_000;
  assert.ok(days > 700 && days < 760, `${days} days`);
});

test("serve --demo leaves a folder with images alone", async () => {
  await using folder = await createTempFolder();
  const words = ["--demo", "--dir", folder.path];
  const fill = async () => {
    await using serving = await startServe(["--dir", folder.path]);
    await pushImage(serving.url, "mine", "1");
    serving.kill("SIGTERM");
    await serving.wait();
  };
  await fill();
  await using serving = await startServe(words);
  assert.equal((await runProgram(["catalog", serving.host])).stdout, "mine\n");
  assert.match(serving.stderr(), /^warning: There are images already/);
});

test("serve -v logs each request, and -q says nothing but the URL", async () => {
  await using loud = await startServe(["-v"]);
  await runProgram(["tags", `${loud.host}/nothing`]);
  loud.kill("SIGTERM");
  await loud.wait();
  assert.match(loud.stderr(), /\n\S+Z 127\.0\.0\.1 GET \/v2\/nothing\/tags\/list 404 \d+ ms\n/);
  await using quiet = await startServe(["-q"]);
  await runProgram(["tags", `${quiet.host}/nothing`]);
  quiet.kill("SIGTERM");
  await quiet.wait();
  assert.equal(quiet.stderr(), "");
});

test("serve speaks https with a certificate of one's own", async () => {
  const authority = await createAuthority("Test CA");
  const names = ["localhost", "127.0.0.1"];
  const { certPem, keyPem } = await authority.issue({ names });
  await using folder = await createTempFolder();
  const cert = await folder.write("tls.crt", certPem);
  const key = await folder.write("tls.key", keyPem, 0o600);
  const ca = await folder.write("ca.crt", authority.certPem);
  await using serving = await startServe(["--demo", "--tls-cert", cert, "--tls-key", key]);
  assert.match(serving.url, /^https:/);
  const words = ["tags", `${serving.url}/library/busybox`, "--match", "latest"];
  const trusted = await runProgram([...words, "--ca-file", ca]);
  assert.deepEqual([trusted.exitCode, trusted.stdout], [0, "latest\n"]);
  assert.equal((await runProgram([...words, "--retries", "0"])).exitCode, 5);

  const other = await folder.write("other.key", (await authority.issue({ names })).keyPem, 0o600);
  const run = await runProgram(["serve", "--tls-cert", cert, "--tls-key", other]);
  assert.deepEqual([run.exitCode, run.stdout], [2, ""]);
  assert.equal(run.stderr, "error: The key is not that of the certificate\n");
});

const missing = reasonToSkip("htpasswd", "skopeo");

test("serve asks for the users of a file that htpasswd made", { skip: missing }, async () => {
  await using folder = await createTempFolder();
  const users = folder.join("users");
  const made = await runCommand(["htpasswd", "-cbB", users, "ann", "secret"]);
  assert.equal(made.exitCode, 0);
  await using serving = await startServe(["--demo", "--htpasswd", users]);
  const repository = `${serving.host}/library/busybox`;
  const words = ["tags", repository, "--match", "latest"];
  assert.equal((await runProgram(words)).exitCode, 4);
  const right = await runProgram([...words, "-u", "ann", "--password-stdin"], {
    stdin: "secret\n",
  });
  assert.deepEqual([right.exitCode, right.stdout], [0, "latest\n"]);
  const wrong = await runProgram([...words, "-u", "ann", "--password-stdin"], { stdin: "x\n" });
  assert.equal(wrong.exitCode, 4);

  const auth = ["--tls-verify=false", `--authfile=${folder.join("auth.json")}`];
  const login = ["skopeo", "login", ...auth, "-u", "ann", "--password-stdin", serving.host];
  assert.notEqual((await runCommand(login, { stdin: "wrong" })).exitCode, 0);
  assert.equal((await runCommand(login, { stdin: "secret" })).exitCode, 0);
  const list = await runCommand(["skopeo", "list-tags", ...auth, `docker://${repository}`]);
  assert.ok(JSON.parse(list.stdout).Tags.includes("latest"));
});
