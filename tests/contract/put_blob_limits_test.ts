import assert from "node:assert/strict";
import { test } from "node:test";
import { startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import { absent, begin, cancel, DIGEST, finish, push, sha256 } from "./push_script.ts";
import { assertRun } from "./run_against.ts";

const SIZE = 3200;
const CONTENT = "x".repeat(SIZE);
/** What is progress for content of this size. */
const SIXTEENTH = SIZE / 16;

/** Refuses each PUT, and says each time that so many bytes more are there, until all are. */
async function pushSlowly(step: number) {
  const digest = sha256(CONTENT);
  const path = `/up/1?digest=${digest}`;
  let puts = 0;
  const answer = { location: "/up/1" };
  const script: readonly Step[] = [
    absent(digest),
    begin("/up/1"),
    {
      method: "PUT",
      path,
      times: Infinity,
      replyWith: () => ({ status: puts++ * step >= SIZE ? 201 : 416 }),
    },
    {
      method: "GET",
      path: "/up/1",
      times: Infinity,
      replyWith: () => ({ status: 204, headers: { ...answer, range: `0-${puts * step - 1}` } }),
    },
    { ...cancel("/up/1"), times: Infinity },
  ];
  const run = await push(script, { content: CONTENT });
  return { ...run, puts, digest };
}

test("an upload that each time gets on by a few bytes ends", async () => {
  for (const step of [2, 10]) {
    const run = await pushSlowly(step);
    assert.deepEqual([run.exitCode, run.stdout], [6, ""], run.stderr);
    assert.match(run.stderr, /answered 416/);
    assert.equal(run.puts, 5);
    assert.equal(run.log.at(-1), "DELETE /up/1");
  }
});

test("an upload that each time gets on by a sixteenth goes on to its end", async () => {
  const run = await pushSlowly(SIXTEENTH);
  assertRun(run, { exitCode: 0, stdout: `${run.digest}\n`, stderr: "" });
  assert.equal(run.puts, 17);
});

test("F17: storage that lets nobody ask for a blob by HEAD does not keep it from being sent", async () => {
  for (const status of [400, 403, 404]) {
    await using storage = await startScriptedRegistry([
      { method: "HEAD", path: "/blob?sig=1", reply: { status } },
    ]);
    const headers = { location: `${storage.url}/blob?sig=1` };
    const run = await push([
      { ...absent(), reply: { status: 307, headers } },
      begin("/up/1"),
      finish("/up/1"),
    ]);
    storage.assertDone();
    assertRun(run, { exitCode: 0, stdout: `${DIGEST}\n`, stderr: "" });
  }
  for (const [status, exitCode] of [[400, 6], [403, 4]] as const) {
    const run = await push([{ ...absent(), reply: { status } }]);
    assert.deepEqual([run.exitCode, run.stdout], [exitCode, ""], run.stderr);
  }
});

test("a web page, or another blob, is not taken for the blob that is to be pushed", async () => {
  const cases = [
    [{ "content-type": "text/html; charset=utf-8" }, /is not a registry's answer/],
    [{ "docker-content-digest": sha256("other") }, /says that its digest is sha256:/],
  ] as const;
  for (const [headers, says] of cases) {
    const run = await push([{ ...absent(), reply: { status: 200, headers } }]);
    assert.deepEqual([run.exitCode, run.stdout], [7, ""], run.stderr);
    assert.match(run.stderr, says);
  }
});
