import assert from "node:assert/strict";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import { startScriptedRegistry } from "../support/scripted_registry.ts";
import { bearer, challenge, get, TAGS_PATH } from "./script.ts";

const STALLED =
  "less than 1 KiB came in 0.3 s\nhint: Allow a slow registry more time with --idle-timeout\n";

test("F9: --idle-timeout ends a request that hangs or drips, once and for all", async () => {
  const faults = ["hang", { dripMs: 20, bytes: 100_000 }] as const;
  for (const status of [200, 404]) {
    for (const fault of faults) {
      await using registry = await startScriptedRegistry([get(TAGS_PATH, { status }, { fault })]);
      const words = ["tags", `${registry.host}/app`, "--idle-timeout", "300ms"];
      const run = await runCaptured(words);
      const stderr = `error: Cannot reach ${registry.host}: ${STALLED}`;
      assert.deepEqual(run, { exitCode: 5, stdout: "", stderr, waits: [] });
      registry.assertDone();
    }
  }
});

test("F14: a token server that hangs is the one that is named", async () => {
  await using tokens = await startScriptedRegistry([
    { method: "GET", path: /^\/token/, fault: "hang" },
  ]);
  await using registry = await startScriptedRegistry([
    get(TAGS_PATH, challenge(bearer(`${tokens.url}/token`))),
  ]);
  const run = await runCaptured(["tags", `${registry.host}/app`, "--idle-timeout", "300ms"]);
  const stderr = `error: Cannot reach ${tokens.host}: ${STALLED}`;
  assert.deepEqual(run, { exitCode: 5, stdout: "", stderr, waits: [] });
  registry.assertDone();
  tokens.assertDone();
});

test("F9: --timeout ends the whole call", async () => {
  for (const fault of ["hang", { dripMs: 20, bytes: 100_000 }] as const) {
    await using registry = await startScriptedRegistry([
      get(TAGS_PATH, { status: 200 }, { fault }),
    ]);
    const run = await runCaptured(["tags", `${registry.host}/app`, "--timeout", "300ms"]);
    const stderr = "error: Gave up after 0.3 s, as --timeout says\n";
    assert.deepEqual(run, { exitCode: 5, stdout: "", stderr, waits: [] });
    registry.assertDone();
  }
});
