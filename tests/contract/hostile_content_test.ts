import assert from "node:assert/strict";
import { test } from "node:test";
import { OCI_INDEX, OCI_MANIFEST } from "../../core/oci/media_types.ts";
import type { Step } from "../support/scripted_registry.ts";
import {
  blobStep,
  CONFIG_TYPE,
  type Content,
  content,
  digestOf,
  image,
  index,
  manifestStep,
  pointTo,
  serve,
} from "./oci_content.ts";
import { assertRun, runAgainst } from "./run_against.ts";

const REF = "HOST/app:1";
const LINUX = { os: "linux", architecture: "amd64" };
/** Far above what these runs take, so that one that does not end fails. */
const LIMIT = ["--timeout", "10s"];

/** `{"x":[[[…]]]}` with so many levels in all. */
function nest(levels: number, fields = ""): string {
  return `{${fields}"x":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
}

/** A manifest that has so many levels. */
function deepManifest(levels: number): Content {
  return content(nest(levels, String(image().bytes).slice(1, -1) + ","), OCI_MANIFEST);
}

/** `digest --platform linux/amd64` of what the script serves. */
function find(script: readonly Step[]) {
  return runAgainst(script, ["digest", REF, "--platform", "linux/amd64", ...LIMIT]);
}

test("29: what Go's readers take for a known name is refused, at any depth", async () => {
  const text = String(image().bytes);
  const list = String(index([{ ...pointTo(image()), platform: LINUX, annotations: {} }]).bytes);
  const lie = `"Digest":"${digestOf(image().bytes.subarray(1))}"`;
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [text.replace('"digest":', `${lie},"digest":`), OCI_MANIFEST, /"Digest", .* read as "digest"/],
    [list.replace('"digest":', `${lie},"digest":`), OCI_INDEX, /"Digest", .* read as "digest"/],
    [list.replace("}]", `},{${lie}}]`), OCI_INDEX, /"Digest", .* read as "digest"/],
    [list.replace('"os":', '"OS":"x","os":'), OCI_INDEX, /"OS", .* read as "os"/],
    [text.replace("{", '{"layerſ":[],'), OCI_MANIFEST, /"layer.*", .* read as "layers"/],
    [text.replace('"layers"', '"layer\\u017f"'), OCI_MANIFEST, /read as "layers"/],
    [text.replace("{", '{"manifeſts":[],'), OCI_MANIFEST, /read as "manifests"/],
  ];
  for (const [json, mediaType, says] of cases) {
    for (const output of ["raw", "json", "table"]) {
      const run = await runAgainst(
        [manifestStep("1", serve(content(json, mediaType)))],
        ["manifest", REF, "-o", output],
      );
      assert.deepEqual([run.exitCode, run.stdout], [7, ""], json);
      assert.match(run.stderr.replaceAll("\\", ""), says);
    }
  }
  const annotations = { a: "1", A: "2", digest: "3", Digest: "4" };
  const good = image({ annotations });
  const run = await runAgainst([manifestStep("1", serve(good))], ["manifest", REF, "-o", "raw"]);
  assertRun(run, { exitCode: 0, stdout: String(good.bytes), stderr: "" });
});

test("a manifest that is nested deeper than 20 is refused, fast", async () => {
  const good = deepManifest(20);
  const run = await runAgainst([manifestStep("1", serve(good))], ["manifest", REF, "-o", "raw"]);
  assertRun(run, { exitCode: 0, stdout: String(good.bytes), stderr: "" });
  for (const levels of [21, 100_000]) {
    for (const output of ["raw", "json", "table"]) {
      const refused = await runAgainst(
        [manifestStep("1", serve(deepManifest(levels)))],
        ["manifest", REF, "-o", output, ...LIMIT],
      );
      assert.deepEqual([refused.exitCode, refused.stdout], [7, ""]);
      assert.match(refused.stderr, /it is nested too deeply/);
    }
  }
});

test("a configuration that is nested deeper than 20 is refused, fast, and printed as it is with -o raw", async () => {
  for (const levels of [20, 21, 100_000]) {
    const config = content(nest(levels, '"os":"linux","architecture":"amd64",'), CONFIG_TYPE);
    const script = [manifestStep("1", serve(image({ config: pointTo(config) }))), blobStep(config)];
    const raw = await runAgainst(script, ["config", REF, "-o", "raw", ...LIMIT]);
    assertRun(raw, { exitCode: 0, stdout: String(config.bytes), stderr: "" });
    const json = await runAgainst(script, ["config", REF, ...LIMIT]);
    if (levels === 20) {
      assert.equal(json.exitCode, 0, json.stderr);
      assert.deepEqual(JSON.parse(json.stdout), JSON.parse(String(config.bytes)));
      continue;
    }
    assert.deepEqual([json.exitCode, json.stdout], [7, ""]);
    assert.match(json.stderr, /is not JSON, or nested too deeply\nhint: .* -o raw\n$/);
    const chosen = await runAgainst(script, ["digest", REF, "--platform", "linux/amd64", ...LIMIT]);
    assert.deepEqual([chosen.exitCode, chosen.stdout], [3, ""], chosen.stderr);
  }
});

test("31: an index that is listed again and again is fetched once", async () => {
  const child = image();
  const inner = index([pointTo(child, { platform: LINUX })]);
  const other = index([pointTo(inner), pointTo(inner)]);
  const run = await find([
    manifestStep("1", serve(index([...Array(1000).fill(pointTo(inner)), pointTo(other)]))),
    manifestStep(inner.digest, serve(inner)),
    manifestStep(other.digest, serve(other)),
  ]);
  assertRun(run, { exitCode: 0, stdout: `${child.digest}\n`, stderr: "" });
});

test("31: 32 indexes in an index are followed, and no more", async () => {
  const child = image();
  for (const count of [32, 33]) {
    const inner = Array.from(
      { length: count },
      (_, i) => index([pointTo(child, { platform: LINUX })], { annotations: { i: `${i}` } }),
    );
    const run = await find([
      manifestStep("1", serve(index(inner.map((one) => pointTo(one))))),
      ...inner.slice(0, 32).map((one) => manifestStep(one.digest, serve(one))),
    ]);
    if (count === 32) {
      assertRun(run, { exitCode: 0, stdout: `${child.digest}\n`, stderr: "" });
    } else {
      assert.deepEqual([run.exitCode, run.stdout], [7, ""]);
      assert.match(run.stderr, /it lists too many indexes\n/);
    }
  }
});

test("31: what is no word is no platform, and makes nothing large", async () => {
  const long = "x".repeat(400_000);
  const child = image();
  const odd = [
    { os: long, architecture: "amd64" },
    { os: "linux", architecture: long },
    { os: "linux\n", architecture: "amd64" },
    { os: "linux", architecture: "" },
  ];
  const list = index(odd.map((platform) => pointTo(child, { platform })));
  const none = await find([manifestStep("1", serve(list))]);
  assert.deepEqual([none.exitCode, none.stdout], [3, ""]);
  assert.ok(none.stderr.length < 1000, `${none.stderr.length} characters`);
  const rows = Array(2000).fill(pointTo(child, { platform: LINUX }));
  const table = await runAgainst(
    [manifestStep("1", serve(index([pointTo(child, { platform: odd[0] }), ...rows])))],
    ["manifest", REF, "-o", "table", ...LIMIT],
  );
  assert.equal(table.exitCode, 0, table.stderr);
  assert.ok(table.stdout.length < 1_000_000, `${table.stdout.length} characters`);
  const variant = index([pointTo(child, { platform: { ...LINUX, variant: long } })]);
  const found = await find([manifestStep("1", serve(variant))]);
  assertRun(found, { exitCode: 0, stdout: `${child.digest}\n`, stderr: "" });
});

test("digest: HEAD that names a digest of another algorithm is followed by GET", async () => {
  const good = image();
  const sha512 = digestOf(good.bytes, "sha512");
  for (const words of [["digest"], ["manifest", "--head", "-o", "json"]]) {
    const run = await runAgainst([
      { ...manifestStep(sha512, serve(good)), method: "HEAD" },
      manifestStep(sha512, serve(good)),
    ], [...words, `HOST/app@${sha512}`]);
    assert.equal(run.exitCode, 0, run.stderr);
    assert.ok(run.stdout.includes(sha512) && !run.stdout.includes(good.digest), run.stdout);
  }
});
