import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createClient,
  deleteManifest,
  type ErrorCode,
  getManifest,
  parseReference,
  parseRegistry,
  passwordCredential,
  readBlob,
  RegctlError,
  repositories,
  supportsVersion2,
  tags,
} from "../../core/mod.ts";
import { startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import { image, LAYER, manifestStep, serve } from "./oci_content.ts";
import { basic, challenge, getAs, page, TAGS, TAGS_PATH } from "./script.ts";

// What a program that is built on the library sees.

const DIGEST = image().digest;

/** Runs a task with a client of a scripted registry and the registry's `app`. */
async function withClient<T>(
  script: readonly Step[],
  task: (
    client: ReturnType<typeof createClient>,
    reference: ReturnType<typeof parseReference>,
  ) => Promise<T>,
  options: Parameters<typeof createClient>[1] = {},
): Promise<T> {
  await using registry = await startScriptedRegistry(script);
  const reference = parseReference(`${registry.host}/app@${DIGEST}`);
  const client = createClient(reference.repository.registry, { retries: 0, ...options });
  try {
    return await task(client, reference);
  } finally {
    registry.assertDone();
  }
}

async function codeOf(task: Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await task;
    return undefined;
  } catch (error) {
    assert.ok(error instanceof RegctlError, String(error));
    return error.code;
  }
}

test("35: only 202 is a deletion", async () => {
  const path = `/v2/app/manifests/${DIGEST}`;
  const table: readonly (readonly [number, ErrorCode | undefined])[] = [
    [202, undefined],
    [200, undefined],
    [204, undefined],
    [307, "INVALID_RESPONSE"],
    [400, "REFUSED"],
    [401, "UNAUTHORIZED"],
    [403, "DENIED"],
    [404, "NOT_FOUND"],
    [405, "UNSUPPORTED"],
  ];
  for (const [status, code] of table) {
    const headers = status === 401 ? { "www-authenticate": 'Basic realm="x"' } : {};
    const reply = { status, headers: { location: "/elsewhere", ...headers } };
    const script = [{ method: "DELETE", path, reply }];
    assert.equal(
      await withClient(script, (client, app) => codeOf(deleteManifest(client, app))),
      code,
      String(status),
    );
  }
});

test("44: a 404 to a repeated DELETE means that the first one did it", async () => {
  const step = { method: "DELETE", path: `/v2/app/manifests/${DIGEST}` };
  const waits: number[] = [];
  const clock = {
    now: () => 0,
    random: () => 0,
    sleep: (ms: number) => {
      waits.push(ms);
      return Promise.resolve();
    },
  };
  const script: Step[] = [
    // Once an answer has begun, no runtime repeats the request by itself.
    { ...step, reply: { status: 202, body: "gone" }, fault: "reset-mid-body" },
    { ...step, reply: { status: 404 } },
  ];
  const code = await withClient(script, (client, app) => codeOf(deleteManifest(client, app)), {
    retries: 1,
    clock,
  });
  assert.deepEqual([code, waits.length], [undefined, 1]);
});

test("44: a 404 behind an answer that leaves it open counts as done, behind any other not", async () => {
  const step = { method: "DELETE", path: `/v2/app/manifests/${DIGEST}` };
  const clock = { now: () => 0, random: () => 0, sleep: () => Promise.resolve() };
  const table: readonly (readonly [readonly number[], ErrorCode | undefined])[] = [
    [[408], undefined],
    [[500], undefined],
    [[502], undefined],
    [[504], undefined],
    [[500, 429], undefined],
    [[429], "NOT_FOUND"],
    [[503], "NOT_FOUND"],
    [[503, 429], "NOT_FOUND"],
    [[], "NOT_FOUND"],
  ];
  for (const [statuses, expected] of table) {
    const script = [...statuses, 404].map((status) => ({ ...step, reply: { status } }));
    const code = await withClient(script, (client, app) => codeOf(deleteManifest(client, app)), {
      retries: 2,
      clock,
    });
    assert.equal(code, expected, String(statuses));
  }
});

test("a credential is asked for when the registry asks, once, and stays out of the log", async () => {
  let asked = 0;
  const log: string[] = [];
  const script = [
    getAs(undefined, TAGS_PATH, challenge('Basic realm="x"')),
    getAs(basic("änn", "sec:rét"), TAGS_PATH, page("1", `${TAGS_PATH}?last=1`)),
    getAs(basic("änn", "sec:rét"), `${TAGS_PATH}?last=1`, TAGS),
  ];
  const found = await withClient(script, async (client, { repository }) => {
    const names: string[] = [];
    for await (const tag of tags(client, repository)) names.push(tag);
    return names;
  }, {
    findCredential: () => {
      asked++;
      return Promise.resolve(passwordCredential("änn", "sec:rét"));
    },
    log: { headers: true, write: (line) => log.push(line) },
  });
  assert.deepEqual([found, asked], [["1"], 1]);
  assert.ok(log.length > 3);
  const shown = log.join("\n");
  assert.ok(!shown.includes("sec:") && !shown.includes(basic("änn", "sec:rét")), shown);
});

test("repositories come page by page; who has enough asks for no more", async () => {
  const reply = { status: 200, headers: { link: '</v2/_catalog?x>; rel="next"' } };
  const script = [{
    method: "GET",
    path: "/v2/_catalog",
    reply: { ...reply, body: { repositories: ["a", "b"] } },
  }];
  await withClient(script, async (client) => {
    for await (const name of repositories(client)) {
      assert.equal(name, "a");
      break;
    }
  });
});

test("supportsVersion2 is false for what is no registry, and fails where nobody answers", async () => {
  const step = (reply: Step["reply"]): Step[] => [
    { method: "GET", path: "/v2/", ...(reply && { reply }) },
  ];
  const isRegistry = (reply: Step["reply"]) =>
    withClient(step(reply), (client) => supportsVersion2(client));
  assert.equal(await isRegistry({ status: 200, body: {} }), true);
  assert.equal(await isRegistry(challenge('Basic realm="x"')), true);
  assert.equal(await isRegistry({ status: 404 }), false);
  assert.equal(await isRegistry({ status: 200, body: "hello" }), false);
  const nobody = createClient(parseRegistry("127.0.0.1:1"), { retries: 0 });
  assert.equal(await codeOf(supportsVersion2(nobody)), "NETWORK");
});

test("an abort ends requests with its own reason", async () => {
  const abort = new AbortController();
  const reason = new Error("enough");
  const script: Step[] = [{ ...manifestStep(DIGEST, { status: 200 }), fault: "hang" }];
  await assert.rejects(
    withClient(script, async (client, app) => {
      const task = getManifest(client, app);
      setTimeout(() => abort.abort(reason), 20);
      await task;
    }, { signal: abort.signal }),
    (error) => error === reason,
  );
});

test("a stream that is left early ends the request", async () => {
  const script: Step[] = [{
    method: "GET",
    path: `/v2/app/blobs/${LAYER.digest}`,
    reply: serve(LAYER),
    fault: "endless-body",
  }];
  await withClient(script, async (client, { repository }) => {
    const { pieces } = await readBlob(client, repository, LAYER.digest);
    let bytes = 0;
    for await (const piece of pieces) {
      bytes += piece.byteLength;
      if (bytes > 10) break;
    }
    assert.ok(bytes > 10);
  });
});
