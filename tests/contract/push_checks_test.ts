import assert from "node:assert/strict";
import { mkdir, readdir } from "node:fs/promises";
import { test } from "node:test";
import {
  createClient,
  deleteManifest,
  parseReference,
  pushManifest,
  RegctlError,
} from "../../core/mod.ts";
import { OCI_MANIFEST } from "../../core/oci/media_types.ts";
import { runCaptured } from "../support/capture_host.ts";
import { type RecordedRequest, startScriptedRegistry } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { image, pointTo } from "./oci_content.ts";
import {
  absent,
  begin,
  cancel,
  chunk,
  DIGEST,
  finish,
  push,
  received,
  runScript,
} from "./push_script.ts";
import { assertRun, runAgainst } from "./run_against.ts";
import { basic, bearer, challenge, get, getAs } from "./script.ts";

const IMAGE = image();

test("F7: the start of an upload is tried again", async () => {
  for (const status of [500, 502, 503, 504, 429]) {
    const run = await push([
      absent(),
      { method: "POST", path: "/v2/app/blobs/uploads/", reply: { status } },
      begin("/up/1"),
      finish("/up/1"),
    ]);
    assert.equal(run.exitCode, 0, `${status} ${run.stderr}`);
    assert.equal(run.waits.length, 1);
  }
});

test("F6: an upload that is told to wait waits so long, says so, and not for ever", async () => {
  const cases = [["7", 7000], ["86400", 60_000], ["junk", undefined]] as const;
  for (const [value, wait] of cases) {
    for (const status of [429, 503]) {
      const reply = { status, headers: { "retry-after": value } };
      const run = await push([
        absent(),
        begin("/up/1"),
        chunk("/up/1", "", { reply }),
        received("/up/1", 3),
        chunk("/up/1", "/up/1", { times: 2 }),
        finish("/up/1"),
      ], { words: ["--chunk-size", "4"] });
      assert.equal(run.exitCode, 0, run.stderr);
      assert.equal(run.waits.length, 1);
      if (wait === undefined) continue;
      assert.equal(run.waits[0], wait);
      const note = `note: The upload was interrupted, it goes on in ${wait / 1000} s\n`;
      assert.equal(run.stderr, note);
    }
  }
});

test("56: a list of referrers that cannot be read or written ends with an error", async () => {
  const subject = pointTo(image({ annotations: { of: "subject" } }));
  const signature = image({ subject });
  const tag = (subject as { digest: string }).digest.replace(":", "-");
  const path = `/v2/app/manifests/${tag}`;
  const put = { method: "PUT", path: "/v2/app/manifests/1", reply: { status: 201 } };
  for (const [status, exitCode] of [[403, 4], [500, 5], [405, 6]] as const) {
    await using folder = await createTempFolder();
    const file = await folder.write("manifest", signature.bytes);
    const words = ["put-manifest", "HOST/app:1", file, "--retries", "0"];
    const unread = await runScript([put, get(path, { status })], words);
    assert.deepEqual([unread.exitCode, unread.stdout], [exitCode, ""], unread.stderr);
    const unwritten = await runScript([
      ...[put, get(path, { status: 404 })],
      { method: "PUT", path, reply: { status } },
    ], words);
    assert.deepEqual([unwritten.exitCode, unwritten.stdout], [exitCode, ""], unwritten.stderr);
    assert.match(unwritten.stderr, /Cannot list sha256:[0-9a-f]{64} among the referrers of/);
  }
});

test("75: a registry that knows the user and is none stores nothing", async () => {
  for (const status of [404, 500, 200]) {
    await using folder = await createTempFolder();
    await using registry = await startScriptedRegistry([
      getAs(undefined, "/v2/", challenge('Basic realm="x"')),
      getAs(basic("ann", "secret"), "/v2/", { status }),
    ]);
    const words = ["login", registry.host, "-u", "ann", "--password-stdin", "--retries", "0"];
    const env = { DOCKER_CONFIG: folder.path };
    const run = await runCaptured(words, { stdin: "secret", env });
    assert.equal(run.exitCode === 0, status === 200, run.stderr);
    assert.deepEqual(await readdir(folder.path), status === 200 ? ["config.json"] : []);
  }
});

test("deleteManifest asks for the rights to pull and to delete", async () => {
  const path = "/v2/app/manifests/1";
  const isKnown = ({ headers }: RecordedRequest) => headers["authorization"] === "Bearer t";
  await using registry = await startScriptedRegistry([
    { method: "DELETE", path, when: isKnown, reply: { status: 202 } },
    { method: "DELETE", path, reply: challenge(bearer("/token")) },
    get("/token?service=registry.test&scope=repository%3Aapp%3Apull%2Cdelete", {
      status: 200,
      body: { token: "t" },
    }),
  ]);
  const reference = parseReference(`${registry.host}/app:1`);
  await deleteManifest(createClient(reference.repository.registry, { retries: 0 }), reference);
  registry.assertDone();
});

test("4: pushManifest sends nothing for a digest that cannot be verified", async () => {
  await using registry = await startScriptedRegistry([]);
  const { repository } = parseReference(`${registry.host}/app:1`);
  const client = createClient(repository.registry, { retries: 0 });
  for (const digest of ["sha256:../../x", "md5:abc"]) {
    for (const more of [{}, { tag: "1" }]) {
      await assert.rejects(
        pushManifest(client, { repository, digest, ...more }, new Uint8Array(IMAGE.bytes)),
        (error) => error instanceof RegctlError && error.code === "USAGE",
      );
    }
  }
  assert.deepEqual(registry.requests, []);
});

test("a manifest that is refused is called as it was named", async () => {
  await using folder = await createTempFolder();
  const file = await folder.write("manifest", IMAGE.bytes);
  for (const name of [":1", `@${IMAGE.digest}`, `:1@${IMAGE.digest}`]) {
    const where = /^:(\w+)/.exec(name)?.[1] ?? IMAGE.digest;
    const run = await runAgainst(
      [{ method: "PUT", path: `/v2/app/manifests/${where}`, reply: { status: 403 } }],
      ["put-manifest", `HOST/app${name}`, file],
    );
    assert.equal(run.exitCode, 4);
    const shown = name.startsWith(":1") ? ":1" : name;
    assert.match(run.stderr, new RegExp(`^error: Cannot push the manifest "HOST/app${shown}": `));
  }
});

test("57: an upload that is over is not cancelled", async () => {
  const run = await push([absent(), begin("/up/1"), finish("/up/1")]);
  assertRun(run, { exitCode: 0, stdout: `${DIGEST}\n`, stderr: "" });
  assert.ok(!run.log.some((line) => line.startsWith("DELETE")), run.log.join("\n"));
  const lost = await push([
    absent(),
    begin("/up/1"),
    { ...finish("/up/1"), reply: { status: 404 } },
    absent(),
    begin("/up/2"),
    { ...finish("/up/2"), reply: { status: 403 } },
    cancel("/up/2"),
  ]);
  assert.equal(lost.exitCode, 4, lost.stderr);
});

test("put-manifest: only a plain file, and only once standard input", async () => {
  await using folder = await createTempFolder();
  await mkdir(folder.join("folder"));
  const cases = [
    [[folder.join("folder")], /it is a folder/],
    [[folder.join("missing")], /there is no such file/],
    [["-", "-u", "ann", "--password-stdin"], /both the password and the content/],
  ] as const;
  for (const [words, message] of cases) {
    const run = await runScript([], ["put-manifest", "HOST/app:1", ...words], { stdin: "x" });
    assert.deepEqual([run.exitCode, run.stdout], [2, ""]);
    assert.match(run.stderr, message);
  }
  const type = ["--media-type", OCI_MANIFEST];
  const wrong = await runScript([], ["put-manifest", "HOST/app:1", "-", ...type], { stdin: "x" });
  assert.deepEqual([wrong.exitCode, wrong.stdout], [2, ""]);
});
