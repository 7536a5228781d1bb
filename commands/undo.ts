import { Command, Option } from "commander";
import { RegctlError } from "../core/errors.ts";
import { formatReference } from "../core/reference/reference.ts";
import { formatRepository } from "../core/reference/repository.ts";
import { formatJson, formatJsonLine } from "../core/render/json.ts";
import { formatMinute } from "../core/render/minute.ts";
import { formatTable } from "../core/render/table.ts";
import { Journal } from "../core/retention/journal.ts";
import {
  type JournalContent,
  type JournalRemoval,
  listJournals,
  markUndone,
  readJournal,
  type UndoneRecord,
} from "../core/retention/read_journal.ts";
import { nameRepository } from "../core/registry/repository_name.ts";
import { restore } from "../core/retention/restore.ts";
import { beginCall } from "./call.ts";
import { assertSecure } from "./assert_secure.ts";
import { confirm } from "./confirm.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import { assertOneRegistry, readCredentialFlags } from "./credential_flags.ts";
import { countThings } from "./count_things.ts";
import { createConcurrencyOption, type RegistryOptions, withRegistryOptions } from "./options.ts";
import { Report, RESULT_FORMATS, type ResultFormat } from "./report.ts";

interface UndoOptions extends RegistryOptions {
  readonly list?: true;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly force?: true;
  readonly concurrency: number;
  readonly output: ResultFormat;
}

/** `regctl undo [JOURNAL]` */
export function createUndoCommand(context: Context): Command {
  return withRegistryOptions(
    new Command("undo")
      .description(
        "Put back what delete or apply has deleted, as long as the registry keeps the blobs",
      )
      .argument("[journal]", "a journal of undo --list, or its file (default: the newest)")
      .option("--list", "list past runs, and change nothing")
      .option("--dry-run", "show what would be put back, and change nothing")
      .option("-y, --yes", "do not ask")
      .option("--force", "move tags back that point elsewhere now")
      .addOption(createConcurrencyOption())
      .addOption(
        new Option("-o, --output <format>", "how to print").choices(RESULT_FORMATS).default("text"),
      ),
  ).action((name: string | undefined, options: UndoOptions) => {
    beginCall(context, options.timeout);
    return options.list ? printList(context, options) : run(context, name, options);
  });
}

async function run(
  context: Context,
  name: string | undefined,
  options: UndoOptions,
): Promise<void> {
  const { host } = context;
  const journal = name === undefined ? await findNewest(context) : await readJournal(host, name);
  if (journal.removals.length === 0) {
    throw new RegctlError("NOT_FOUND", `Nothing was deleted, says the journal ${journal.name}`);
  }
  const groups = Map.groupBy(journal.removals, ({ repository }) => nameRepository(repository));
  const repositories = [...groups.values()].flatMap(([first]) => first ? [first.repository] : []);
  assertOneRegistry(repositories.map(({ registry }) => registry), options);
  const report = new Report(context, options.output);
  if (options.dryRun) return await showPlan(journal, report);
  for (const repository of repositories) assertSecure(repository, options);
  await confirm(context, {
    lines: journal.removals.flatMap(describe),
    question: `Put back ${count(journal.removals)}, deleted ${formatMinute(journal.startedAt)}?`,
    yes: options.yes,
  });
  const credential = await readCredentialFlags(context, options);
  const overwritten = new Journal(host, "undo");
  for (const repository of repositories) {
    const client = await connect(context, repository, options, { credential });
    await restore(client, repository, groups.get(nameRepository(repository)) ?? [], {
      force: options.force ?? false,
      onOverwrite: async (tag, content) => {
        await overwritten.add({ repository, content, tags: [tag], manifest: false });
      },
      concurrency: options.concurrency,
      stop: context.abort.signal,
      onResult: (result) => {
        report.addResult(repository, result);
        report.progress(`${report.results.length} put back`);
      },
    });
  }
  await overwritten.close();
  context.diagnostics.clearProgress();
  const failed = report.results.filter(({ isFailure }) => isFailure).length;
  const restored = report.results.length - failed;
  const at = new Date(host.clock.now()).toISOString();
  await note(context, journal, { at, restored, failed });
  await report.finish({ journal: journal.name });
  const failure = report.failure("restore");
  if (failure) throw failure;
}

/** What was put back is there, whether the journal can tell or not. */
async function note(
  { host, diagnostics }: Context,
  { path }: JournalContent,
  undone: UndoneRecord,
): Promise<void> {
  try {
    await markUndone(host, path, undone);
  } catch (error) {
    if (!(error instanceof RegctlError)) throw error;
    diagnostics.warn(`could not note that it is undone: ${error.message}`);
  }
}

/** The last run that deleted something; one before that has to be named. */
async function findNewest({ host }: Context): Promise<JournalContent> {
  for (const name of await listJournals(host)) {
    // What undo moved by force goes back by its name alone.
    if (name.includes("-undo-")) continue;
    const journal = await readJournal(host, name);
    if (journal.removals.length === 0) continue;
    if (journal.undoneAt === undefined) return journal;
    throw new RegctlError("NOT_FOUND", `The last run, ${name}, is undone already`, {
      hint: "Name an earlier one of regctl undo --list",
    });
  }
  throw new RegctlError("NOT_FOUND", "There is nothing to undo", {
    hint: "See regctl undo --list",
  });
}

async function showPlan({ name, removals }: JournalContent, report: Report): Promise<void> {
  for (const { repository, digest, tags, manifest } of removals) {
    const planned = { digest, outcome: "planned" };
    if (manifest) report.addResult(repository, planned);
    for (const tag of tags) report.addResult(repository, { tag, ...planned });
  }
  await report.finish({ journal: name });
}

function describe({ repository, digest, tags, manifest }: JournalRemoval): readonly string[] {
  const lines = tags.map((tag) => `${formatReference({ repository, tag })}  ${digest}`);
  return manifest ? [formatReference({ repository, digest }), ...lines] : lines;
}

function count(removals: readonly JournalRemoval[]): string {
  return countThings({
    tags: removals.reduce((sum, { tags }) => sum + tags.length, 0),
    manifests: removals.filter(({ manifest }) => manifest).length,
  });
}

/** One run, as it is listed. */
interface ListedRun {
  readonly journal: string;
  readonly startedAt: string;
  readonly command: string;
  readonly repositories: readonly string[];
  readonly tags: number;
  readonly manifests: number;
  readonly state: string;
}

async function printList({ host }: Context, { output }: UndoOptions): Promise<void> {
  const runs: ListedRun[] = [];
  for (const name of await listJournals(host)) {
    const run = await describeRun(host, name);
    if (run) runs.push(run);
  }
  if (output === "json") return await host.stdout.write(formatJson({ runs }));
  if (output === "ndjson") {
    return await host.stdout.write(runs.map(formatJsonLine).join(""));
  }
  const rows = runs.map((run) => [
    run.journal,
    ...[String(run.tags), String(run.manifests), run.state, run.repositories.join(", ")],
  ]);
  const columns = ["JOURNAL", "TAGS", "MANIFESTS", "STATE", "REPOSITORY"];
  await host.stdout.write(await formatTable(columns, rows));
}

/** Undefined for one that deleted nothing. */
async function describeRun(host: Context["host"], name: string): Promise<ListedRun | undefined> {
  try {
    const { startedAt, command, removals, undoneAt, isPartlyUndone } = await readJournal(
      host,
      name,
    );
    if (removals.length === 0) return undefined;
    const repositories = new Set(removals.map(({ repository }) => formatRepository(repository)));
    return {
      journal: name,
      startedAt,
      command,
      repositories: [...repositories],
      tags: removals.reduce((sum, { tags }) => sum + tags.length, 0),
      manifests: removals.filter(({ manifest }) => manifest).length,
      state: undoneAt ? "undone" : isPartlyUndone ? "partly undone" : "can be undone",
    };
  } catch (error) {
    if (!(error instanceof RegctlError)) throw error;
    const nothing = { startedAt: "", command: "", repositories: [], tags: 0, manifests: 0 };
    return { journal: name, ...nothing, state: "damaged" };
  }
}
