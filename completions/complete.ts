import type { Argument, Command, Option } from "commander";
import { looksLikeRegistry } from "../core/reference/registry.ts";
import { isTag } from "../core/reference/tag.ts";

/** One thing the shell may insert. */
export interface Candidate {
  /** The whole word, not only what is missing of it. */
  readonly value: string;
  /** Shown beside the value by the shells that can. Default: none. */
  readonly description?: string | undefined;
}

/** The answer to one press of TAB. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  /** True when the shell appends a space behind a single candidate. */
  readonly space: boolean;
  /** True when the shell completes file names here. */
  readonly files: boolean;
}

/** What a completion needs from outside the program's own description. */
export interface CompletionSources {
  /** The tags of a repository, named as the user typed it. It may throw: there are no candidates then. */
  tags(repository: string): Promise<readonly string[]>;
}

/** A longer list helps nobody at a prompt, and shells get slow to draw it. */
export const MAX_CANDIDATES = 1000;

const FILE_VALUE = /[<[](?:file|path)(?:\.\.\.)?[>\]]/i;
const FILE_ARGUMENT = /^(?:file|path|plan|journal)$/i;

/** What the words before the cursor add up to. */
interface Place {
  command: Command;
  /** Positional arguments given to `command` so far. */
  operands: number;
  /** The option that the next word belongs to; with `must` even when that word starts with a dash. */
  waiting: { readonly option: Option; readonly must: boolean } | undefined;
  /** The attribute names of the options given. */
  readonly used: Set<string>;
  /** True behind `--`. */
  literal: boolean;
}

/**
 * Says what may stand at the cursor. `words` are those behind the program's name, up to and including
 * the one under the cursor, which may be "". Never throws: whatever fails gives no candidates.
 */
export async function complete(
  program: Command,
  words: readonly string[],
  sources: CompletionSources,
): Promise<Completion> {
  try {
    const word = words.at(-1) ?? "";
    const place = readWords(program, words.slice(0, -1));
    const found = await completeAt(place, word, sources);
    const candidates = found.candidates.filter(({ value }) => value.startsWith(word));
    return { ...found, candidates: candidates.slice(0, MAX_CANDIDATES) };
  } catch {
    return offer([]);
  }
}

function offer(candidates: readonly Candidate[], files = false): Completion {
  return { candidates, space: true, files };
}

function readWords(program: Command, words: readonly string[]): Place {
  const place: Place = {
    command: program,
    operands: 0,
    waiting: undefined,
    used: new Set(),
    literal: false,
  };
  for (const word of words) readWord(place, word);
  return place;
}

function readWord(place: Place, word: string): void {
  const isFlag = word.length > 1 && word.startsWith("-");
  const { waiting } = place;
  place.waiting = undefined;
  if (waiting !== undefined && (waiting.must || !isFlag)) {
    if (waiting.option.variadic) place.waiting = { option: waiting.option, must: false };
  } else if (place.literal || !isFlag) {
    readOperand(place, word);
  } else if (word === "--") {
    place.literal = true;
  } else {
    readFlag(place, word);
  }
}

function readOperand(place: Place, word: string): void {
  const { command } = place;
  const isNamed = (known: Command) => known.name() === word || known.aliases().includes(word);
  const next = place.operands === 0 ? command.commands.find(isNamed) : undefined;
  if (next !== undefined) {
    place.command = next;
    return;
  }
  // Commander's own `help` is no member of `commands`; a command's name follows it.
  const isHelp = place.operands === 0 && visibleCommands(command).some(isNamed);
  if (!isHelp) place.operands += 1;
}

function readFlag(place: Place, word: string): void {
  const exact = findOption(place, word);
  if (exact !== undefined) {
    place.used.add(exact.attributeName());
    if (takesValue(exact)) place.waiting = { option: exact, must: exact.required };
    return;
  }
  const isLong = word.startsWith("--");
  const flag = isLong ? word.replace(/=.*/s, "") : word.slice(0, 2);
  const option = findOption(place, flag);
  if (option === undefined) return;
  place.used.add(option.attributeName());
  if (!isLong && !takesValue(option) && word.length > 2) readFlag(place, `-${word.slice(2)}`);
}

async function completeAt(
  place: Place,
  word: string,
  sources: CompletionSources,
): Promise<Completion> {
  const { waiting } = place;
  if (waiting !== undefined && (waiting.must || !word.startsWith("-"))) {
    return offerValues(waiting.option, "");
  }
  if (place.literal || !word.startsWith("-")) return await offerOperands(place, word, sources);
  const equals = word.indexOf("=");
  if (equals < 0) return offer(flagCandidates(place));
  const option = findOption(place, word.slice(0, equals));
  if (option === undefined || !word.startsWith("--") || !takesValue(option)) return offer([]);
  return offerValues(option, word.slice(0, equals + 1));
}

function offerValues(option: Option, prefix: string): Completion {
  const choices = option.argChoices ?? [];
  const candidates = choices.map((choice) => ({ value: `${prefix}${choice}` }));
  return offer(candidates, FILE_VALUE.test(option.flags));
}

async function offerOperands(
  place: Place,
  word: string,
  sources: CompletionSources,
): Promise<Completion> {
  const { command, operands } = place;
  const commands = operands === 0 ? visibleCommands(command) : [];
  const candidates: Candidate[] = commands.map((known) => ({
    value: known.name(),
    description: known.summary() || known.description(),
  }));
  const last = command.registeredArguments.at(-1);
  const argument: Argument | undefined = command.registeredArguments[operands] ??
    (last?.variadic ? last : undefined);
  if (argument === undefined) return offer(candidates);
  for (const value of argument.argChoices ?? []) candidates.push({ value });
  const name = argument.name();
  if (name === "repo" || name === "ref") candidates.push(...await tagCandidates(word, sources));
  return offer(candidates, FILE_ARGUMENT.test(name));
}

function flagCandidates(place: Place): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const command of lineage(place.command)) {
    for (const option of command.createHelp().visibleOptions(command)) {
      if (place.used.has(option.attributeName()) && !isRepeatable(option)) continue;
      for (const value of [option.long, option.short]) {
        if (value === undefined || found.has(value)) continue;
        found.set(value, { value, description: option.description });
      }
    }
  }
  return [...found.values()];
}

async function tagCandidates(word: string, sources: CompletionSources): Promise<Candidate[]> {
  const repository = repositoryBeforeTag(word);
  if (repository === undefined) return [];
  const tags = await sources.tags(repository);
  return tags.filter(isTag).map((tag) => ({ value: `${repository}:${tag}` }));
}

function repositoryBeforeTag(word: string): string | undefined {
  const colon = word.lastIndexOf(":");
  const slash = word.lastIndexOf("/");
  if (colon <= slash + 1 || word.includes("@")) return undefined;
  const repository = word.slice(0, colon);
  const bare = repository.replace(/^[a-z]+:\/\//, "");
  // Without a slash the colon of `localhost:5000` stands before a port, not a tag.
  return !bare.includes("/") && looksLikeRegistry(bare) ? undefined : repository;
}

function visibleCommands(command: Command): readonly Command[] {
  return command.createHelp().visibleCommands(command);
}

/** The command and its parents, the nearest first. */
function lineage(command: Command): readonly Command[] {
  return command.parent === null ? [command] : [command, ...lineage(command.parent)];
}

function findOption(place: Place, flag: string): Option | undefined {
  return lineage(place.command)
    .flatMap((command) => command.options)
    .find((option) => option.long === flag || option.short === flag);
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

/** Commander has no mark for it: such an option is variadic or its parser reads the earlier value. */
function isRepeatable(option: Option): boolean {
  if (option.variadic || Array.isArray(option.defaultValue)) return true;
  return option.argChoices === undefined && (option.parseArg?.length ?? 0) > 1;
}
