import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pushImage } from "../support/push.ts";
import { Random } from "../support/random.ts";
import { type ServingProgram, startServe } from "../support/serve_program.ts";
import { createTempFolder } from "../support/temp_folder.ts";

const KILLS = 20;
const PUSHERS = 4;
const LAYER_BYTES = 200_000;

/** An image that the registry has said it has. */
interface Acknowledged {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

async function push({ url }: ServingProgram, repository: string, tag: string) {
  const digest = await pushImage(url, repository, tag, {
    layers: [randomBytes(LAYER_BYTES)],
    config: { config: { Labels: { title: tag } } },
  });
  return { repository, tag, digest };
}

/** Reads an image whole, holding each part of it against its digest. */
async function assertWhole({ url }: ServingProgram, { repository, tag, digest }: Acknowledged) {
  const read = async (path: string, expected: string) => {
    const response = await fetch(`${url}/v2/${repository}/${path}`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    assert.equal(response.status, 200, `${repository}/${path}`);
    assert.equal(`sha256:${createHash("sha256").update(bytes).digest("hex")}`, expected);
    return bytes;
  };
  const bytes = await read(`manifests/${tag}`, digest);
  const { config, layers } = JSON.parse(new TextDecoder().decode(bytes));
  for (const part of [config, ...layers]) await read(`blobs/${part.digest}`, part.digest);
}

/** Holds every file of a folder's layouts against its name, and reads every list. */
async function assertFolderWhole(folder: string): Promise<void> {
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const [, algorithm, encoded] = /\/blobs\/(sha256|sha512)\/([^/]+)$/.exec(path) ?? [];
    if (path.endsWith("/index.json")) JSON.parse(readFileSync(join(folder, path), "utf8"));
    if (!algorithm) continue;
    const hash = createHash(algorithm);
    for await (const chunk of createReadStream(join(folder, path))) hash.update(chunk);
    assert.equal(hash.digest("hex"), encoded, path);
  }
}

test(`61: after ${KILLS} kills in the middle of pushes, all that was acknowledged is there`, async () => {
  await using folder = await createTempFolder();
  const acknowledged: Acknowledged[] = [];
  const random = new Random(1);
  for (let round = 0; round < KILLS; round++) {
    await using serving = await startServe(["--dir", folder.path, "-q"]);
    // The kill comes right behind one answer, and so amid whatever the other pushers are doing.
    let left = 1 + random.below(12);
    const pushUntilKilled = async (pusher: number) => {
      for (let i = 0;; i++) {
        const tag = `r${round}-p${pusher}-${i}`;
        const pushed = await push(serving, pusher % 2 ? "app" : `team/app${pusher}`, tag);
        acknowledged.push(pushed);
        if (--left === 0) serving.kill("SIGKILL");
      }
    };
    await Promise.allSettled(Array.from({ length: PUSHERS }, (_, i) => pushUntilKilled(i)));
    assert.deepEqual(await serving.wait(), { exitCode: null, signal: "SIGKILL" });
  }
  await using serving = await startServe(["--dir", folder.path]);
  assert.ok(acknowledged.length >= KILLS);
  for (const one of acknowledged) await assertWhole(serving, one);
  await assertFolderWhole(folder.path);
  assert.deepEqual(readdirSync(folder.join(".regctl/scratch")), []);
});

test("50 pushes of distinct images while 50 readers list: nothing is lost, nothing fails", async () => {
  await using serving = await startServe(["-q"]);
  const pushes = Promise.all(
    Array.from({ length: 50 }, (_, i) => push(serving, `team/app${i % 5}`, `t${i}`)),
  );
  let isOver = false;
  pushes.finally(() => isOver = true).catch(() => {});
  const statuses = new Set<number>();
  const readers = Array.from({ length: 50 }, async (_, i) => {
    const path = i % 2 ? "_catalog" : `team/app${i % 5}/tags/list`;
    do {
      const response = await fetch(`${serving.url}/v2/${path}`);
      await response.arrayBuffer();
      statuses.add(response.status);
    } while (!isOver);
  });
  await Promise.all(readers);
  for (const pushed of await pushes) await assertWhole(serving, pushed);
  // 404: before the first push into a repository.
  for (const status of statuses) assert.ok([200, 404].includes(status), String(status));
  for (let i = 0; i < 5; i++) {
    const { tags } = await (await fetch(`${serving.url}/v2/team/app${i}/tags/list`)).json();
    assert.equal(tags.length, 10);
  }
});
