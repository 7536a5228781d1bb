import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { readCompletionScript, type Shell } from "../../completions/mod.ts";
import { reasonToSkip } from "../support/find_program.ts";
import { createTempFolder, type TempFolder } from "../support/temp_folder.ts";

const TIMEOUT_MS = 20_000;
const PROMPT = "READY>";
const RAN = "STUB-RAN";
const TAB = "\t";
const KILL_LINE = "\u0015";
const LEFT = "\u0002";

/** A stand-in for the program: notes its arguments, answers `__complete` from a file. */
const STUB = `#!/bin/sh
{ for word; do printf '<%s>' "$word"; done; echo; } >>"$REGCTL_TEST_LOG"
if [ "$1" = __complete ]; then cat "$REGCTL_TEST_ANSWER"; echo "noise" >&2; else echo ${
  RAN.replace("-", "-''")
}; fi
`;

/** How each shell is started, with the files it then reads. */
const SHELLS = {
  bash: {
    command: "exec bash --noprofile --rcfile rc -i",
    files: { rc: `PS1='${PROMPT} '; source regctl.bash` },
  },
  zsh: {
    command: "exec zsh -i",
    files: {
      ".zshenv": "unsetopt global_rcs",
      // The default key, expand-or-complete, runs a typed $(...) before any completion is asked.
      ".zshrc": `PS1='${PROMPT} '; bindkey '^I' complete-word; autoload -Uz compinit; compinit -D -u
source regctl.zsh`,
    },
  },
  fish: {
    command: "exec fish --private -C 'source regctl.fish'",
    files: { "fish/config.fish": `function fish_prompt; echo '${PROMPT} '; end` },
  },
} satisfies Partial<Record<Shell, unknown>>;

type RealShell = keyof typeof SHELLS;

const skipPty = process.platform === "linux" ? false : "script(1) of util-linux is needed";

async function createStage(shell: RealShell, answer: string): Promise<TempFolder> {
  const folder = await createTempFolder();
  await folder.write("bin/regctl", STUB, 0o755);
  await folder.write("answer", answer);
  await folder.write("log", "");
  await folder.write(`regctl.${shell}`, await readCompletionScript(shell));
  for (const [name, text] of Object.entries(SHELLS[shell].files)) await folder.write(name, text);
  return folder;
}

function startIn(folder: TempFolder, program: string, args: readonly string[]) {
  const env = {
    PATH: `${folder.join("bin")}:${process.env["PATH"] ?? ""}`,
    HOME: folder.path,
    ZDOTDIR: folder.path,
    XDG_CONFIG_HOME: folder.path,
    XDG_DATA_HOME: folder.path,
    REGCTL_TEST_LOG: folder.join("log"),
    REGCTL_TEST_ANSWER: folder.join("answer"),
    SHELL: "/bin/sh",
    TERM: "xterm",
    LC_ALL: "C.UTF-8",
  };
  return spawn(program, [...args], { cwd: folder.path, env });
}

/** The arguments of each call of the stub, as `<a><b>`. */
async function readCalls(folder: TempFolder): Promise<readonly string[]> {
  return (await readFile(folder.join("log"), "utf8")).split("\n").slice(0, -1);
}

/** Types keys and Enter into an interactive shell, and `exit` when the stub was run by that line. */
async function typeKeys(folder: TempFolder, shell: RealShell, keys: string): Promise<void> {
  const child = startIn(folder, "script", ["-qec", SHELLS[shell].command, "/dev/null"]);
  const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
  const inputs = [[PROMPT, keys], [RAN, "exit"]];
  let screen = "";
  child.stdout.on("data", (chunk) => {
    screen += chunk;
    const [next] = inputs;
    if (next === undefined || !screen.includes(String(next[0]))) return;
    inputs.shift();
    child.stdin.write(`${next[1]}\r`);
  });
  try {
    await once(child, "close");
  } finally {
    clearTimeout(timer);
  }
  assert.deepEqual(inputs, [], `The line was not run: ${JSON.stringify(screen)}`);
}

/**
 * The keys, what the program answers at TAB, what it was called with at that TAB behind
 * `__complete --`, and what it was called with at Enter.
 */
type PtyCase = readonly [name: string, keys: string, answer: string, words: string, runs: string];

const HOSTILE = [
  "$(touch X)",
  "`touch X`",
  "; touch X",
  "* *",
  "'\"$(touch X)",
  "\\",
  "!!",
  "~",
  "#x",
];

const IN_A_WORD = "a cursor in a word";

const PTY_CASES: readonly PtyCase[] = [
  ["a command", `regctl ta${TAB}`, "tags\tlist tags\n:\n", "<ta>", "<tags>"],
  ["an empty word", `regctl ${TAB}`, "tags\tlist: tags\n:\n", "<>", "<tags>"],
  [
    "an empty word behind others",
    `regctl --output '' tags ${TAB}`,
    "r:1\n:\n",
    "<--output><><tags><>",
    "<--output><><tags><r:1>",
  ],
  [
    "behind another command and an assignment",
    `true; A=b regctl ta${TAB}`,
    "tags\n:\n",
    "<ta>",
    "<tags>",
  ],
  [
    "a reference with colons",
    `regctl tags localhost:5000/a/b:la${TAB}`,
    "localhost:5000/a/b:latest\n:\n",
    "<tags><localhost:5000/a/b:la>",
    "<tags><localhost:5000/a/b:latest>",
  ],
  [
    "a reference that ends in a colon, behind another one",
    `regctl tags a:1 b:${TAB}`,
    "b:2\n:\n",
    "<tags><a:1><b:>",
    "<tags><a:1><b:2>",
  ],
  [
    "a flag with its value",
    `regctl --output=js${TAB}`,
    "--output=json\n:\n",
    "<--output=js>",
    "<--output=json>",
  ],
  [
    "what candidates share",
    `regctl tags r:${TAB}0`,
    "r:1.0\tone\nr:1.1\tone\n:\n",
    "<tags><r:>",
    "<tags><r:1.0>",
  ],
  [
    "an open single quote",
    `regctl tags 'r:la${TAB}`,
    "r:latest\n:\n",
    "<tags><r:la>",
    "<tags><r:latest>",
  ],
  [
    "an open double quote",
    `regctl tags "r:la${TAB}`,
    "r:latest\n:\n",
    "<tags><r:la>",
    "<tags><r:latest>",
  ],
  [
    "an escaped colon",
    `regctl tags r\\:la${TAB}`,
    "r:latest\n:\n",
    "<tags><r:la>",
    "<tags><r:latest>",
  ],
  ["a cursor in the middle", `regctl ta x${LEFT}${LEFT}${TAB}`, "tags\n:\n", "<ta>", "<tags><x>"],
  [IN_A_WORD, `regctl tags r:lax${LEFT}${TAB}`, ":\n", "<tags><r:la>", "<tags><r:lax>"],
  ["no space", `regctl a${TAB}x`, "a/\n:nospace\n", "<a>", "<a/x>"],
  ["a file name", `regctl load fil${TAB}`, ":files\n", "<load><fil>", "<load><file one.txt>"],
  [
    "a file name in a flag",
    `regctl --ca-file=fil${TAB}`,
    ":files\n",
    "<--ca-file=fil>",
    "<--ca-file=file one.txt>",
  ],
  ["no file name unless asked", `regctl load fil${TAB}`, ":\n", "<load><fil>", "<load><fil>"],
  ["a program that fails", `regctl load fil${TAB}`, "", "<load><fil>", "<load><fil>"],
  ...HOSTILE.flatMap((hostile): PtyCase[] => [
    [
      hostile,
      `regctl tags r:${TAB}`,
      `r:${hostile}\t${hostile}\n:\n`,
      "<tags><r:>",
      `<tags><r:${hostile}>`,
    ],
    [`${hostile} alone`, `regctl ${TAB}`, `${hostile}\n:\n`, "<>", `<${hostile}>`],
  ]),
  ...["$(touch X)", "`touch X`", "; touch X"].map((
    typed,
  ): PtyCase => [
    `the typed word ${typed}`,
    `regctl '${typed}'${TAB}`,
    "tags\n:\n",
    `<${typed}>`,
    `<${typed}>`,
  ]),
  [
    "a typed word before the cursor",
    `regctl '$(touch X)' \\$\\(touch\\ X\\) ta${TAB}`,
    "tags\n:\n",
    "<$(touch X)><$(touch X)><ta>",
    "<$(touch X)><$(touch X)><tags>",
  ],
  [
    "a typed file name with a command",
    `regctl '$(touch X)/'${TAB}`,
    ":files\n",
    "<$(touch X)/>",
    "<$(touch X)/>",
  ],
];

/** What a shell does in a way of its own, before or after it asks the script. */
const EXCEPTIONS: Readonly<Record<RealShell, readonly string[]>> = {
  bash: [],
  // It moves the cursor to the end of the word first.
  zsh: [IN_A_WORD],
  // So does fish, and it takes a candidate that starts with a tilde for a path in a home folder.
  fish: [IN_A_WORD, "~ alone"],
};

const REAL_SHELLS = ["bash", "zsh", "fish"] as const;

/** Checks all cases at once, since each mostly waits for its shell, and names those that fail. */
async function checkAll<Case>(
  cases: readonly Case[],
  nameOf: (item: Case) => string,
  check: (item: Case) => Promise<void>,
): Promise<void> {
  const failures: string[] = [];
  await Promise.all(cases.map(async (item) => {
    try {
      await check(item);
    } catch (error) {
      failures.push(`${nameOf(item)}: ${error}`);
    }
  }));
  assert.equal(failures.join("\n"), "");
}

for (const shell of REAL_SHELLS) {
  test(`${shell} completes at TAB`, {
    skip: reasonToSkip(shell, "script") || skipPty,
    timeout: 2 * TIMEOUT_MS,
  }, async () => {
    const cases = PTY_CASES.filter(([name]) => !EXCEPTIONS[shell].includes(name));
    await checkAll(cases, ([name]) => name, async ([, keys, answer, words, runs]) => {
      await using folder = await createStage(shell, answer);
      await folder.write("file one.txt", "");
      await typeKeys(folder, shell, keys);
      assert.deepEqual(await readCalls(folder), [`<__complete><-->${words}`, runs]);
      assert.equal(existsSync(folder.join("X")), false);
    });
  });
}

/** Keys at which nothing may be run; the line is then thrown away. */
const UNFINISHED = [
  `regctl tags r:${TAB}${TAB}`,
  `regctl tags 'r:${TAB}${TAB}`,
  `regctl tags "r:${TAB}${TAB}`,
  `regctl tags $(touch X)${TAB}`,
  `regctl tags $(touch X):${TAB}`,
  `regctl tags "$(touch X):${TAB}`,
  `regctl tags \`touch X\`:${TAB}`,
  `regctl load $(touch X)/f${TAB}`,
  `regctl load "$(touch X)/f${TAB}`,
  `regctl load \`touch X\`/f${TAB}`,
  `regctl --ca-file=$(touch X)/f${TAB}`,
];

for (const shell of REAL_SHELLS) {
  test(`${shell} runs nothing at TAB`, {
    skip: reasonToSkip(shell, "script") || skipPty,
    timeout: 2 * TIMEOUT_MS,
  }, async () => {
    const candidates = HOSTILE.map((hostile) => `r:${hostile}\t${hostile}\n`);
    await checkAll(UNFINISHED, JSON.stringify, async (keys) => {
      await using folder = await createStage(shell, `${candidates.join("")}:files\n`);
      await typeKeys(folder, shell, `${keys}${KILL_LINE}${KILL_LINE}regctl done`);
      assert.equal((await readCalls(folder)).at(-1), "<done>");
      assert.equal(existsSync(folder.join("X")), false);
    });
  });
}

test("zsh loads the script as a function of fpath", {
  skip: reasonToSkip("zsh", "script") || skipPty,
}, async () => {
  await using folder = await createStage("zsh", "tags\tlist tags\n:\n");
  await folder.write("functions/_regctl", await readCompletionScript("zsh"));
  await folder.write(
    ".zshrc",
    `PS1='${PROMPT} '; fpath=("$ZDOTDIR/functions" $fpath); autoload -Uz compinit; compinit -D -u`,
  );
  await typeKeys(folder, "zsh", `regctl ta${TAB} && regctl ta${TAB}`);
  const calls = ["<__complete><--><ta>", "<__complete><--><ta>", "<tags>", "<tags>"];
  assert.deepEqual(await readCalls(folder), calls);
});

/** Runs a script without a terminal and gives what it prints. */
async function runScript(folder: TempFolder, shell: RealShell, script: string): Promise<string> {
  const child = startIn(folder, shell, ["-c", script]);
  let output = "";
  child.stdout.on("data", (chunk) => output += chunk);
  child.stderr.on("data", (chunk) => output += chunk);
  await once(child, "close");
  return output;
}

test("fish shows candidates with their descriptions", { skip: reasonToSkip("fish") }, async () => {
  const answer = "r:$(touch X)\t`touch X`\nr:1 2\n:\n";
  await using folder = await createStage("fish", answer);
  const output = await runScript(
    folder,
    "fish",
    "source regctl.fish; complete -C 'regctl tags r:'",
  );
  assert.equal(output, "r:$(touch X)\t`touch X`\nr:1 2\n");
  assert.equal(existsSync(folder.join("X")), false);
});

test("bash keeps what readline does not replace out of its answer", {
  skip: reasonToSkip("bash"),
}, async () => {
  const cases = [
    // line, COMP_WORDBREAKS, answer, COMPREPLY
    ["regctl tags a:5/b:", " :=", "a:5/b:1\na:5/b:2\n:\n", "<1><2>"],
    ["regctl tags a:5/b:", " =", "a:5/b:1\na:5/b:2\n:\n", "<a:5/b:1><a:5/b:2>"],
    ["regctl --output=j", " :=", "--output=json\n:\n", "<json>"],
    ["regctl --output=j", " :", "--output=json\n:\n", "<--output=json>"],
    ["regctl tags r:$(touch", " :", "r:$(touch X)\n:\n", "<\\$\\(touch\\ X\\)>"],
    ["regctl tags 'a:", " :", "a:1\na:$(touch X)\na:'\n:\n", "<a:1>"],
    ["regctl tags a:'", " :", "a:1\n:\n", "<1>"],
    ["regctl tags 'a':", " :", "a:1\n:\n", ""],
    ["regctl tags b:", " :", "a:1\n:\n", ""],
    ["regctl tags a:", " :", "a:1", ""],
    ["regctl tags a:", " :", "", ""],
  ] as const;
  for (const [line, breaks, answer, reply] of cases) {
    await using folder = await createStage("bash", answer);
    await folder.write("line", line);
    const output = await runScript(
      folder,
      "bash",
      `set -u; source regctl.bash
      COMP_WORDBREAKS='${breaks}' COMP_LINE="$(cat line) behind" COMP_POINT=${line.length}
      _regctl regctl; printf '<%s>' "\${COMPREPLY[@]}"`,
    );
    assert.equal(output.replace(/^<>$/, ""), reply, line);
    assert.equal(existsSync(folder.join("X")), false);
  }
});
