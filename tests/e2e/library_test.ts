import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { computeDigest } from "../../core/mod.ts";
import { runCommand } from "../support/program.ts";
import { startServe } from "../support/serve_program.ts";
import { createTempFolder, type TempFolder } from "../support/temp_folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BIN = join(ROOT, "node_modules/.bin");
const EXAMPLES = readdirSync(join(ROOT, "examples")).filter((name) => name.endsWith(".ts"));

/** What an example is given, and what it must print. */
interface Example {
  readonly words: readonly string[];
  readonly prints: RegExp;
  readonly check?: () => Promise<void>;
}

const DIGEST = "sha256:[0-9a-f]{64}";

async function curl(url: string, init: RequestInit = {}): Promise<Response> {
  const headers = { accept: "application/vnd.oci.image.manifest.v1+json", ...init.headers };
  return await fetch(url, { ...init, headers });
}

/** The words of each example, for a demo registry and a folder of its own. */
async function prepare(url: string, folder: TempFolder): Promise<Record<string, Example>> {
  const { host } = new URL(url);
  const app = `${host}/team/app`;
  const manifest = await curl(`${url}/v2/team/app/manifests/1.0.0`);
  const digest = manifest.headers.get("docker-content-digest") ?? "";
  const text = await manifest.text();
  const [layer] = JSON.parse(text).layers;
  const blob = randomBytes(100_000);
  const file = await folder.write("blob", blob);
  const status = async (path: string) => {
    const response = await curl(`${url}/v2/${path}`);
    await response.body?.cancel();
    return response.status;
  };
  return {
    "ping.ts": { words: [host], prints: /^true \{.*status: 200/s },
    "parse.ts": {
      words: ["quay.io/a/b:1"],
      prints: /^quay\.io a\/b 1 undefined\nquay\.io\/a\/b:1\n$/,
    },
    "list_repositories.ts": { words: [host], prints: /^library\/busybox\nteam\/app\n$/ },
    "list_tags.ts": {
      words: [`${host}/library/busybox`],
      prints: /^1\.10\.0\n(.+\n){12}stable\n$/,
    },
    "get_manifest.ts": {
      words: [`${app}:1.0.0`],
      prints: new RegExp(`^${text.replace(/[^\w ]/g, "\\$&")}$`),
    },
    "head_manifest.ts": {
      words: [`${app}:1.0.0`],
      prints: new RegExp(
        `^${digest} application/vnd\\.oci\\.image\\.manifest\\.v1\\+json ${text.length}\n$`,
      ),
    },
    "find_platform.ts": { words: [app, "linux/arm64"], prints: new RegExp(`^${DIGEST}\n$`) },
    "head_blob.ts": {
      words: [`${app}@${layer.digest}`],
      prints: new RegExp(`size: ${layer.size}`),
    },
    "read_blob.ts": {
      words: [`${app}@${layer.digest}`, folder.join("layer")],
      prints: new RegExp(`^verified ${layer.size} bytes\n$`),
      check: async () =>
        assert.equal(computeDigest(await readFile(folder.join("layer"))), layer.digest),
    },
    "push_blob.ts": {
      words: [app, file],
      prints: new RegExp(`^${computeDigest(blob)}\n$`),
      check: async () => assert.equal(await status(`team/app/blobs/${computeDigest(blob)}`), 200),
    },
    "push_manifest.ts": {
      words: [`${app}:again`, await folder.write("manifest", text)],
      prints: new RegExp(`^${digest}\n$`),
      check: async () => assert.equal(await status("team/app/manifests/again"), 200),
    },
    "log_in.ts": { words: [host, "ann"], prints: /^the registry asks for no credentials\n$/ },
    "list_referrers.ts": {
      words: [`${app}@${digest}`],
      prints: new RegExp(`^application/spdx\\+json ${DIGEST}\n$`),
    },
    "delete_tag.ts": {
      words: [`${app}:again`],
      prints: /^again went by way of: tag\n$/,
      check: async () => {
        assert.equal(await status("team/app/manifests/again"), 404);
        assert.equal(await status("team/app/manifests/1.0.0"), 200);
      },
    },
    "delete_manifest.ts": {
      words: [`${app}@${digest}`],
      prints: new RegExp(`^deleted ${digest}\n$`),
      check: async () => assert.equal(await status(`team/app/manifests/${digest}`), 404),
    },
  };
}

/** Runs every example by a command line that takes its file's name. */
async function runExamples(command: (file: string) => readonly string[]): Promise<void> {
  await using folder = await createTempFolder();
  await using serving = await startServe(["--demo"]);
  const examples = await prepare(serving.url, folder);
  assert.deepEqual(Object.keys(examples).sort(), [...EXAMPLES].sort());
  for (const [name, { words, prints, check }] of Object.entries(examples)) {
    const run = await runCommand([...command(name), ...words], { stdin: "secret" });
    assert.equal(run.exitCode, 0, `${name}: ${run.stderr}`);
    assert.match(run.stdout, prints, name);
    await check?.();
  }
}

const BUN = join(BIN, "bun");
const DENO = [join(BIN, "deno"), "run", "-A", "--quiet", `--config=${join(ROOT, "deno.json")}`];

// Each of the two end-to-end suites has its own runtimes.
if (process.env["REGCTL_TEST_TARGET"] !== "binary") {
  test("library: every example runs under Deno", async () => {
    await runExamples((name) => [...DENO, join(ROOT, "examples", name)]);
  });
} else {
  test("library: every example runs under Bun", async () => {
    await runExamples((name) => [BUN, join(ROOT, "examples", name)]);
  });

  test("library: every example runs under Node, where there is neither Bun nor Deno", async () => {
    await using folder = await createTempFolder();
    // Types are taken out first: old versions of Node cannot read them.
    const build = await runCommand([
      ...[BUN, "build", "--target=node", "--splitting", "--root", "examples"],
      ...["--outdir", folder.path, ...EXAMPLES.map((name) => `examples/${name}`)],
    ], { cwd: ROOT });
    assert.equal(build.exitCode, 0, build.stderr);
    await folder.write("package.json", '{"type":"module"}');
    await runExamples((name) => ["node", folder.join(name.replace(/ts$/, "js"))]);
  });
}
