import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  OCI_INDEX,
  OCI_MANIFEST,
} from "../../core/oci/media_types.ts";
import { runCapturedBytes } from "../support/capture_host.ts";
import { startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import {
  blobStep,
  CONFIG,
  type Content,
  content,
  digestOf,
  image,
  index,
  LAYER,
  manifestStep,
  pointTo,
  serve,
} from "./oci_content.ts";
import { assertRun, runAgainst } from "./run_against.ts";

const HEX = "0123456789abcdef".repeat(4);
const REF = "HOST/app:1";
const ACCEPT = [OCI_INDEX, OCI_MANIFEST, DOCKER_MANIFEST_LIST, DOCKER_MANIFEST].join(", ");

/** `regctl manifest HOST/app:1` where the registry serves this. */
function get(step: Partial<Step>, ...words: string[]) {
  const reply = { status: 200 };
  return runAgainst([manifestStep("1", reply, step)], ["manifest", REF, ...words]);
}

/** Holds a run that must print nothing against its exit code and what it says. */
function assertRefused(
  run: { exitCode: number; stdout: string; stderr: string },
  exitCode: number,
  says: RegExp,
): void {
  assert.equal(run.stdout, "");
  assert.equal(run.exitCode, exitCode, run.stderr);
  assert.match(run.stderr, says);
  assert.doesNotMatch(run.stderr, /\n\s+at /);
}

// Written by hand, with everything that a re-serialisation would change.
const ODD = content(
  `\n{ "schemaVersion":2,\t"mediaType": "${OCI_MANIFEST}", "config": ${
    JSON.stringify(pointTo(CONFIG))
  },\r\n "layers" : [ ], "annotations":{"b":"\\u00e9 é \\/ 1.0","a":"</script>"}, "x": 1.0e3 } \n\n`,
  OCI_MANIFEST,
);

test("27: raw prints the very bytes, and nothing behind them", async () => {
  await using registry = await startScriptedRegistry([
    manifestStep("1", serve(ODD), { when: ({ headers }) => headers["accept"] === ACCEPT }),
  ]);
  const run = await runCapturedBytes(["manifest", `${registry.host}/app:1`]);
  registry.assertDone();
  assert.equal(run.exitCode, 0, run.stderr);
  assert.deepEqual(run.bytes, ODD.bytes);
  assert.equal(digestOf(run.bytes), ODD.digest);
});

test("27: a terminal gets the same, fit to be looked at", async () => {
  const evil = image({ annotations: { a: "\u009b31m\u202e" } });
  await using registry = await startScriptedRegistry([manifestStep("1", serve(evil))]);
  const run = await runCapturedBytes(["manifest", `${registry.host}/app:1`], { isTerminal: true });
  assert.ok(run.stdout.endsWith("}\n"));
  assert.ok(run.stdout.includes("\\u009b31m\\u202e"));
  assert.deepEqual(JSON.parse(run.stdout), JSON.parse(String(evil.bytes)));
});

test("5: of a tag and a digest the digest is asked for, and verified", async () => {
  const good = image();
  const words = ["manifest", `HOST/app:1@${good.digest}`];
  const run = await runAgainst([manifestStep(good.digest, serve(good))], words);
  assertRun(run, { exitCode: 0, stdout: String(good.bytes), stderr: "" });
  const other = image({ layers: [] });
  for (const reply of [serve(other), serve(other, { "docker-content-digest": good.digest })]) {
    assertRefused(
      await runAgainst([manifestStep(good.digest, reply)], words),
      7,
      /^error: Cannot get the manifest "HOST\/app:1@sha256:\w+": what came has the digest sha256:/,
    );
  }
});

test("4: a digest that cannot be verified is refused before anything is sent", async () => {
  const bad = [
    "sha256:abc",
    `sha256:${HEX.toUpperCase()}`,
    `sha384:${HEX}`,
    `sha512:${HEX}`,
    "x:y",
  ];
  for (const command of ["manifest", "digest", "config", "blob"]) {
    for (const digest of bad) {
      const run = await runAgainst([], [command, `HOST/app@${digest}`]);
      assertRefused(run, 2, /digest/);
      assert.deepEqual(run.requests, []);
    }
  }
});

test("4: sha512 is verified as well", async () => {
  const good = image();
  const digest = digestOf(good.bytes, "sha512");
  const step = manifestStep(digest, serve(good, { "docker-content-digest": digest }));
  const run = await runAgainst([step], ["manifest", `HOST/app@${digest}`]);
  assert.equal(run.stdout, String(good.bytes));
  const other = serve(image({ layers: [] }), { "docker-content-digest": digest });
  const wrong = await runAgainst([manifestStep(digest, other)], ["manifest", `HOST/app@${digest}`]);
  assertRefused(wrong, 7, /has the digest sha512:/);
});

test("28: a lying Docker-Content-Digest prints nothing", async () => {
  const good = image();
  for (const lie of [`sha256:${HEX}`, `sha512:${HEX}${HEX}`, "sha256:abc", "sha256:"]) {
    for (const output of ["raw", "json", "table"]) {
      const run = await get({ reply: serve(good, { "docker-content-digest": lie }) }, "-o", output);
      assertRefused(run, 7, /digest/);
    }
  }
});

test("a Docker-Content-Digest may be missing, or of an algorithm nobody knows", async () => {
  const { bytes, mediaType } = image();
  for (const header of [{}, { "docker-content-digest": `blake3:${HEX}` }]) {
    const run = await get({
      reply: { status: 200, headers: { "content-type": mediaType, ...header }, body: bytes },
    });
    assertRun(run, { exitCode: 0, stdout: String(bytes), stderr: "" });
  }
});

test("29: Content-Type may have parameters, other case, or be missing", async () => {
  const named = image();
  const unnamed = content(
    { schemaVersion: 2, config: pointTo(CONFIG), layers: [] },
    OCI_MANIFEST,
  );
  for (
    const [{ bytes }, type] of [
      [named, `${OCI_MANIFEST}; charset=utf-8`],
      [named, OCI_MANIFEST.toUpperCase()],
      [named, undefined],
      [unnamed, undefined],
      [unnamed, OCI_MANIFEST],
    ] as const
  ) {
    const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
    const run = await get({ reply: { status: 200, headers, body: bytes } });
    assertRun(run, { exitCode: 0, stdout: String(bytes), stderr: "" });
  }
});

test("29: what is read differently by different readers is refused", async () => {
  const text = String(image().bytes);
  const cases: readonly (readonly [Content, RegExp])[] = [
    [{ ...image(), mediaType: OCI_INDEX }, /its mediaType is "[^"]+", but it was sent as/],
    [{ ...index([]), mediaType: OCI_MANIFEST }, /but it was sent as/],
    [image({ manifests: [] }), /has "manifests"/],
    [index([], { layers: [] }), /has "layers"/],
    [content(text.replace("{", `{"mediaType":"${OCI_INDEX}",`), OCI_MANIFEST), /"mediaType" twice/],
    [
      content(text.replace("{", `{"media\\u0054ype":"${OCI_INDEX}",`), OCI_MANIFEST),
      /"mediaType" twice/,
    ],
    [content(text.replace('"size":', '"size":1,"size":'), OCI_MANIFEST), /"size" twice/],
    [content(text.replace("{", '{"Layers":[],'), OCI_MANIFEST), /"Layers"/],
    [content(`\ufeff${text}`, OCI_MANIFEST), /not JSON|not a registry's answer/],
  ];
  for (const [what, says] of cases) {
    for (const output of ["raw", "table"]) {
      const run = await get(
        { reply: serve({ ...what, digest: digestOf(what.bytes) }) },
        "-o",
        output,
      );
      assertRefused(run, 7, says);
    }
  }
});

test("30: a manifest of more than 4 MiB is refused, packed or not", async () => {
  const { gzipSync } = await import("node:zlib");
  const type = { "content-type": OCI_MANIFEST };
  const big = Buffer.alloc(5 * 2 ** 20, " ");
  const replies: readonly Partial<Step>[] = [
    { reply: { status: 200, headers: type, body: big } },
    {
      reply: {
        status: 200,
        headers: { ...type, "content-encoding": "gzip" },
        body: gzipSync(Buffer.alloc(200 * 2 ** 20, " ")),
      },
    },
    { reply: { status: 200, headers: type }, fault: "endless-body" },
  ];
  for (const step of replies) assertRefused(await get(step), 7, /more than 4194304 bytes/);
});

test("32: what is no manifest is one line of error", async () => {
  const html = { "content-type": "text/html" };
  const cases: readonly (readonly [Partial<Step>, number, RegExp])[] = [
    [{ reply: { status: 200, headers: html, body: "<html>" } }, 7, /text\/html, 6 bytes/],
    [{ reply: { status: 200, headers: { "content-type": OCI_MANIFEST } } }, 7, /0 bytes/],
    [{ reply: serve(content("{", OCI_MANIFEST)) }, 7, /not a registry's answer/],
    [{ reply: serve(content("[]", OCI_MANIFEST)) }, 7, /not a JSON object/],
    [{ reply: serve(content("null", OCI_MANIFEST)) }, 7, /not a JSON object/],
    [{ reply: serve(content("{}", OCI_MANIFEST)) }, 7, /schemaVersion/],
    [{ reply: serve(content({ schemaVersion: 2 }, "application/json")) }, 7, /"application\/json"/],
    [{ reply: { status: 204 } }, 7, /answered 204/],
    [
      { reply: { status: 404, body: { errors: [{ code: "MANIFEST_UNKNOWN", message: "no" }] } } },
      3,
      /404 MANIFEST_UNKNOWN: no/,
    ],
    [{ reply: { status: 403, headers: html, body: "<html>" } }, 4, /answered 403\n/],
  ];
  for (const [step, exitCode, says] of cases) {
    const run = await get(step);
    assertRefused(run, exitCode, says);
    assert.match(run.stderr, /^error: [^\n]+\n(hint: [^\n]+\n)?$/);
  }
});

test("schema 1 is not supported, by its type or by what it says", async () => {
  const type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
  for (
    const one of [
      content({ schemaVersion: 1, name: "app", fsLayers: [] }, type),
      content({ schemaVersion: 1, name: "app", fsLayers: [] }, ""),
    ]
  ) {
    assertRefused(await get({ reply: serve(one) }), 6, /schema 1, which is not supported/);
  }
});

test("34: descriptors with bad sizes or digests are refused", async () => {
  const sizes = [-1, 2 ** 60, 1.5, "7", null, undefined, 9007199254740992];
  const digests = [
    "sha256:../../etc/passwd",
    `sha256:${HEX.slice(1)}`,
    `sha256:${HEX.toUpperCase()}`,
    "sha256:%2e%2e",
    `md5:${HEX.slice(32)}`,
    "",
  ];
  const bad = [...sizes.map((size) => ({ size })), ...digests.map((digest) => ({ digest }))];
  for (const field of bad) {
    for (
      const what of [
        image({ layers: [pointTo(LAYER, field)] }),
        image({ config: pointTo(CONFIG, field) }),
        image({ subject: pointTo(LAYER, field) }),
        index([pointTo(LAYER, field)]),
      ]
    ) {
      assertRefused(await get({ reply: serve(what) }), 7, /the (size|digest) of "/);
    }
  }
});

test("--head prints digest, media type and size without fetching", async () => {
  const good = image();
  const head = { ...serve(good), body: good.bytes };
  const script: Step[] = [{ method: "HEAD", path: "/v2/app/manifests/1", reply: head }];
  const run = await runAgainst(script, ["manifest", REF, "--head"]);
  assertRun(run, {
    exitCode: 0,
    stdout: `digest:     ${good.digest}\nmedia type: ${OCI_MANIFEST}\nsize:       ${good.size}\n`,
    stderr: "",
  });
  const json = await runAgainst(script, ["manifest", REF, "--head", "-o", "json"]);
  assert.deepEqual(JSON.parse(json.stdout), {
    reference: REF,
    digest: good.digest,
    mediaType: OCI_MANIFEST,
    size: good.size,
  });
});

test("digest: HEAD first, GET where HEAD is refused or brings no digest", async () => {
  const good = image();
  const bare = { status: 200, headers: { "content-type": OCI_MANIFEST }, body: good.bytes };
  const replies = [
    { status: 404 },
    { status: 405 },
    { status: 403 },
    bare,
    serve({ ...good, mediaType: "" }),
  ];
  for (const reply of replies) {
    const run = await runAgainst([
      { method: "HEAD", path: "/v2/app/manifests/1", reply },
      manifestStep("1", bare),
    ], ["digest", REF]);
    assertRun(run, { exitCode: 0, stdout: `${good.digest}\n`, stderr: "" });
  }
  const head = await runAgainst(
    [{ method: "HEAD", path: "/v2/app/manifests/1", reply: serve(good) }],
    ["digest", REF],
  );
  assertRun(head, { exitCode: 0, stdout: `${good.digest}\n`, stderr: "" });
});

test("digest: HEAD that names another digest than asked for is an error", async () => {
  const good = image();
  for (const command of [["digest"], ["manifest", "--head"]]) {
    const run = await runAgainst([{
      method: "HEAD",
      path: `/v2/app/manifests/${good.digest}`,
      reply: serve(image({ layers: [] })),
    }], [...command, `HOST/app@${good.digest}`]);
    assertRefused(run, 7, /says that its digest is sha256:/);
  }
});

test("digest: a manifest that is not there says so with the registry's words", async () => {
  const errors = [{ code: "MANIFEST_UNKNOWN", message: "not here" }];
  const run = await runAgainst([
    { method: "HEAD", path: "/v2/app/manifests/1", reply: { status: 404 } },
    manifestStep("1", { status: 404, body: { errors } }),
  ], ["digest", REF]);
  assertRefused(run, 3, /404 MANIFEST_UNKNOWN: not here/);
});

test("32: errors are one JSON document with -o json", async () => {
  const run = await get({ reply: { status: 404 } }, "-o", "json");
  assert.equal(run.stdout, "");
  assert.deepEqual(Object.keys(JSON.parse(run.stderr)), ["error"]);
});

test("53: foreign layers are never asked for where they are said to be", async () => {
  await using other = await startScriptedRegistry([]);
  const layer = pointTo(LAYER, { urls: [`${other.url}/layer`] });
  const foreign = image({ layers: [layer], config: pointTo(CONFIG, { urls: [`${other.url}/x`] }) });
  const script = [manifestStep("1", serve(foreign))];
  const blobs = [blobStep(CONFIG)];
  for (const output of ["raw", "json"]) await get({ reply: serve(foreign) }, "-o", output);
  await runAgainst([...script, ...blobs], ["manifest", REF, "-o", "table"]);
  await runAgainst([...script, ...blobs], ["config", REF]);
  const missing = { ...blobStep(LAYER), reply: { status: 404 } };
  const run = await runAgainst([missing], ["blob", `HOST/app@${LAYER.digest}`]);
  assert.equal(run.exitCode, 3);
  assert.deepEqual(other.requests, []);
});
