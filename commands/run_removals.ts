import { RegctlError } from "../core/errors.ts";
import { formatReference } from "../core/reference/reference.ts";
import type { Repository } from "../core/reference/repository.ts";
import type { RegistryClient } from "../core/registry/client.ts";
import { formatCount } from "../core/render/progress.ts";
import { Journal } from "../core/retention/journal.ts";
import { type Removal, tagsOf } from "../core/retention/removal.ts";
import { removeFrom } from "../core/retention/remove.ts";
import { verifyTags } from "../core/retention/verify_tags.ts";
import { joinSome } from "../core/shorten.ts";
import type { Context } from "./context.ts";
import { countThings } from "./count_things.ts";
import { outlastCall } from "./outlast_call.ts";
import type { Report } from "./report.ts";

/** What goes from one repository. */
export interface RemovalJob {
  readonly repository: Repository;
  readonly client: RegistryClient;
  readonly removals: readonly Removal[];
  /** All tags there are, with their digests where they are known. */
  readonly tags: ReadonlyMap<string, string | undefined>;
  /** Whether {@linkcode tags} are all: not every registry can list them. */
  readonly isListed: boolean;
}

/** A longer list helps nobody. */
const MAX_NAMED = 10;

/** How {@linkcode runRemovals} goes about it. */
export interface RunRemovalsOptions {
  /** The name of the command, for the journal. */
  readonly command: string;
  /** Whether a journal is written. */
  readonly journal: boolean;
  readonly concurrency: number;
}

/**
 * Deletes, one repository after the other, and looks at each in the end. Gives the journal where
 * there is one.
 */
export async function runRemovals(
  context: Context,
  jobs: readonly RemovalJob[],
  report: Report,
  { command, journal: isWritten, concurrency }: RunRemovalsOptions,
): Promise<Journal | undefined> {
  const { host, diagnostics, abort } = context;
  const journal = isWritten ? new Journal(host, command) : undefined;
  const all = jobs.flatMap(({ removals }) => removals);
  const manifests = all.filter(({ kind }) => kind === "manifest").length;
  const total = all.flatMap(tagsOf).length + manifests;
  const before = report.results.length;
  const tellEnd = () => {
    if (!host.stderr.isTerminal) return;
    diagnostics.clearProgress();
    diagnostics.note("Finishing what has begun; Ctrl-C again ends it at once");
  };
  abort.signal.addEventListener("abort", tellEnd, { once: true });
  try {
    for (const job of jobs) {
      const { repository, client, removals, tags, isListed } = job;
      const deleted = new Map<string, string>();
      await removeFrom(outlastCall(context, client), repository, removals, {
        journal,
        concurrency,
        tags,
        isListed,
        stop: abort.signal,
        onResult: (result) => {
          report.addResult(repository, result);
          const { tag, digest, outcome } = result;
          if (tag !== undefined && outcome === "deleted") deleted.set(tag, digest);
          const done = report.results.length - before;
          report.progress(formatCount({ done, total, what: "deleted" }));
        },
        onPrepared: (done, total) =>
          diagnostics.progress(formatCount({ done, total, what: "looked at again" })),
      });
      if (deleted.size > 0 && !abort.signal.aborted) await verify(context, job, deleted, report);
    }
  } finally {
    abort.signal.removeEventListener("abort", tellEnd);
    diagnostics.clearProgress();
    await journal?.close();
  }
  noteWays(context, report, journal);
  return journal?.isUsed ? journal : undefined;
}

/** What the user should know of how it was done, and how to take it back. */
function noteWays(
  { host, diagnostics }: Context,
  { results }: Report,
  journal: Journal | undefined,
): void {
  const copied = results.find(({ way }) => way === "copy");
  if (copied) {
    diagnostics.note(
      "The registry cannot delete a tag alone: it was done by way of a copy of the manifest; " +
        "the image and its other tags are as they were",
    );
  }
  const deleted = results.filter(({ outcome }) => outcome === "deleted");
  // A script knows, or reads it in the results.
  if (deleted.length === 0 || !host.stderr.isTerminal) return;
  if (deleted.length > 1) {
    const tags = deleted.filter(({ tag }) => tag !== undefined).length;
    diagnostics.note(`${countThings({ tags, manifests: deleted.length - tags })} deleted`);
  }
  if (journal?.isUsed) diagnostics.note(`To put it back: regctl undo ${journal.name}`);
}

/** What was deleted stays deleted, whatever comes of looking. */
async function verify(
  { diagnostics }: Context,
  { client, repository, removals, tags }: RemovalJob,
  deleted: ReadonlyMap<string, string>,
  report: Report,
): Promise<void> {
  const going = new Set(removals.flatMap(tagsOf));
  const kept = new Map([...tags].filter(([tag]) => !going.has(tag)));
  try {
    const { faults, ghosts, vanished } = await verifyTags(client, repository, { deleted, kept });
    const warn = (what: string, names: readonly string[]) => {
      if (names.length > 0) diagnostics.warn(`${what}: ${joinSome(names, MAX_NAMED)}`);
    };
    warn("still listed, though nothing is there any more", ghosts);
    warn("gone meanwhile, but not by this call", vanished);
    for (const { tag, error } of faults) {
      const reference = formatReference({ repository, tag });
      report.add({ reference, tag, outcome: "failed", error, isFailure: true });
    }
  } catch (error) {
    if (!(error instanceof RegctlError)) throw error;
    diagnostics.warn(`could not look at the tags afterwards: ${error.message}`);
  }
}
