import assert from "node:assert/strict";
import { appendFile, chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { main } from "../../cli.ts";
import { createNativeHost } from "../../core/runtime/native_host.ts";
import { type Lab, startLab } from "./deletion_lab.ts";
import { image } from "./oci_content.ts";
import { assertRun } from "./run_against.ts";

const A = image({ annotations: { name: "a" } });
const B = image({ annotations: { name: "b" } });
const UNDO = ["undo", "--yes"];

/** A registry that lost the tag `1`, and the journal of that. */
async function start(): Promise<{ lab: Lab; file: string; text: string }> {
  const lab = await startLab({ tags: { 1: A, 2: A, 3: B } });
  lab.name({ A, B });
  await lab.run(["delete", "HOST/app:1", "--yes"]);
  const [name = ""] = await readdir(lab.journals);
  const file = `${lab.journals}/${name}`;
  return { lab, file, text: await readFile(file, "utf8") };
}

test("a last line that was cut off belongs to what never began", async () => {
  const { lab, file } = await start();
  await using _ = lab;
  await appendFile(file, '{"removal":{"id":2,"repository":"');
  const run = await lab.run(UNDO);
  assertRun(run, { exitCode: 0, stdout: `restored HOST/app:1  ${A.digest}\n`, stderr: "" });
  // The note of that stands on a line of its own.
  assert.deepEqual((await readFile(file, "utf8")).split("\n").at(-2)?.slice(0, 11), '{"undone":{');
  assert.equal((await lab.run(UNDO)).exitCode, 3);
});

test("a journal that was cut off at its first line is of a run that deleted nothing", async () => {
  const { lab } = await start();
  await using _ = lab;
  for (const text of ["", '{"journal":{"vers']) {
    await writeFile(`${lab.journals}/29990101T000000000-delete-00000000.jsonl`, text);
    const list = JSON.parse((await lab.run(["undo", "--list", "-o", "json"])).stdout);
    assert.deepEqual(list.runs.map((run: { tags: number }) => run.tags), [1]);
    const run = await lab.run(["undo", "--dry-run"]);
    assertRun(run, { exitCode: 0, stdout: `planned  HOST/app:1  ${A.digest}\n`, stderr: "" });
  }
});

test("a damaged journal is refused, and nothing is asked for", async () => {
  const data = A.bytes.toString("base64");
  const other = B.bytes.toString("base64");
  const cases: readonly (readonly [(text: string) => string, RegExp])[] = [
    [(text) => text.replace(data, other), /the manifest sha256:[0-9a-f]{64} in it is damaged\n/],
    [
      (text) => text.replace(`"data":"${data}"`, '"x":1'),
      /the manifest sha256:\w+ in it is damaged/,
    ],
    [(text) => text.replace('"tags":["1"]', '"tags":["../x"]'), /a line of it is not as regctl/],
    [(text) => text.replace('"tags":["1"]', '"tags":"1"'), /a line of it is not as regctl/],
    [(text) => text.replace(A.digest, "sha256:x"), /a line of it is not as regctl/],
    [(text) => text.replace("/app", "/../app"), /a repository in it has no valid name: each part/],
    [(text) => text.replace("/app", "/APP"), /no valid name: upper-case letters are not allowed/],
    [(text) => text.replace('"version":1', '"version":2'), /it is no journal of regctl/],
    [(text) => text.slice(text.indexOf("\n") + 1), /it is no journal of regctl/],
    [(text) => text.replace('{"removal"', "{removal") + text, /a line of it is damaged/],
  ];
  const { lab, file, text } = await start();
  await using _ = lab;
  for (const [change, says] of cases) {
    const changed = change(text);
    assert.notEqual(changed, text);
    await writeFile(file, changed);
    const run = await lab.run(UNDO);
    assert.deepEqual([run.exitCode, run.stdout, run.log], [2, "", []], run.stderr);
    assert.ok(run.stderr.startsWith(`error: Cannot use the journal ${file}: `), run.stderr);
    assert.match(run.stderr, says);
    assert.match(run.stderr, /\nhint: Name another one of regctl undo --list\n$/);
    const { runs } = JSON.parse((await lab.run(["undo", "--list", "-o", "json"])).stdout);
    assert.equal(runs[0].state, "damaged");
  }
});

test("what undo wrote down is no run to undo without a name, damaged or not", async () => {
  const { lab } = await start();
  await using _ = lab;
  await writeFile(`${lab.journals}/29990101T000000000-undo-00000000.jsonl`, "junk\njunk\n");
  const run = await lab.run(UNDO);
  assertRun(run, { exitCode: 0, stdout: `restored HOST/app:1  ${A.digest}\n`, stderr: "" });
});

test("a journal that is not there is not found", async () => {
  const { lab } = await start();
  await using _ = lab;
  for (const name of ["no", "./no.jsonl"]) {
    assertRun(await lab.run([...UNDO, name]), {
      exitCode: 3,
      stdout: "",
      stderr: `error: There is no journal "${name}"\nhint: See regctl undo --list\n`,
    });
  }
});

test("a journal elsewhere that cannot be written to is no trouble", async () => {
  const { lab, text } = await start();
  await using _ = lab;
  // A folder in the way of the link that would have to be followed.
  const file = await lab.folder.write("copy.jsonl", text, 0o400);
  const { symlink } = await import("node:fs/promises");
  await symlink(file, lab.folder.join("link.jsonl"));
  const run = await lab.run([...UNDO, lab.folder.join("link.jsonl"), "-o", "json"]);
  assert.equal(run.exitCode, 0, run.stderr);
  assert.equal(JSON.parse(run.stdout).results[0].outcome, "restored");
  assert.match(JSON.parse(run.stderr).warning, /^could not note that it is undone: Cannot write /);
  await chmod(file, 0o600);
});

test("63: what a journal says reaches no terminal raw, in the question neither", async () => {
  const { lab, file, text } = await start();
  await using _ = lab;
  const evil = text.replace(/"startedAt":"[^"]+"/, '"startedAt":"\\u001b[2J\\u202e"')
    .replace('"command":"delete"', '"command":"\\u001b[31m"');
  await writeFile(file, evil);
  let asked = "";
  let written = "";
  const env = lab.env();
  const output = {
    ...{ isTerminal: true, columns: 80 },
    write: (data: string | Uint8Array) => Promise.resolve(void (written += data)),
  };
  const exitCode = await main({
    ...createNativeHost(),
    args: ["undo"],
    homeDirectory: env["HOME"] ?? "",
    env: (name) => ({ ...env, NO_COLOR: "1" })[name],
    stdinIsTerminal: true,
    stdout: output,
    stderr: output,
    ask: (question) => Promise.resolve(void (asked += question)).then(() => "n"),
    onStop: () => {},
  });
  assert.equal(exitCode, 130);
  assert.equal(asked, "Put back 1 tag, deleted \\x1b[2J\\u{202e}? [y/N]");
  for (const format of ["text", "json", "ndjson"]) {
    written += (await lab.run(["undo", "--list", "-o", format], { isTerminal: true })).stdout;
  }
  for (const unsafe of ["\x1b", "\u202e"]) assert.ok(!written.includes(unsafe));
});
