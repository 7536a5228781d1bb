import assert from "node:assert/strict";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import { startScriptedRegistry } from "../support/scripted_registry.ts";
import { lineOf, repositorySteps, runDoctor } from "./doctor_script.ts";
import { bearer, challenge, get, getAs, page, TAGS_PATH } from "./script.ts";

test("F32: a token whose life is odd or not named is replaced before a minute is over", async () => {
  for (const life of [{}, { expires_in: 0 }, { expires_in: -5 }, { expires_in: "300" }]) {
    const [second, third] = ["1", "2"].map((last) => `${TAGS_PATH}?last=${last}`);
    let tokens = 0;
    await using registry = await startScriptedRegistry([
      get(TAGS_PATH, challenge(bearer("/token"))),
      {
        method: "GET",
        path: /^\/token/,
        replyWith: () => ({ status: 200, body: { token: `t${++tokens}`, ...life } }),
        times: 2,
      },
      getAs("Bearer t1", TAGS_PATH, page("1", second ?? "")),
      getAs("Bearer t1", second ?? "", { status: 429, headers: { "retry-after": "58" } }),
      getAs("Bearer t1", second ?? "", page("2", third ?? "")),
      getAs("Bearer t2", third ?? "", { status: 200, body: { tags: ["3"] } }),
    ]);
    const run = await runCaptured(["tags", `${registry.host}/app`, "-q"]);
    assert.deepEqual([run.exitCode, run.stdout], [0, "1\n2\n3\n"], JSON.stringify(life));
    registry.assertDone();
  }
});

test("paging: a large page that is not let in or not now says nothing of its size", async () => {
  const table = [
    [403, "DENIED"],
    [404, "NOT_FOUND"],
    [408, "TIMEOUT"],
    [429, "RATE_LIMITED"],
  ] as const;
  for (const [status, code] of table) {
    const run = await runDoctor(
      repositorySteps({ large: [{ status }] }),
      ["HOST/app", "--retries", "0"],
    );
    assert.equal(lineOf(run, "paging"), `failed (${code})`);
    assert.doesNotMatch(run.stdout, /tags is refused/);
  }
});
