import { Command, InvalidArgumentError, Option } from "commander";
import { RegctlError } from "../core/errors.ts";
import { formatRepository } from "../core/reference/repository.ts";
import { formatMinute } from "../core/render/minute.ts";
import { formatCount } from "../core/render/progress.ts";
import { findNeeded } from "../core/retention/find_needed.ts";
import { assertModest, type DeleteLimit, parseDeleteLimit } from "../core/retention/guard_plan.ts";
import { listTags } from "../core/registry/list_tags.ts";
import type { Journal } from "../core/retention/journal.ts";
import { parsePlan } from "../core/retention/plan_file.ts";
import type { RepositoryPlan } from "../core/retention/plan.ts";
import { toRemovals } from "../core/retention/plan_removals.ts";
import { type Removal, tagsOf } from "../core/retention/removal.ts";
import { assertSecure } from "./assert_secure.ts";
import { confirm } from "./confirm.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import { assertOneRegistry, readCredentialFlags } from "./credential_flags.ts";
import { assertOneInput, readInput, STANDARD_INPUT } from "./input.ts";
import { createConcurrencyOption, type RegistryOptions, withRegistryOptions } from "./options.ts";
import { countRemovals, describeByTags, reportPlanned } from "./planned_removals.ts";
import { Report, RESULT_FORMATS, type ResultFormat } from "./report.ts";
import { type RemovalJob, runRemovals } from "./run_removals.ts";

interface ApplyOptions extends RegistryOptions {
  readonly dryRun?: true;
  readonly yes?: true;
  readonly maxDelete: DeleteLimit;
  readonly allowEmpty?: true;
  /** False with `--no-journal`. */
  readonly journal: boolean;
  readonly concurrency: number;
  readonly output: ResultFormat;
}

/** A tag takes some 300 bytes of it. */
const MAX_PLAN_BYTES = 256 * 1024 * 1024;

/** `regctl apply PLAN` */
export function createApplyCommand(context: Context): Command {
  return withRegistryOptions(
    new Command("apply")
      .description("Delete what a plan of regctl prune says, and nothing that has moved since")
      .argument("<plan>", "a file of regctl prune -o json; - is standard input")
      .option("--dry-run", "show what would go, and change nothing")
      .option("-y, --yes", "do not ask")
      .addOption(
        new Option("--max-delete <limit>", "refuse to delete more tags of a repository: 20 or 30%")
          .argParser(parseLimit).default({ percent: 50 }, "50%"),
      )
      .option("--allow-empty", "let the plan leave a repository without any tag")
      .option("--no-journal", "write nothing down: regctl undo cannot put it back")
      .addOption(createConcurrencyOption())
      .addOption(
        new Option("-o, --output <format>", "how to print").choices(RESULT_FORMATS).default("text"),
      ),
  ).action((file: string, options: ApplyOptions) => run(context, file, options));
}

async function run(context: Context, file: string, options: ApplyOptions): Promise<void> {
  const { diagnostics } = context;
  assertOneInput(file, options);
  const { timeout } = options;
  const { createdAt, repositories } = parsePlan(
    await readInput(context, file, { maxBytes: MAX_PLAN_BYTES, timeout }),
    file,
  );
  assertOneRegistry(repositories.map(({ repository }) => repository.registry), options);
  const credential = await readCredentialFlags(context, options);
  const clients: Client[] = [];
  for (const plan of repositories) {
    if (plan.manifests.length === 0 && plan.tags.every(({ action }) => action === "keep")) continue;
    assertSecure(plan.repository, options);
    clients.push({
      plan,
      client: await connect(context, plan.repository, options, { credential }),
    });
  }
  let jobs = await prepareAll(context, clients, options);
  const report = new Report(context, options.output, { isBrief: true });
  let journal: Journal | undefined;
  if (options.dryRun) reportPlanned(report, jobs);
  else if (jobs.some(({ removals }) => removals.length > 0)) {
    const hasAsked = await confirm(context, {
      lines: describeByTags(jobs),
      question: `Delete ${countRemovals(jobs)}, as planned ${formatMinute(createdAt)}?`,
      yes: options.yes,
      isInputTaken: file === STANDARD_INPUT,
    });
    // Somebody may have pushed while the question stood there.
    if (hasAsked) {
      const shown = jobs;
      jobs = await prepareAll(context, clients, options);
      assertShown(jobs, shown);
    }
    journal = await runRemovals(context, jobs, report, { command: "apply", ...options });
  } else diagnostics.note("The plan deletes nothing");
  await report.finish({ journal: journal?.name ?? null });
  // What it points to now is skipped, and would be again.
  const isMoved = report.results.some(({ outcome }) => outcome === "moved");
  const failure = report.failure(
    "delete",
    isMoved
      ? "Make a new plan with regctl prune: what has moved stays"
      : "Run it again to finish it: what is gone is left alone",
  );
  if (failure) throw failure;
}

interface Client {
  readonly plan: RepositoryPlan;
  readonly client: RemovalJob["client"];
}

/** Looks at what has changed since the plan was made. */
async function prepareAll(
  context: Context,
  clients: readonly Client[],
  options: ApplyOptions,
): Promise<readonly RemovalJob[]> {
  const jobs: RemovalJob[] = [];
  for (const client of clients) jobs.push(await prepare(context, client, options));
  context.diagnostics.clearProgress();
  return jobs;
}

async function prepare(
  { diagnostics }: Context,
  { client, plan }: Client,
  { concurrency, maxDelete, allowEmpty }: ApplyOptions,
): Promise<RemovalJob> {
  const { repository } = plan;
  const listed = await listTags(client, repository);
  assertModest(plan, { maxDelete, allowEmpty: allowEmpty ?? false, listed });
  const needed = await findNeeded(client, plan, {
    ...{ listed, concurrency },
    onProgress: (done, total) => {
      diagnostics.progress(formatCount({ done, total, what: "tags looked at again" }));
    },
  });
  const planned = new Map(plan.tags.map(({ tag, digest }) => [tag, digest]));
  const removals = toRemovals(plan, needed);
  const staying = countManifests(toRemovals(plan, new Set())) - countManifests(removals);
  if (staying > 0) {
    const name = formatRepository(repository);
    const [stay, them] = staying === 1
      ? ["1 manifest stays", "it"]
      : [`${staying} manifests stay`, "them"];
    diagnostics.note(`${stay} in ${name}: tags have come to need ${them}`);
  }
  return {
    ...{ repository, client, removals },
    tags: new Map(listed.map((tag) => [tag, planned.get(tag)])),
    isListed: true,
  };
}

function countManifests(removals: readonly Removal[]): number {
  return removals.filter(({ kind }) => kind === "manifest").length;
}

function parseLimit(value: string): DeleteLimit {
  try {
    return parseDeleteLimit(value);
  } catch {
    throw new InvalidArgumentError("Write a number of tags, or a share such as 30%.");
  }
}

/** What was not shown was not agreed to. */
function assertShown(jobs: readonly RemovalJob[], shown: readonly RemovalJob[]): void {
  const name = ({ repository, removals }: RemovalJob) =>
    removals.flatMap((removal) => {
      const where = `${formatRepository(repository)} ${removal.digest}`;
      const names = tagsOf(removal).map((tag) => `${where} ${tag}`);
      return removal.kind === "tag" ? names : [where, ...names];
    });
  const known = new Set(shown.flatMap(name));
  if (jobs.flatMap(name).every((one) => known.has(one))) return;
  throw new RegctlError("PARTIAL", "What would go has changed meanwhile: nothing was deleted", {
    hint: "Run it again, and look at what it shows",
  });
}
