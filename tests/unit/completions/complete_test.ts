import assert from "node:assert/strict";
import { test } from "node:test";
import { Argument, Command, Option } from "commander";
import { complete, MAX_CANDIDATES } from "../../../completions/complete.ts";
import { formatCompletion } from "../../../completions/format.ts";
import { readCompletionScript, SHELLS } from "../../../completions/mod.ts";

function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

function buildProgram() {
  const program = new Command("regctl")
    .version("1.0.0")
    .option("--debug", "show more")
    .addOption(new Option("-o, --output <format>", "how to print").choices(["text", "json"]))
    .option("--ca-file <FILE>", "trust these certificates");
  program.command("tags <repo>").alias("ls").summary("list tags").description("Lists the tags.")
    .option("-n, --limit <count>", "at most so many", parseFloat)
    .option("--filter <pattern>", "keep these", collect)
    .option("--no-color", "plain")
    .option("--color", "coloured")
    .addOption(new Option("--when [time]").choices(["always", "never"]))
    .addOption(new Option("--only <kinds...>").choices(["index", "image"]))
    .addOption(new Option("--secret").hideHelp())
    .action(() => {});
  program.command("delete <ref...>").description("delete tags").action(() => {});
  program.command("load <path>").action(() => {});
  program.command("completions").addArgument(
    new Argument("<shell>").choices(["bash", "zsh"]),
  ).action(() => {});
  program.command("__complete", { hidden: true }).action(() => {});
  const auth = program.command("auth").description("credentials");
  auth.command("login <host>").description("log in").action(() => {});
  return program;
}

async function completeLine(line: string, tags: readonly string[] = []) {
  const asked: string[] = [];
  const completion = await complete(buildProgram(), line.split(" "), {
    tags(repository) {
      asked.push(repository);
      return Promise.resolve(tags);
    },
  });
  return { ...completion, values: completion.candidates.map(({ value }) => value), asked };
}

const GLOBAL_FLAGS = ["--version", "-V", "--debug", "--output", "-o", "--ca-file"];

const LINES: readonly (readonly [line: string, values: readonly string[]])[] = [
  ["", ["tags", "delete", "load", "completions", "auth", "help"]],
  ["t", ["tags"]],
  ["nothing", []],
  ["auth ", ["login", "help"]],
  ["help ", ["tags", "delete", "load", "completions", "auth", "help"]],
  ["help auth l", ["login"]],
  ["--debug t", ["tags"]],
  ["--output json t", ["tags"]],
  ["--output=json t", ["tags"]],
  ["-ojson t", ["tags"]],
  ["--output tags d", ["delete"]],
  ["--unknown t", ["tags"]],
  ["-- t", ["tags"]],
  ["-- -", []],
  ["tags x ", []],
  ["tags t", []],

  ["-", [...GLOBAL_FLAGS, "--help", "-h"]],
  ["--d", ["--debug"]],
  ["--debug --d", []],
  ["tags --de", ["--debug"]],
  ["ls --li", ["--limit"]],
  ["tags -n", ["-n"]],
  ["tags -n 3 --li", []],
  ["tags -n3 --li", []],
  ["tags --limit=3 --li", []],
  ["--output --debug --d", ["--debug"]],
  ["tags --output json --outp", []],
  ["tags --filter a --fi", ["--filter"]],
  ["tags --only index --on", ["--only"]],
  ["tags --no", ["--no-color"]],
  ["tags --color --no", []],
  ["tags --secret", []],
  ["tags x -- --li", []],

  ["--output ", ["text", "json"]],
  ["tags --output j", ["json"]],
  ["tags -o j", ["json"]],
  ["tags --output=", ["--output=text", "--output=json"]],
  ["tags --output=j", ["--output=json"]],
  ["tags --debug=j", []],
  ["tags --unknown=j", []],
  ["tags --when a", ["always"]],
  ["tags --when --fi", ["--filter"]],
  ["tags --only index i", ["index", "image"]],
  ["tags --limit ", []],
  ["tags --limit -", []],
  ["completions ", ["bash", "zsh"]],
  ["completions -- z", ["zsh"]],
  ["completions bash ", []],
];

test("offers what may stand at the cursor", async () => {
  for (const [line, values] of LINES) {
    assert.deepEqual((await completeLine(line)).values, values, line);
  }
});

test("asks the shell for file names where a file is meant", async () => {
  for (const line of ["--ca-file ", "tags --ca-file x", "tags --ca-file=/e", "load x"]) {
    assert.equal((await completeLine(line)).files, true, line);
  }
  for (const line of ["", "tags x", "--ca-file x t", "load x y", "--output "]) {
    assert.equal((await completeLine(line)).files, false, line);
  }
});

test("describes commands and flags", async () => {
  const { candidates } = await completeLine("t");
  assert.deepEqual(candidates, [{ value: "tags", description: "list tags" }]);
  const flags = (await completeLine("tags --deb")).candidates;
  assert.deepEqual(flags, [{ value: "--debug", description: "show more" }]);
});

test("asks for the tags of the repository before the colon", async () => {
  const cases = [
    ["tags a/b:", "a/b"],
    ["tags busybox:1", "busybox"],
    ["tags localhost:5000/x:1", "localhost:5000/x"],
    ["tags [::1]:5000/x:1", "[::1]:5000/x"],
    ["tags http://localhost:5000/x:1", "http://localhost:5000/x"],
    ["delete a/b:1 c/d:1", "c/d"],
    ["tags -n 3 --output json a/b:1", "a/b"],
    ["tags -- a/b:1", "a/b"],
  ] as const;
  for (const [line, repository] of cases) {
    const { asked, values } = await completeLine(line, ["1.0", "1.1"]);
    assert.deepEqual(asked, [repository], line);
    assert.deepEqual(values, [`${repository}:1.0`, `${repository}:1.1`], line);
  }
});

test("asks for no tags where no tag can stand", async () => {
  const lines = [
    "tags a/b",
    "tags localhost:5000",
    "tags http://localhost:5",
    "tags example.com:5",
    "tags [::1]:5",
    "tags localhost:5000/x",
    "tags a/b@sha256:0",
    "tags :1",
    "tags a/:1",
    "tags a/b:1 c/d:1",
    "load a/b:1",
    "auth login a/b:1",
  ];
  for (const line of lines) assert.deepEqual((await completeLine(line, ["1"])).asked, [], line);
});

test("never offers a tag outside the grammar", async () => {
  const hostile = [
    "$(touch x)",
    "`x`",
    "; x",
    "*",
    "a b",
    "",
    "-x",
    ".x",
    "a\nb",
    "é",
    "a/b",
    "a:b",
  ];
  const tags = [...hostile, "x".repeat(129), "ok", "x".repeat(128)];
  const { values } = await completeLine("tags a/b:", tags);
  assert.deepEqual(values, ["a/b:ok", `a/b:${"x".repeat(128)}`]);
});

test("caps the candidates after it has matched them", async () => {
  const tags = [..."ab"].flatMap((letter) =>
    Array.from({ length: MAX_CANDIDATES + 1 }, (_, index) => `${letter}${index}`)
  );
  const { values } = await completeLine("tags r:b", tags);
  assert.equal(values.length, MAX_CANDIDATES);
  assert.equal(values[0], "r:b0");
});

test("gives nothing when the tags cannot be had", async () => {
  const sources = { tags: () => Promise.reject(new Error("no network")) };
  const completion = await complete(buildProgram(), ["tags", "a/b:"], sources);
  assert.deepEqual(completion, { candidates: [], space: true, files: false });
  const throwing = {
    tags: () => {
      throw new Error("no network");
    },
  };
  assert.deepEqual(await complete(buildProgram(), ["tags", "a/b:"], throwing), completion);
});

test("takes no words for one empty word", async () => {
  const sources = { tags: () => Promise.resolve([]) };
  const { candidates } = await complete(buildProgram(), [], sources);
  assert.equal(candidates[0]?.value, "tags");
});

test("writes a candidate a line and the directives last", () => {
  const candidates = [
    { value: "a", description: " two\n\twords\u001b[31m\u202e " },
    { value: "b\u0007\n\u2028c" },
    { value: "\u0000" },
    { value: "d", description: "" },
  ];
  assert.equal(
    formatCompletion({ candidates, space: true, files: false }),
    "a\ttwo words[31m\nbc\nd\n:\n",
  );
  const nothing = { candidates: [], space: false, files: true };
  assert.equal(formatCompletion(nothing), ":nospace,files\n");
  assert.equal(formatCompletion({ ...nothing, space: true }), ":files\n");
  assert.equal(formatCompletion({ ...nothing, files: false }), ":nospace\n");
});

test("has a script for each shell, which calls the program back", async () => {
  for (const shell of SHELLS) {
    assert.match(await readCompletionScript(shell), /regctl __complete -- /, shell);
  }
});
