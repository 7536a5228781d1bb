import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runProgram } from "../support/program.ts";
import { startScriptedRegistry, type Step } from "../support/scripted_registry.ts";

const README = new URL("../../README.md", import.meta.url);
/** The registry of the README's transcripts. */
const HOST = "localhost:5000";

const TAGS = ["latest", "1.0.0", "1.10.0-rc.1", "1.10.0", "1.9.0", "1.1.0", "nightly", "pr-41"];
const UNKNOWN = { code: "NAME_UNKNOWN", message: "repository name not known to registry" };

function get(path: string, body: object, status = 200): Step {
  const headers = { "docker-distribution-api-version": "registry/2.0" };
  return { method: "GET", path, times: Infinity, reply: { status, headers, body } };
}

interface Example {
  readonly command: string;
  readonly output: string;
}

/** The commands of the console blocks, each with the lines behind it. */
function readExamples(): Example[] {
  const blocks = readFileSync(README, "utf8").matchAll(/^```console\n(.*?)^```$/gms);
  return [...blocks].flatMap(([, block = ""]) =>
    block.split(/^\$ /m).slice(1).map((example) => {
      const [command = "", ...lines] = example.split("\n");
      return { command, output: lines.join("\n") };
    })
  );
}

/** Splits words as a shell would; the README needs single quotes and no more. */
function splitWords(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) =>
    quoted ?? plain ?? ""
  );
}

test("README: there are transcripts", () => assert.ok(readExamples().length > 8));

for (const { command, output } of readExamples()) {
  test(`README: ${command}`, async () => {
    await using registry = await startScriptedRegistry([
      get("/v2/", {}),
      get("/v2/_catalog", { repositories: ["team/app", "library/busybox"] }),
      get("/v2/team/app/tags/list", { name: "team/app", tags: TAGS }),
      get("/v2/team/ap/tags/list", { errors: [UNKNOWN] }, 404),
    ]);
    const [program, ...args] = splitWords(command.replaceAll(HOST, registry.host));
    assert.equal(program, "regctl");
    const run = await runProgram(args);
    const printed = `${run.stdout}${run.stderr}`.replaceAll(registry.host, HOST);
    const withoutTime = (text: string) => text.replace(/^(time: +)\d+ ms$/m, "$1N ms");
    assert.equal(withoutTime(printed), withoutTime(output));
  });
}
