import assert from "node:assert/strict";
import { test } from "node:test";
import { assertGolden } from "../support/golden.ts";
import type { Step } from "../support/scripted_registry.ts";
import {
  blobStep,
  CONFIG,
  CONFIG_TYPE,
  content,
  image,
  index,
  LAYER,
  LAYER_TYPE,
  manifestStep,
  pointTo,
  serve,
} from "./oci_content.ts";
import { runAgainst } from "./run_against.ts";

/** What `manifest -o table` prints for a manifest, with its host generalized. */
async function print(script: readonly Step[]): Promise<string> {
  const run = await runAgainst(script, ["manifest", "HOST/app:1", "-o", "table"]);
  assert.deepEqual([run.exitCode, run.stderr], [0, ""]);
  return run.stdout;
}

const BIG = { mediaType: LAYER_TYPE, digest: LAYER.digest, size: 123_456_789 };

test("-o table: an image, an index, an artifact", async () => {
  const parts = [
    [
      manifestStep(
        "1",
        serve(image({ layers: [BIG, pointTo(LAYER)], annotations: { a: "b", "c.d/e": "f g" } })),
      ),
      blobStep(CONFIG),
    ],
    [
      manifestStep(
        "1",
        serve(index([
          pointTo(image(), { platform: { os: "linux", architecture: "amd64" } }),
          pointTo(image({ annotations: { a: "b" } }), {
            platform: { os: "linux", architecture: "arm", variant: "v7" },
          }),
          pointTo(image({ layers: [] }), { artifactType: "application/spdx+json" }),
        ], { subject: pointTo(image()) })),
      ),
    ],
    [
      manifestStep(
        "1",
        serve(image({
          artifactType: "application/spdx+json",
          config: pointTo(content("{}", "application/vnd.oci.empty.v1+json")),
          layers: [],
          subject: pointTo(image()),
        })),
      ),
    ],
  ];
  const texts: string[] = [];
  for (const script of parts) texts.push(await print(script));
  await assertGolden("manifest_table.txt", texts.join("\n"));
});

test("63: what a manifest says cannot act on the terminal", async () => {
  const evil = "\u001b]0;x\u0007\u009b2J\r\n\u202eevil";
  const config = content({ os: evil, architecture: evil, created: evil }, CONFIG_TYPE);
  const shown = await print([
    manifestStep(
      "1",
      serve(image({
        config: pointTo(config),
        annotations: { [evil]: evil },
        artifactType: evil,
        layers: [pointTo(LAYER, { mediaType: evil })],
      })),
    ),
    blobStep(config),
  ]);
  const list = await print([
    manifestStep(
      "1",
      serve(index([
        pointTo(image(), { platform: { os: evil, architecture: evil }, artifactType: evil }),
      ])),
    ),
  ]);
  for (const text of [shown, list]) {
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    assert.ok(text.includes("\\x1b]0;x\\x07\\x9b2J\\x0d\\x0a\\u{202e}evil"));
  }
});

test("63: -o json stays valid and safe", async () => {
  const evil = "\u009b2J\u202e";
  const what = image({ annotations: { [evil]: evil } });
  const words = ["manifest", "HOST/app:1", "-o", "json"];
  const run = await runAgainst([manifestStep("1", serve(what))], words);
  assert.deepEqual(JSON.parse(run.stdout), JSON.parse(String(what.bytes)));
  assert.match(run.stdout, /^[\n -~]+$/);
});

test("-o table: a configuration that says nothing leaves those lines out", async () => {
  for (const what of ["{}", "[]", "null", "not JSON", '{"os":1,"created":{}}']) {
    const config = content(what, CONFIG_TYPE);
    const text = await print([
      manifestStep("1", serve(image({ config: pointTo(config) }))),
      blobStep(config),
    ]);
    assert.doesNotMatch(text, /platform|created|undefined/);
  }
});

test("-o table: a wrong configuration prints nothing", async () => {
  const run = await runAgainst([
    manifestStep("1", serve(image())),
    { ...blobStep(CONFIG), reply: { status: 200, body: "{}" } },
  ], ["manifest", "HOST/app:1", "-o", "table"]);
  assert.deepEqual([run.exitCode, run.stdout], [7, ""]);
});
