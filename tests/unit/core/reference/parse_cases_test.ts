import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { RegctlError } from "../../../../core/errors.ts";
import { parseReference } from "../../../../core/reference/reference.ts";
import { parseRegistry, type Registry } from "../../../../core/reference/registry.ts";
import { parseRepository } from "../../../../core/reference/repository.ts";
import {
  referenceJson,
  type RegistryJson,
  registryJson,
  repositoryJson,
} from "../../../../core/reference/client_json.ts";

interface ParseCase {
  readonly fn: "parseRepoAndRef" | "parseRepo" | "parseIndex";
  readonly input: string;
  readonly defaultIndex?: string | RegistryJson;
  readonly expect?: unknown;
  readonly error?: true;
}

const CASES_FILE = new URL("../../../cases/parse.jsonl", import.meta.url);
const CASES = readFileSync(CASES_FILE, "utf8").split("\n").filter((line) => line !== "")
  .map((line): ParseCase => JSON.parse(line));

test("the file of parsing cases has cases for each function", () => {
  const functions = new Set(CASES.map(({ fn }) => fn));
  assert.deepEqual([...functions].sort(), ["parseIndex", "parseRepo", "parseRepoAndRef"]);
});

for (const [index, parseCase] of CASES.entries()) {
  const { fn, input, defaultIndex, expect, error } = parseCase;
  const given = defaultIndex === undefined ? "" : `, ${JSON.stringify(defaultIndex)}`;
  test(`parse.jsonl:${index + 1}: ${fn}(${JSON.stringify(input)}${given})`, () => {
    if (error) {
      assert.throws(() => run(parseCase), isUsage);
    } else {
      // As text, because the order of the keys counts.
      assert.equal(JSON.stringify(run(parseCase)), JSON.stringify(expect));
    }
  });
}

function run({ fn, input, defaultIndex }: ParseCase): unknown {
  const options = defaultIndex === undefined ? {} : { defaultRegistry: readIndex(defaultIndex) };
  switch (fn) {
    case "parseIndex":
      return registryJson(parseRegistry(input));
    case "parseRepo":
      return repositoryJson(parseRepository(input, options));
    case "parseRepoAndRef":
      return referenceJson(parseReference(input, options));
  }
}

function readIndex(index: string | RegistryJson): Registry {
  if (typeof index === "string") return parseRegistry(index);
  const { name, official, ...scheme } = index;
  return { ...scheme, host: name, isDockerHub: official };
}

function isUsage(error: unknown): boolean {
  return error instanceof RegctlError && error.code === "USAGE";
}
