import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { test } from "node:test";
import type { Reply } from "../support/scripted_reply.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import {
  absent,
  begin,
  chunk,
  CONTENT,
  DIGEST,
  finish,
  push,
  runScript,
  sha256,
  UPLOADS,
} from "./push_script.ts";
import { assertRun } from "./run_against.ts";

const HEAD = `HEAD /v2/app/blobs/${DIGEST}`;
const POST = `POST ${UPLOADS}`;
const DONE = { exitCode: 0, stdout: `${DIGEST}\n`, stderr: "" };

test("a blob goes in one piece, to where the registry says", async () => {
  const run = await push([absent(), begin("/up/1"), finish("/up/1")]);
  assertRun(run, DONE);
  assert.deepEqual(run.log, [HEAD, POST, `PUT /up/1?digest=${DIGEST} ${CONTENT}`]);
  const [, post, put] = run.requests;
  assert.equal(post?.headers["content-length"], "0");
  assert.equal(post?.headers["content-type"], undefined);
  assert.equal(put?.headers["content-length"], "10");
  assert.equal(put?.headers["content-type"], "application/octet-stream");
});

test("a blob in chunks, each to where the last answer said", async () => {
  const script = [
    absent(),
    begin("/up/1?a=1"),
    chunk("/up/1?a=1", "/up/2?a=2"),
    chunk("/up/2?a=2", "/up/3"),
    // Without a Location the next one goes there, too.
    { ...chunk("/up/3", ""), reply: { status: 202 } },
    finish("/up/3"),
  ];
  const run = await push(script, { words: ["--chunk-size", "4"] });
  assertRun(run, DONE);
  assert.deepEqual(run.log.slice(2), [
    "PATCH /up/1?a=1 0-3 0123",
    "PATCH /up/2?a=2 4-7 4567",
    "PATCH /up/3 8-9 89",
    `PUT /up/3?digest=${DIGEST}`,
  ]);
  const [, , first, , last, put] = run.requests;
  assert.equal(first?.headers["content-length"], "4");
  assert.equal(first?.headers["content-type"], "application/octet-stream");
  assert.equal(last?.headers["content-length"], "2");
  assert.equal(put?.headers["content-length"], "0");
});

test("chunks as large as the blob, or of size 0, are one piece", async () => {
  for (const size of ["10", "1MiB", "0"]) {
    const script = [absent(), begin("/up/1"), finish("/up/1")];
    const run = await push(script, { words: ["--chunk-size", size] });
    assertRun(run, DONE);
    assert.equal(run.log.at(-1), `PUT /up/1?digest=${DIGEST} ${CONTENT}`);
  }
});

test("above 64 MiB a blob goes in chunks of 16 MiB", async () => {
  const content = Buffer.alloc(64 * 1024 * 1024 + 1, "x");
  const digest = sha256(content);
  const run = await push(
    [
      absent(digest),
      begin("/up/1"),
      chunk("/up/1", "/up/1", { times: 5 }),
      finish("/up/1", { status: 201 }, digest),
    ],
    { content },
  );
  assertRun(run, { ...DONE, stdout: `${digest}\n` });
  const sizes = run.requests.filter(({ method }) => method === "PATCH")
    .map(({ bytes }) => bytes.length);
  assert.deepEqual(sizes, [...new Array<number>(4).fill(16 * 1024 * 1024), 1]);
});

test("F27: chunks are as large as the registry wants at least", async () => {
  const script = [
    absent(),
    begin("/up/1", { "oci-chunk-min-length": "6" }),
    chunk("/up/1", "/up/1", { times: 2 }),
    finish("/up/1"),
  ];
  const run = await push(script, { words: ["--chunk-size", "4"] });
  assertRun(run, DONE);
  assert.deepEqual(run.log.slice(2, 4), ["PATCH /up/1 0-5 012345", "PATCH /up/1 6-9 6789"]);
});

test("51: nothing is sent of a blob that is there", async () => {
  const script = [{ ...absent(), reply: { status: 200 } }];
  const run = await push(script);
  assertRun(run, { ...DONE, stderr: "note: It is there already: nothing was sent\n" });
  const quiet = await push(script, { words: ["-q", "-o", "json"] });
  assert.equal(quiet.stderr, "");
  const { repository, ...json } = JSON.parse(quiet.stdout);
  assert.equal(repository, "HOST/app");
  assert.deepEqual(json, { digest: DIGEST, size: 10, alreadyThere: true });
});

test("F17: a registry that cannot be asked for a blob is sent it", async () => {
  for (const status of [405, 501]) {
    const run = await push([{ ...absent(), reply: { status } }, begin("/up/1"), finish("/up/1")]);
    assertRun(run, DONE);
  }
});

test("65: -o json is one document", async () => {
  const script = [absent(), begin("/up/1"), finish("/up/1")];
  const run = await push(script, { words: ["-o", "json"] });
  assert.equal(run.stderr, "");
  assert.deepEqual(JSON.parse(run.stdout), {
    repository: "HOST/app",
    digest: DIGEST,
    size: 10,
    alreadyThere: false,
  });
});

test("progress is shown on a terminal, and gone in the end", async () => {
  const script = [absent(), begin("/up/1"), chunk("/up/1", "/up/1", { times: 3 }), finish("/up/1")];
  const run = await push(script, { words: ["--chunk-size", "4"], isTerminal: true });
  const shown = run.stderr.split("\r\x1b[K");
  assert.deepEqual(shown.map((text) => /\d+ B of 10 B/.exec(text)?.[0] ?? text), [
    ...["", "0 B of 10 B", "4 B of 10 B", "8 B of 10 B", "10 B of 10 B", "10 B of 10 B", ""],
  ]);
});

test("an empty blob", async () => {
  const digest = sha256("");
  const script = [
    absent(digest),
    begin("/up/1"),
    finish("/up/1", { status: 201 }, digest),
  ];
  for (const size of ["0", "4"]) {
    const run = await push(script, { content: "", words: ["--chunk-size", size] });
    assertRun(run, { ...DONE, stdout: `${digest}\n` });
    assert.equal(run.requests.at(-1)?.headers["content-length"], "0");
    assert.equal(run.requests.at(-1)?.headers["transfer-encoding"], undefined);
  }
});

test("- is standard input, byte for byte; its copy is private and does not stay", async () => {
  await using folder = await createTempFolder();
  const env = { TMPDIR: folder.path };
  const bytes = Uint8Array.of(0xff, 0, 0xfe, 10, 13, 0x80);
  const digest = sha256(bytes);
  const modes: number[] = [];
  const seeCopy = () => {
    for (const name of readdirSync(folder.path, { recursive: true, encoding: "utf8" })) {
      modes.push(statSync(folder.join(name)).mode & 0o777);
    }
    return { status: 404 };
  };
  const run = await runScript(
    [
      { method: "HEAD", path: `/v2/app/blobs/${digest}`, replyWith: seeCopy },
      begin("/up/1"),
      finish("/up/1", { status: 201 }, digest),
    ],
    ["put-blob", "HOST/app", "-"],
    { stdin: bytes, env },
  );
  assertRun(run, { ...DONE, stdout: `${digest}\n` });
  assert.deepEqual([...run.requests.at(-1)?.bytes ?? []], [...bytes]);
  assert.deepEqual(modes, [0o700, 0o600]);

  const refused = [{ ...absent(digest), reply: { status: 400 } }];
  const failed = await runScript(refused, ["put-blob", "HOST/app", "-"], { stdin: bytes, env });
  assert.equal(failed.exitCode, 6);
  assert.deepEqual(readdirSync(folder.path), []);
});

test("what cannot be read is said before anything is asked", async () => {
  const cases = [
    ["/nonexistent/file", "there is no such file"],
    ["/", "it is a folder"],
    ["/dev/null", "it is not a plain file\nhint: Pipe it in, and write - in its place"],
  ] as const;
  for (const [file, reason] of cases) {
    const run = await runScript([], ["put-blob", "HOST/app", file]);
    assertRun(run, { exitCode: 2, stdout: "", stderr: `error: Cannot read ${file}: ${reason}\n` });
  }
});

test("wrong words are told from each other", async () => {
  const cases = [
    [["HOST/app:1", "x"], /^error: Not a repository: "HOST\/app:1" names one manifest\n/],
    [["HOST/app", "x", "--chunk-size", "4mb"], /Write 8MiB, 512KiB, 1GiB, or a number of bytes/],
    [["HOST/app", "x", "--algorithm", "md5"], /Allowed choices are sha256, sha512/],
    [["HOST/app", "-", "-u", "ann", "--password-stdin"], /both the password and the content/],
    [["HOST/app"], /missing required argument 'file'/i],
  ] as const;
  for (const [words, message] of cases) {
    const run = await runScript([], ["put-blob", ...words], { stdin: "secret" });
    assert.equal(run.exitCode, 2, run.stderr);
    assert.match(run.stderr, message);
  }
});

test("another digest than that of what was sent ends with 7, and nothing is printed", async () => {
  const wrong = sha256("other");
  const headers = { "docker-content-digest": wrong };
  const run = await push([absent(), begin("/up/1"), finish("/up/1", { status: 201, headers })]);
  assertRun(run, {
    exitCode: 7,
    stdout: "",
    stderr: `error: Cannot push ${DIGEST} to "HOST/app": HOST says that it stored ${wrong}, ` +
      `but ${DIGEST} was sent\n`,
  });
});

test("sha512 is said from the start, and the registry may name it by sha256", async () => {
  const digest = `sha512:${createHash("sha512").update(CONTENT).digest("hex")}`;
  for (const [stored, exitCode] of [[digest, 0], [DIGEST, 0], [sha256("x"), 7]] as const) {
    const headers = { "docker-content-digest": stored };
    const script = [
      absent(digest),
      { ...begin("/up/1"), path: `${UPLOADS}?digest-algorithm=sha512` },
      finish("/up/1", { status: 201, headers }, digest),
    ];
    const run = await push(script, { words: ["--algorithm", "sha512"] });
    assert.equal(run.exitCode, exitCode, run.stderr);
    assert.equal(run.stdout, exitCode === 0 ? `${digest}\n` : "");
  }
});

test("what the registry refuses is said with what helps", async () => {
  const answer = (reply: Reply) => ({ method: "POST", path: UPLOADS, reply });
  const denied = { errors: [{ code: "DENIED", message: "no" }] };
  const invalid = { errors: [{ code: "DIGEST_INVALID", message: "no" }] };
  const cases = [
    [[answer({ status: 403, body: denied })], 4, /403 DENIED/],
    [[answer({ status: 405 })], 6, /answered 405/],
    [[answer({ status: 202 })], 7, /where to upload/],
    [[answer({ status: 201 })], 7, /answered 201/],
    [
      [begin("/up/1"), finish("/up/1", { status: 413 }), { method: "DELETE", path: "/up/1" }],
      6,
      /answered 413\nhint: Send it in smaller pieces with --chunk-size 5MiB\n/,
    ],
    [
      [
        begin("/up/1"),
        finish("/up/1", { status: 400, body: invalid }),
        { method: "DELETE", path: "/up/1", reply: { status: 404 } },
      ],
      6,
      /DIGEST_INVALID: no\nhint: Look whether the file changes while it is read\n/,
    ],
  ] as const;
  for (const [steps, exitCode, message] of cases) {
    const run = await push([absent(), ...steps]);
    assert.deepEqual([run.exitCode, run.stdout], [exitCode, ""], run.stderr);
    assert.match(run.stderr, message);
  }
});
