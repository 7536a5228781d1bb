import { Command, CommanderError } from "commander";
import { RegctlError } from "../core/errors.ts";
import { VERSION } from "../core/version.ts";
import type { Context } from "./context.ts";
import { type CommandEntry, COMMANDS } from "./mod.ts";

/** Parses the words of the call and runs the command they name; throws what it throws. */
export async function runProgram(context: Context): Promise<void> {
  const { args, stdout } = context.host;
  const help: string[] = [];
  try {
    assertHelpTopic(args);
    const program = await createProgram(context, args, help);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0 && error.code !== "commander.help") {
      throw toUsageError(error, findCommand(args[0]));
    }
  }
  if (help.length > 0) await stdout.write(help.join(""));
}

/**
 * Builds the program. Only the commands that `words` may mean are loaded; of the others the help
 * needs no more than the summary.
 */
async function createProgram(
  context: Context,
  words: readonly string[],
  help: string[],
): Promise<Command> {
  const { flags, diagnostics, host: { stdout } } = context;
  const program = new Command("regctl")
    .description("List, fetch, push and delete what is in any Docker or OCI registry, and run one")
    .usage("<command> [options]")
    .version(VERSION, "-V, --version", "print the version's number alone")
    .option("-v, --verbose", "log each request; twice: its headers too", () => {
      flags.verbose += 1;
      return true;
    })
    .option("-q, --quiet", "no warnings, notes and progress")
    .option("--debug", "show where an error came from")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => help.push(text),
      writeErr: (text) => help.push(text),
      // It is thrown, and reported in one place.
      outputError: () => {},
      getOutHelpWidth: () => stdout.columns,
      getErrHelpWidth: () => stdout.columns,
    })
    .exitOverride()
    .hook("preAction", (self) => {
      const { quiet = false, debug = false } = self.opts();
      diagnostics.quiet = quiet;
      flags.debug = debug;
    });
  const first = findCommand(words[0]);
  // Of a call that begins with a command, the others need not even be known.
  const known = first && !first.needsAll ? [first] : COMMANDS;
  for (const entry of known) {
    const isLoaded = first !== undefined || words.some((word) => findCommand(word) === entry);
    const command = isLoaded ? await entry.load(context) : createStub(entry);
    command.summary(entry.summary).copyInheritedSettings(program);
    program.addCommand(command, { hidden: entry.hidden ?? false });
  }
  return program;
}

function findCommand(word: string | undefined): CommandEntry | undefined {
  return COMMANDS.find(({ name, alias = name }) => name === word || alias === word);
}

/** Commander answers `help` for a command that is not there with the help of the program. */
function assertHelpTopic([first, topic = ""]: readonly string[]): void {
  if (first !== "help" || topic === "" || topic === "help" || topic.startsWith("-")) return;
  if (findCommand(topic)) return;
  throw new RegctlError("USAGE", `Unknown command '${topic}'`, { hint: "See regctl --help" });
}

function createStub({ name, alias }: CommandEntry): Command {
  const stub = new Command(name);
  return alias === undefined ? stub : stub.alias(alias);
}

/** `error: unknown option '--x'\n(Did you mean --y?)` -> message and hint. */
function toUsageError({ message }: CommanderError, command?: CommandEntry): RegctlError {
  const [what = "", ...more] = message.replace(/^error: /, "").replace(/\.$/, "").split("\n");
  const suggestion = /^\((.*)\)$/.exec(more.join(" "))?.[1];
  return new RegctlError("USAGE", what.charAt(0).toUpperCase() + what.slice(1), {
    hint: suggestion ?? `See regctl ${command ? `${command.name} ` : ""}--help`,
  });
}
