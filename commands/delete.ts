import { Command, Option } from "commander";
import { RegctlError } from "../core/errors.ts";
import { formatRepository, type Repository } from "../core/reference/repository.ts";
import type { Journal } from "../core/retention/journal.ts";
import { nameRepository, withScheme } from "../core/registry/repository_name.ts";
import { type Resolution, resolveTargets } from "../core/retention/resolve_targets.ts";
import { parseTarget, type Target } from "../core/retention/target.ts";
import { compilePattern } from "../core/selection/pattern.ts";
import { confirm } from "./confirm.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import { assertOneRegistry, readCredentialFlags } from "./credential_flags.ts";
import { assertOneInput, readInput, STANDARD_INPUT } from "./input.ts";
import { createConcurrencyOption, type RegistryOptions, withRegistryOptions } from "./options.ts";
import { countRemovals, describeRemovals, reportPlanned } from "./planned_removals.ts";
import { Report, RESULT_FORMATS, type ResultFormat } from "./report.ts";
import { type RemovalJob, runRemovals } from "./run_removals.ts";

interface DeleteOptions extends RegistryOptions {
  readonly dryRun?: true;
  readonly yes?: true;
  readonly ignoreMissing?: true;
  readonly withReferrers?: true;
  readonly force?: true;
  readonly allowEmpty?: true;
  /** False with `--no-journal`. */
  readonly journal: boolean;
  readonly concurrency: number;
  readonly output: ResultFormat;
}

/** More references than this are a mistake, or come from somebody who wants to fill the memory. */
const MAX_INPUT_BYTES = 16 * 1024 * 1024;

/** `regctl delete REF...` */
export function createDeleteCommand(context: Context): Command {
  return withRegistryOptions(
    new Command("delete")
      .alias("rm")
      .description(
        "Delete tags, each alone: other tags of the same image stay. A digest deletes the manifest",
      )
      .argument("<ref...>", "app:1.0, app:'pr-*', app@sha256:…; - reads them from standard input")
      .option("--dry-run", "show what would go, and change nothing")
      .option("-y, --yes", "do not ask")
      .option("--ignore-missing", "what is not there is no error")
      .option("--with-referrers", "signatures and other referrers of what goes, go too")
      .option("--force", "delete a manifest even where an index lists it")
      .option("--allow-empty", "let a pattern fit every tag of a repository")
      .option("--no-journal", "write nothing down: regctl undo cannot put it back")
      .addOption(createConcurrencyOption())
      .addOption(
        new Option("-o, --output <format>", "how to print").choices(RESULT_FORMATS).default("text"),
      ),
  ).action((words: string[], options: DeleteOptions) => run(context, words, options));
}

async function run(context: Context, words: string[], options: DeleteOptions): Promise<void> {
  const isInputTaken = words.includes(STANDARD_INPUT);
  if (isInputTaken) assertOneInput(STANDARD_INPUT, options);
  const targets = (await readWords(context, words, options)).map(parseTarget);
  // A pattern that is none is a mistake of the call: nobody need be asked for that.
  for (const { glob } of targets) if (glob !== undefined) await compilePattern(glob);
  const groups = groupByRepository(targets);
  assertOneRegistry(groups.map(({ repository }) => repository.registry), options);
  const report = new Report(context, options.output);
  const credential = await readCredentialFlags(context, options);
  const clients: Client[] = [];
  for (const { repository, wanted } of groups) {
    const client = await connect(context, repository, options, { credential });
    clients.push({ repository: withScheme(repository, client.baseUrl), client, wanted });
  }
  const jobs = await resolve(context, clients, options);
  for (const job of jobs) addFindings(report, job, options.ignoreMissing);
  let journal: Journal | undefined;
  if (jobs.some(({ removals }) => removals.length > 0)) {
    if (options.dryRun) reportPlanned(report, jobs);
    else {
      const hasAsked = await confirm(context, {
        lines: jobs.flatMap(describeRemovals),
        question: `Delete ${countRemovals(jobs)}?`,
        yes: options.yes,
        isInputTaken,
      });
      if (hasAsked) assertSame(jobs, await resolve(context, clients, options));
      journal = await runRemovals(context, jobs, report, { command: "delete", ...options });
    }
  }
  await report.finish({ journal: journal?.name ?? null });
  const failure = report.failure("delete", "Run it again with --ignore-missing to finish it");
  if (failure) throw failure;
}

/** The words of the call, and the lines of standard input in the place of `-`. */
async function readWords(
  context: Context,
  words: readonly string[],
  { timeout }: DeleteOptions,
): Promise<readonly string[]> {
  if (!words.includes(STANDARD_INPUT)) return words;
  const text = await readInput(context, STANDARD_INPUT, { maxBytes: MAX_INPUT_BYTES, timeout });
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => !/^(#|$)/.test(line));
  if (lines.length === 0) context.diagnostics.warn("standard input was empty");
  return words.flatMap((word) => word === STANDARD_INPUT ? lines : [word]);
}

interface Group {
  readonly repository: Repository;
  readonly wanted: readonly Target[];
}

/** In the order in which the repositories are named first. */
function groupByRepository(targets: readonly Target[]): readonly Group[] {
  const groups = new Map<string, Target[]>();
  for (const target of targets) {
    const name = nameRepository(target.repository);
    const group = groups.get(name);
    if (group) group.push(target);
    else groups.set(name, [target]);
  }
  return [...groups.values()].flatMap((wanted) =>
    wanted[0] ? [{ repository: wanted[0].repository, wanted }] : []
  );
}

interface Client extends Group {
  readonly client: RemovalJob["client"];
}

type Resolved = RemovalJob & Resolution;

/** Finds out what would go. */
async function resolve(
  { diagnostics }: Context,
  clients: readonly Client[],
  options: DeleteOptions,
): Promise<readonly Resolved[]> {
  const { withReferrers = false, force = false, allowEmpty = false, concurrency } = options;
  const jobs: Resolved[] = [];
  for (const { repository, client, wanted } of clients) {
    diagnostics.progress(`Looking at ${formatRepository(repository)}`);
    const resolution = await resolveTargets(client, repository, wanted, {
      ...{ withReferrers, force, allowEmpty, concurrency },
    });
    jobs.push({ repository, client, ...resolution });
  }
  diagnostics.clearProgress();
  return jobs;
}

/** What was shown, and nothing else, is what was agreed to. */
function assertSame(shown: readonly Resolved[], now: readonly Resolved[]): void {
  const describe = (jobs: readonly Resolved[]) => jobs.flatMap(describeRemovals).sort().join("\n");
  if (describe(shown) === describe(now)) return;
  throw new RegctlError("PARTIAL", "What would go has changed meanwhile: nothing was deleted", {
    hint: "Run it again, and look at what it shows",
  });
}

/** What is known before anything is deleted. */
function addFindings(
  report: Report,
  { repository, missing, failed }: Resolved,
  ignoreMissing = false,
): void {
  for (const { text: reference, message } of missing) {
    const error = new RegctlError("NOT_FOUND", message, {
      hint: "Check the spelling; with --ignore-missing it is no error",
    });
    const failure = ignoreMissing ? {} : { error };
    report.add({ reference, outcome: "missing", isFailure: !ignoreMissing, ...failure });
  }
  for (const result of failed) report.addResult(repository, result);
}
