import assert from "node:assert/strict";
import { readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { SYSTEM_CLOCK } from "../../../../core/runtime/system_clock.ts";
import { updateFile } from "../../../../core/runtime/update_file.ts";
import { createFakeClock } from "../../../support/fake_host.ts";
import { createTempFolder } from "../../../support/temp_folder.ts";

test("F33: who lost the lock leaves it to who has it now", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("config.json", "one");
  const clock = createFakeClock(Date.now());
  let calls = 0;
  await updateFile(clock, path, (old) => {
    calls++;
    // Another program has taken the lock over, and is still at it.
    if (calls === 2) writeFileSync(`${path}.lock`, "another program's");
    return new TextEncoder().encode(`${new TextDecoder().decode(old)} two`);
  }, { maxBytes: 1000 });
  assert.equal(calls, 3);
  // It was killed, as it seems: its lock is ten seconds old by then.
  const waitedMs = clock.waits.reduce((sum, ms) => sum + ms, 0);
  assert.ok(waitedMs > 9000, `${waitedMs} ms`);
  assert.equal(readFileSync(path, "utf8"), "one two");
  assert.deepEqual(readdirSync(folder.path), ["config.json"]);
});

test("70: as many links are followed as the system follows", async () => {
  await using folder = await createTempFolder();
  await folder.write("0", "one");
  for (let i = 1; i <= 39; i++) symlinkSync(`${i - 1}`, folder.join(`${i}`));
  const change = () => new TextEncoder().encode("two");
  await updateFile(SYSTEM_CLOCK, folder.join("39"), change, { maxBytes: 1000 });
  assert.equal(readFileSync(folder.join("0"), "utf8"), "two");
  assert.equal(readFileSync(folder.join("39"), "utf8"), "two");
});

test("F33: a lock of a clock that goes ahead is left behind once its time is over", async () => {
  for (const [aheadMs, waitMs] of [[60_000, 0], [4000, 14_000]] as const) {
    await using folder = await createTempFolder();
    const path = await folder.write("config.json", "one");
    await folder.write("config.json.lock", "another program's");
    const clock = createFakeClock(Date.now());
    const madeAt = (clock.now() + aheadMs) / 1000;
    utimesSync(`${path}.lock`, madeAt, madeAt);
    await updateFile(clock, path, () => new TextEncoder().encode("two"), { maxBytes: 1000 });
    const waitedMs = clock.waits.reduce((sum, ms) => sum + ms, 0);
    assert.ok(waitedMs >= waitMs && waitedMs < waitMs + 100, `${waitedMs} ms`);
    assert.equal(readFileSync(path, "utf8"), "two");
    assert.deepEqual(readdirSync(folder.path), ["config.json"]);
  }
});
