import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { CapturedRunOptions } from "../support/capture_host.ts";
import type { Step } from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { type PushRun, runScript, sha256 } from "./push_script.ts";
import { assertRun } from "./run_against.ts";
import { bearer, challenge } from "./script.ts";

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG = {
  mediaType: "application/vnd.oci.image.config.v1+json",
  digest: sha256("{}"),
  size: 2,
};
const SUBJECT = { mediaType: OCI_MANIFEST, digest: sha256("subject"), size: 7 };
const SUBJECT_TAG = SUBJECT.digest.replace(":", "-");

/** An image manifest as text; what is undefined is left out. */
function manifest(fields: object = {}): string {
  const common = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: CONFIG, layers: [] };
  return JSON.stringify({ ...common, ...fields });
}

/** The PUT of a manifest. */
function put(reference = "1", more: Partial<Step> = {}): Step {
  const path = `/v2/app/manifests/${reference}`;
  return { method: "PUT", path, reply: { status: 201 }, ...more };
}

/** What {@linkcode pushText} takes beside script and text. */
interface PushTextOptions extends CapturedRunOptions {
  /** Default: `HOST/app:1`. */
  readonly reference?: string;
  readonly words?: readonly string[];
}

/** Pushes a file that holds the text. */
async function pushText(
  script: readonly Step[],
  text: string | Uint8Array,
  { reference = "HOST/app:1", words = [], ...options }: PushTextOptions = {},
): Promise<PushRun> {
  await using folder = await createTempFolder();
  const file = await folder.write("manifest.json", text);
  return await runScript(script, ["put-manifest", reference, file, ...words], options);
}

test("52: a manifest is sent byte for byte, with its own media type", async () => {
  const text = ` {"layers" : [],\n\t"config":${JSON.stringify(CONFIG)}, "x": 1e2,
    "mediaType": "${OCI_MANIFEST}", "schemaVersion": 2 }\n\n`;
  const run = await pushText([put()], text);
  assertRun(run, { exitCode: 0, stdout: `${sha256(text)}\n`, stderr: "" });
  const [request] = run.requests;
  assert.equal(request?.body, text);
  assert.equal(request?.headers["content-type"], OCI_MANIFEST);
  assert.equal(request?.headers["content-length"], String(text.length));
});

test("- is standard input", async () => {
  const text = manifest();
  const run = await runScript([put("latest")], ["put-manifest", "HOST/app", "-"], { stdin: text });
  assertRun(run, { exitCode: 0, stdout: `${sha256(text)}\n`, stderr: "" });
  assert.equal(run.requests[0]?.body, text);
});

test("without a media type, what it holds decides, or --media-type", async () => {
  const image = manifest({ mediaType: undefined });
  const index = '{"schemaVersion":2,"manifests":[]}';
  const cases = [
    [image, [], OCI_MANIFEST],
    [index, [], OCI_INDEX],
    [image, ["--media-type", DOCKER_MANIFEST], DOCKER_MANIFEST],
    [manifest({ mediaType: DOCKER_MANIFEST }), [], DOCKER_MANIFEST],
    [manifest(), ["--media-type", OCI_MANIFEST], OCI_MANIFEST],
  ] as const;
  for (const [text, words, mediaType] of cases) {
    const run = await pushText([put()], text, { words });
    assertRun(run, { exitCode: 0, stdout: `${sha256(text)}\n`, stderr: "" });
    assert.equal(run.requests[0]?.headers["content-type"], mediaType);
  }
});

test("29: what is no manifest, or two at once, is not sent", async () => {
  const cases = [
    ["", "it is empty"],
    ["\ufeff{}", "it is not JSON"],
    ["[]", "it is not a JSON object"],
    ["{}", "it does not say, nor look like, what kind of manifest it is"],
    [manifest({ manifests: [] }), `it is of the type "${OCI_MANIFEST}", but has "manifests"`],
    [manifest({ mediaType: OCI_INDEX }), `it is of the type "${OCI_INDEX}", but has "config"`],
    [manifest({ mediaType: undefined, manifests: [] }), `it is of the type "${OCI_MANIFEST}"`],
    [manifest({ mediaType: "text/plain" }), '"text/plain" is no type of manifest'],
    [manifest({ mediaType: 7 }), "its mediaType is not text"],
    [manifest({ config: { ...CONFIG, size: -1 } }), 'the size of "config" is not a number'],
    [manifest({ layers: [{ ...CONFIG, digest: "sha256:x" }] }), 'the digest of "layers[0]"'],
  ] as const;
  for (const [text, reason] of cases) {
    const run = await pushText([], text);
    assert.equal(run.exitCode, 2);
    const start = `error: Cannot push the manifest "HOST/app:1": ${reason}`;
    assert.equal(run.stderr.slice(0, start.length), start);
  }
});

test("--media-type does not contradict the manifest", async () => {
  assertRun(await pushText([], manifest(), { words: ["--media-type", OCI_INDEX] }), {
    exitCode: 2,
    stdout: "",
    stderr: `error: Cannot push the manifest "HOST/app:1": its mediaType is "${OCI_MANIFEST}", ` +
      `but it was sent as "${OCI_INDEX}"\n` +
      "hint: Leave out --media-type where it says so itself\n",
  });
  const text = manifest({ mediaType: undefined });
  const wrong = await pushText([], text, { words: ["--media-type", OCI_INDEX] });
  assert.match(wrong.stderr, /it is of the type ".*index.*", but has "config"/);
});

test("30: more than 4 MiB is not sent", async () => {
  const text = manifest() + " ".repeat(4 * 1024 * 1024);
  const run = await pushText([], text);
  assert.equal(run.exitCode, 2);
  assert.match(run.stderr, /it is larger than 4194304 bytes\n/);
  const piped = await runScript([], ["put-manifest", "HOST/app", "-"], { stdin: text });
  assert.deepEqual([piped.exitCode, piped.stderr], [
    2,
    "error: Standard input is larger than 4194304 bytes\n",
  ]);
});

test("a digest in the reference is held against the bytes before anything is sent", async () => {
  const text = manifest();
  const digest = sha256(text);
  const sha512 = `sha512:${createHash("sha512").update(text).digest("hex")}`;
  const good = [
    [`HOST/app@${digest}`, digest, digest],
    [`HOST/app:1@${digest}`, "1", digest],
    [`HOST/app@${sha512}`, sha512, sha512],
  ] as const;
  for (const [reference, where, printed] of good) {
    const run = await pushText([put(where)], text, { reference });
    assertRun(run, { exitCode: 0, stdout: `${printed}\n`, stderr: "" });
  }
  for (const tag of ["", ":1"]) {
    const run = await pushText([], text, { reference: `HOST/app${tag}@${SUBJECT.digest}` });
    assert.deepEqual([run.exitCode, run.stdout], [7, ""]);
    assert.match(run.stderr, new RegExp(`: the digest of the content is ${digest}\nhint: `));
  }
  const unknown = await pushText([], text, { reference: "HOST/app@md5:abc" });
  assert.equal(unknown.exitCode, 2);
});

test("the registry's digest is held against that of the bytes", async () => {
  const text = manifest();
  const said = (digest: string) =>
    put("1", { reply: { status: 201, headers: { "docker-content-digest": digest } } });
  assert.equal((await pushText([said(sha256(text))], text)).exitCode, 0);
  assertRun(await pushText([said(sha256("x"))], text), {
    exitCode: 7,
    stdout: "",
    stderr: `error: Cannot push the manifest "HOST/app:1": HOST says that it stored ` +
      `${sha256("x")}, but ${sha256(text)} was sent\n`,
  });
});

test("what is missing in the registry is said, with how to bring it there", async () => {
  const cases = [
    [400, "MANIFEST_BLOB_UNKNOWN", "Push its blobs first: regctl put-blob HOST/app FILE"],
    [404, "MANIFEST_BLOB_UNKNOWN", "Push its blobs first: regctl put-blob HOST/app FILE"],
    [
      404,
      "MANIFEST_UNKNOWN",
      "Push the manifests that it lists first: regctl put-manifest HOST/app@DIGEST FILE",
    ],
  ] as const;
  const text = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
  const error = { code: "MANIFEST_BLOB_UNKNOWN", message: "unknown", detail: sha256("x") };
  const run = await pushText([
    put("1", {
      reply: {
        status: 400,
        body: { errors: [error, { ...error, detail: { digest: sha256("y") } }] },
      },
    }),
  ], text);
  assert.ok(
    run.stderr.includes(
      `unknown (${sha256("x")}); MANIFEST_BLOB_UNKNOWN: unknown (${sha256("y")})`,
    ),
  );
  assert.match(run.stderr, /hint: Push the manifests that it lists first/);
  for (const [status, code, hint] of cases) {
    const reply = { status, body: { errors: [{ code, message: "unknown" }] } };
    const run = await pushText([put("1", { reply })], manifest());
    assertRun(run, {
      exitCode: status === 404 ? 3 : 6,
      stdout: "",
      stderr: `error: Cannot push the manifest "HOST/app:1": HOST answered ${status} ` +
        `${code}: unknown\nhint: ${hint}\n`,
    });
  }
});

test("F7: the same bytes may be sent again", async () => {
  const text = manifest();
  const run = await pushText([put("1", { reply: { status: 503 } }), put()], text);
  assertRun(run, { exitCode: 0, stdout: `${sha256(text)}\n`, stderr: "" });
  assert.deepEqual(run.requests.map(({ body }) => body), [text, text]);
});

test("65: -o json is one document", async () => {
  const text = manifest();
  const run = await pushText([put()], text, { words: ["-o", "json"] });
  const { reference, ...json } = JSON.parse(run.stdout);
  assert.equal(reference, "HOST/app:1");
  assert.deepEqual(json, { digest: sha256(text), mediaType: OCI_MANIFEST, size: text.length });
});

test("a token is asked for pull and push", async () => {
  const run = await pushText([
    put("1", { reply: challenge(bearer("/token")) }),
    { method: "GET", path: /^\/token\?/, reply: { status: 200, body: { token: "t1" } } },
    put("1", { when: ({ headers }) => headers["authorization"] === "Bearer t1" }),
  ], manifest());
  assert.equal(run.exitCode, 0);
  const query = new URL(run.requests[1]?.path ?? "", "http://x").searchParams;
  assert.equal(query.get("scope"), "repository:app:pull,push");
});

/** The list of referrers under its tag, and what is found there. */
function list(reply: Step["reply"] = { status: 404 }, tag = SUBJECT_TAG): Step {
  return { method: "GET", path: `/v2/app/manifests/${tag}`, ...(reply && { reply }) };
}

/** An index as an answer, with these entries and fields. */
function indexOf(manifests: readonly unknown[], fields: object = {}, type = OCI_INDEX) {
  const body = JSON.stringify({ schemaVersion: 2, mediaType: type, manifests, ...fields });
  return { status: 200, headers: { "content-type": `${type}; charset=utf-8` }, body };
}

const NOTE = `note: The registry keeps no list of referrers: it is in that of ${SUBJECT_TAG}\n`;

test("56: a registry that lists referrers needs no help", async () => {
  const headers = { "oci-subject": SUBJECT.digest };
  const text = manifest({ subject: SUBJECT });
  const run = await pushText([put("1", { reply: { status: 201, headers } })], text);
  assertRun(run, { exitCode: 0, stdout: `${sha256(text)}\n`, stderr: "" });
});

test("56: else the client lists them under the tag of the subject", async () => {
  const annotations = { "org.example": "ä" };
  const cases = [
    [{}, { artifactType: CONFIG.mediaType }],
    [{ artifactType: "text/x" }, { artifactType: "text/x" }],
    [{ artifactType: "text/x", annotations }, { artifactType: "text/x", annotations }],
    [
      { mediaType: OCI_INDEX, config: undefined, layers: undefined, manifests: [], annotations },
      { annotations },
    ],
  ] as const;
  for (const [fields, facts] of cases) {
    const text = manifest({ ...fields, subject: SUBJECT });
    const run = await pushText([put(), list(), put(SUBJECT_TAG)], text, { words: ["-o", "json"] });
    assert.equal(run.exitCode, 0, run.stderr);
    assert.equal(JSON.parse(run.stdout).referrersTag, SUBJECT_TAG);
    const [, got, sent] = run.requests;
    assert.match(got?.headers["accept"] ?? "", /image\.index\.v1\+json/);
    assert.equal(sent?.headers["content-type"], OCI_INDEX);
    const mediaType = "mediaType" in fields ? fields.mediaType : OCI_MANIFEST;
    const entry = { mediaType, digest: sha256(text), size: new TextEncoder().encode(text).length };
    assert.deepEqual(JSON.parse(sent?.body ?? ""), {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [{ ...entry, ...facts }],
    });
  }
});

test("56: other entries, and what else the list says, stay as they are", async () => {
  const other = { ...SUBJECT, digest: sha256("other"), "x-new": [1] };
  const text = manifest({ subject: SUBJECT });
  const reply = indexOf([other], { annotations: { a: "b" }, "x-more": 1 });
  const run = await pushText([put(), list(reply), put(SUBJECT_TAG)], text);
  assertRun(run, { exitCode: 0, stdout: `${sha256(text)}\n`, stderr: NOTE });
  const { manifests, ...fields } = JSON.parse(run.requests[2]?.body ?? "");
  assert.deepEqual(fields, {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    annotations: { a: "b" },
    "x-more": 1,
  });
  assert.deepEqual(manifests[0], other);
  assert.equal(manifests[1].digest, sha256(text));
  assert.equal(manifests.length, 2);
});

test("56: what is listed already is not listed again", async () => {
  const text = manifest({ subject: SUBJECT });
  const reply = indexOf([{ ...SUBJECT, digest: sha256(text) }]);
  const run = await pushText([put(), list(reply)], text);
  assertRun(run, { exitCode: 0, stdout: `${sha256(text)}\n`, stderr: NOTE });
});

test("56: what is no OCI index under that tag is reported and left alone", async () => {
  const replies = [
    indexOf([], {}, "application/vnd.docker.distribution.manifest.list.v2+json"),
    { status: 200, headers: { "content-type": OCI_MANIFEST }, body: manifest() },
    { status: 200, headers: { "content-type": OCI_INDEX }, body: "<html>" },
    { status: 200, headers: { "content-type": "text/html" }, body: "<html>" },
  ];
  const text = manifest({ subject: SUBJECT });
  for (const reply of replies) {
    assertRun(await pushText([put(), list(reply)], text), {
      exitCode: 8,
      stdout: "",
      stderr: `error: Cannot list ${sha256(text)} among the referrers of ` +
        `"HOST/app@${SUBJECT.digest}": it was pushed, but what stands under the tag ` +
        `${SUBJECT_TAG} is not an OCI index\n` +
        "hint: Look at that tag; delete it if it is of no use, and push again\n",
    });
  }
});

test("56: a list of referrers that lies or is damaged is not written over", async () => {
  const text = manifest({ subject: SUBJECT });
  const other = { ...SUBJECT, digest: sha256("other") };
  const good = indexOf([other]);
  const named = (digest: string) => ({
    ...good,
    headers: { ...good.headers, "docker-content-digest": digest },
  });
  const damaged = (body: string) => ({ ...good, body });
  const replies = [
    named(sha256("another list")),
    named("sha256:x"),
    // Not even for what is listed there already.
    { ...indexOf([{ ...SUBJECT, digest: sha256(text) }]), headers: named(SUBJECT.digest).headers },
    damaged(""),
    damaged(good.body.slice(0, -1)),
    damaged(good.body.replace("{", '{"manifests":[],')),
    damaged(good.body.replace("{", '{"Manifests":[],')),
    damaged(good.body.replace("{", `{"x":${"[".repeat(100)}${"]".repeat(100)},`)),
    damaged(good.body.replace("sha256:", "sha256:x")),
  ];
  for (const reply of replies) {
    const run = await pushText([put(), list(reply)], text);
    assert.deepEqual([run.exitCode, run.stdout], [8, ""], run.stderr);
    assert.match(run.stderr, /it was pushed, but what stands under the tag/);
    assert.deepEqual(run.requests.map(({ method }) => method), ["PUT", "GET"]);
  }
  const right = await pushText(
    [put(), list(named(sha256(good.body))), put(SUBJECT_TAG)],
    text,
  );
  assertRun(right, { exitCode: 0, stdout: `${sha256(text)}\n`, stderr: NOTE });
});

test("56: the tag of a long digest is cut", async () => {
  const subject = { ...SUBJECT, digest: `sha512:${"ab".repeat(64)}` };
  const tag = `sha512-${"ab".repeat(32)}`;
  const run = await pushText(
    [put(), list({ status: 404 }, tag), put(tag)],
    manifest({ subject }),
  );
  assert.equal(run.exitCode, 0, run.stderr);
});
