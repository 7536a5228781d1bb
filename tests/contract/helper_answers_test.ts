import assert from "node:assert/strict";
import { test } from "node:test";
import { createBinFolder } from "../support/bin_folder.ts";
import { runCaptured } from "../support/capture_host.ts";
import { writeCredentialHelper } from "../support/credential_helper.ts";
import { startScriptedRegistry } from "../support/scripted_registry.ts";
import { basic, challenge, get, getAs } from "./script.ts";

const PASSWORD = "new-canary";
const TIMES = { times: Infinity };
const BASIC = challenge('Basic realm="x"');

// What helpers print that fail behind their answer, or in the middle of it.
const ANSWERS = [
  '{"ServerURL":"x","Username":"ann","Secret":"canary"}',
  '\n {\n "Secret": "canary"\n}\n',
  '["canary"]',
  '"Username":"ann","Secret":"canary"}',
  'a warning {"Username":"ann","secret":"canary"}',
];

test("72: the answer of a helper that fails behind it is not told", async () => {
  for (const answer of ANSWERS) {
    await using folder = await createBinFolder();
    await using registry = await startScriptedRegistry([
      getAs(basic("ann", PASSWORD), "/v2/", { status: 200, body: {} }, TIMES),
      get(/^/, BASIC, TIMES),
    ]);
    const { host } = registry;
    await writeCredentialHelper(folder.path, "bad", { answer, exitCode: 1 });
    await folder.write("config.json", '{"credsStore":"bad"}');
    const env = { DOCKER_CONFIG: folder.path };
    const failed = "he credential helper docker-credential-bad failed";
    const cases = [
      [["tags", `${host}/app`], `T${failed} for ${host}: exit code 1`],
      [["doctor", host, "-o", "json"], `T${failed} for ${host}: exit code 1`],
      [
        ["login", host, "-u", "ann", "--password-stdin"],
        `Cannot store the credentials of ${host}: t${failed}: exit code 1`,
      ],
      [["login", "--list"], `Cannot list credentials: t${failed}: exit code 1`],
      [["logout", host], `Cannot erase the credentials of ${host}: t${failed}: exit code 1`],
    ] as const;
    for (const [words, message] of cases) {
      const run = await runCaptured([...words, ...(words[0] === "logout" ? [] : ["-vv"])], {
        env,
        stdin: PASSWORD,
      });
      const shown = run.stdout + run.stderr;
      assert.ok(shown.includes(message), `${words} ${shown}`);
      assert.doesNotMatch(shown, /canary/i, `${words} ${answer}`);
    }
  }
});

test("72: a helper that fails in its own words is told, its answer or not", async () => {
  await using folder = await createBinFolder();
  await using registry = await startScriptedRegistry([get(/^/, BASIC, TIMES)]);
  await writeCredentialHelper(folder.path, "bad", { answer: "locked [by ann] {1}", exitCode: 1 });
  await folder.write("config.json", '{"credsStore":"bad"}');
  const env = { DOCKER_CONFIG: folder.path };
  const run = await runCaptured(["tags", `${registry.host}/app`], { env });
  assert.match(run.stderr, /: locked \[by ann\] \{1\}\n$/);
});
