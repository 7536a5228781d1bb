import assert from "node:assert/strict";
import { test } from "node:test";
import type { Step } from "../support/scripted_registry.ts";
import {
  blobStep,
  CONFIG,
  CONFIG_TYPE,
  type Content,
  content,
  image,
  index,
  manifestStep,
  pointTo,
  serve,
} from "./oci_content.ts";
import { assertRun, runAgainst } from "./run_against.ts";

const REF = "HOST/app:1";

/** An image for a platform that differs from all others. */
function imageFor(platform: string): Content {
  return image({ annotations: { platform } });
}

/** An index entry for `os/architecture[/variant]`. */
function entry(platform: string, child: Content = imageFor(platform)): object {
  const [os, architecture, variant] = platform.split("/");
  return pointTo(child, { platform: { os, architecture, ...(variant && { variant }) } });
}

/** Lists these platforms and looks for one of them; gives the platform that was chosen. */
async function choose(offered: readonly string[], wanted: string): Promise<string | undefined> {
  const list = index(offered.map((one) => entry(one)));
  const run = await runAgainst([manifestStep("1", serve(list))], [
    "digest",
    REF,
    "--platform",
    wanted,
  ]);
  return offered.find((one) => run.stdout === `${imageFor(one).digest}\n`) ??
    `${run.exitCode} ${run.stderr.split("\n")[0]}`;
}

test("31: --platform finds the right child of an index", async () => {
  const all = ["linux/amd64", "linux/arm64/v8", "linux/arm/v6", "linux/arm/v7", "windows/amd64"];
  const table: readonly (readonly [readonly string[], string, string])[] = [
    [all, "linux/amd64", "linux/amd64"],
    [all, "windows/amd64", "windows/amd64"],
    [all, "linux/arm64", "linux/arm64/v8"],
    [all, "linux/arm64/v8", "linux/arm64/v8"],
    [["linux/amd64", "linux/arm64"], "linux/arm64/v8", "linux/arm64"],
    [all, "linux/arm", "linux/arm/v7"],
    [all, "linux/arm/v7", "linux/arm/v7"],
    [all, "linux/arm/v6", "linux/arm/v6"],
    [["linux/arm/v5", "linux/arm/v6"], "linux/arm/v7", "linux/arm/v6"],
    [["linux/amd64/v3", "linux/amd64"], "linux/amd64", "linux/amd64"],
    [["linux/amd64/v3", "linux/amd64"], "linux/amd64/v3", "linux/amd64/v3"],
  ];
  for (const [offered, wanted, expected] of table) {
    assert.equal(await choose(offered, wanted), expected, `${wanted} of ${offered}`);
  }
});

test("31: a platform that is missing names those that are there", async () => {
  const entries = [
    entry("linux/amd64"),
    entry("linux/arm/v7"),
    entry("linux/amd64"),
    entry("unknown/unknown"),
    pointTo(imageFor("none")),
  ];
  for (const command of [["manifest"], ["manifest", "--head"], ["digest"], ["config"]]) {
    for (const platform of ["linux/arm/v6", "linux/arm64", "darwin/amd64", "unknown/unknown"]) {
      const words = [...command, REF, "--platform", platform];
      const run = await runAgainst([manifestStep("1", serve(index(entries)))], words);
      assertRun(run, {
        exitCode: 3,
        stdout: "",
        stderr:
          `error: "${REF}" has no image for ${platform}: there is linux/amd64, linux/arm/v7\n` +
          "hint: Choose one of these with --platform\n",
      });
    }
  }
});

test("31: the child is fetched by its digest, and verified", async () => {
  const child = imageFor("linux/arm64");
  const list = index([entry("linux/amd64"), entry("linux/arm64", child)]);
  const words = ["manifest", REF, "--platform", "linux/arm64"];
  const run = await runAgainst(
    [manifestStep("1", serve(list)), manifestStep(child.digest, serve(child))],
    words,
  );
  assertRun(run, { exitCode: 0, stdout: String(child.bytes), stderr: "" });
  const wrong = await runAgainst(
    [manifestStep("1", serve(list)), manifestStep(child.digest, serve(image()))],
    words,
  );
  assert.deepEqual([wrong.exitCode, wrong.stdout], [7, ""]);
});

test("31: a child that is not what the index says of it is refused", async () => {
  const child = imageFor("linux/arm64");
  for (const lie of [{ size: child.size + 1 }, { mediaType: index([]).mediaType }]) {
    const list = index([{ ...entry("linux/arm64", child), ...lie }]);
    const script = [manifestStep("1", serve(list)), manifestStep(child.digest, serve(child))];
    const run = await runAgainst(script, ["manifest", REF, "--platform", "linux/arm64"]);
    assert.deepEqual([run.exitCode, run.stdout], [7, ""], run.stderr);
  }
});

test("31: indexes in indexes are followed, but not without end", async () => {
  const child = imageFor("linux/arm64");
  let list = index([entry("linux/arm64", child)]);
  const steps: Step[] = [];
  for (let depth = 1;; depth++) {
    const script = [manifestStep("1", serve(list)), ...steps];
    const words = ["digest", REF, "--platform", "linux/arm64"];
    if (depth <= 3) {
      const run = await runAgainst(script, words);
      assertRun(run, { exitCode: 0, stdout: `${child.digest}\n`, stderr: "" });
    } else {
      const run = await runAgainst(script, words);
      assert.equal(run.exitCode, 7);
      assert.match(run.stderr, /indexes in indexes without end/);
      return;
    }
    steps.unshift(manifestStep(list.digest, serve(list)));
    list = index([pointTo(list)]);
  }
});

test("31: the number of children is capped", async () => {
  const one = entry("linux/s390x", content("{}", image().mediaType));
  const list = index(Array.from({ length: 10_001 }, () => one));
  const run = await runAgainst([manifestStep("1", serve(list))], [
    "digest",
    REF,
    "--platform",
    "linux/s390x",
  ]);
  assert.equal(run.exitCode, 7);
  assert.match(run.stderr, /too many manifests/);
});

test("31: an image that is no index must be for that platform itself", async () => {
  const arm = content({ os: "linux", architecture: "arm64" }, CONFIG_TYPE);
  const only = image({ config: pointTo(arm) });
  const script = [manifestStep("1", serve(only)), blobStep(arm)];
  const good = await runAgainst(script, ["digest", REF, "--platform", "linux/arm64/v8"]);
  assertRun(good, { exitCode: 0, stdout: `${only.digest}\n`, stderr: "" });
  const bad = await runAgainst(script, ["manifest", REF, "--platform", "linux/amd64"]);
  assert.equal(bad.exitCode, 3);
  assert.match(bad.stderr, /no image for linux\/amd64: there is linux\/arm64\n/);
  const artifact = image({ config: pointTo(content("{}", "application/vnd.oci.empty.v1+json")) });
  const none = await runAgainst([manifestStep("1", serve(artifact))], [
    "digest",
    REF,
    "--platform",
    "linux/amd64",
  ]);
  assert.equal(none.exitCode, 3);
  assert.match(none.stderr, /it names no platform at all\n$/);
});

test("31: local is this machine", async () => {
  const { arch } = process;
  const own = `linux/${arch === "x64" ? "amd64" : arch}`;
  assert.equal(await choose(["linux/s390x", own], "local"), own);
  assert.match(await choose(["plan9/mips"], "local") ?? "", /^3 .*there is plan9\/mips/);
});

test("a platform that is none is a usage error before anything is sent", async () => {
  for (
    const platform of ["linux", "", "linux/", "/amd64", "linux/amd64/v1/x", "linux/a b", "ὣ/x"]
  ) {
    const run = await runAgainst([], ["manifest", REF, "--platform", platform]);
    assert.equal(run.exitCode, 2);
    assert.match(run.stderr, /os\/architecture\[\/variant\]/);
  }
});

test("config: an index without --platform gives the image for this machine, and says so", async () => {
  const child = image();
  const own = `linux/${process.arch === "x64" ? "amd64" : process.arch}`;
  const list = index([entry("linux/s390x"), entry(own, child)]);
  const run = await runAgainst([
    manifestStep("1", serve(list)),
    manifestStep(child.digest, serve(child)),
    blobStep(CONFIG),
  ], ["config", REF]);
  assert.equal(run.exitCode, 0);
  assert.equal(JSON.parse(run.stdout).architecture, "amd64");
  assert.equal(
    run.stderr,
    `note: It is an index: this is its image for ${own}; --platform chooses another\n`,
  );
});

test("config: indented by default, the very bytes with -o raw", async () => {
  const config = content(
    '{"os":"linux", "architecture":"amd64","x":"\\u001b[2J\u202e"}\n',
    CONFIG_TYPE,
  );
  const script = [manifestStep("1", serve(image({ config: pointTo(config) }))), blobStep(config)];
  const raw = await runAgainst(script, ["config", REF, "-o", "raw"]);
  assertRun(raw, { exitCode: 0, stdout: String(config.bytes), stderr: "" });
  const json = await runAgainst(script, ["config", REF]);
  assertRun(json, {
    exitCode: 0,
    stdout:
      '{\n    "os": "linux",\n    "architecture": "amd64",\n    "x": "\\u001b[2J\\u202e"\n}\n',
    stderr: "",
  });
});

test("config: wrong bytes, a wrong size and too large a one print nothing", async () => {
  const script = (config: object, ...more: Step[]) => [
    manifestStep("1", serve(image({ config }))),
    ...more,
  ];
  const other = content({ os: "linux" }, CONFIG_TYPE);
  const cases = [
    script(pointTo(CONFIG), { ...blobStep(CONFIG), reply: serve(other) }),
    script(pointTo(CONFIG, { size: CONFIG.size + 1 }), blobStep(CONFIG)),
    script(pointTo(CONFIG, { size: CONFIG.size - 1 }), blobStep(CONFIG)),
    script(pointTo(CONFIG, { size: 5 * 2 ** 20 })),
  ];
  for (const steps of cases) {
    for (const output of ["json", "raw"]) {
      const run = await runAgainst(steps, ["config", REF, "-o", output]);
      assert.deepEqual([run.exitCode, run.stdout], [7, ""], run.stderr);
    }
  }
});
