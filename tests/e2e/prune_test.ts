import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { forEach } from "../../core/for_each.ts";
import { startDockerRegistry } from "../support/docker_registry.ts";
import { reasonToSkip } from "../support/find_program.ts";
import {
  makeImages,
  type ManyImage,
  newestFirst,
  writeDockerStorage,
  writeLayout,
} from "../support/many_images.ts";
import { programCommand, type ProgramResult, runCommand, runProgram } from "../support/program.ts";
import {
  countRequests,
  type RequestCounts,
  settledLog,
  sumRequests,
} from "../support/request_counts.ts";
import { startServe } from "../support/serve_program.ts";
import { assertWhole, readManifest } from "../support/stored_content.ts";
import { createTempFolder } from "../support/temp_folder.ts";

const missing = reasonToSkip("docker-registry");
const skipTerminal = process.platform === "linux"
  ? reasonToSkip("script")
  : "script(1) of util-linux is needed";

/** A registry looks at all its tags for each manifest that goes: once in this size is enough, and few go. */
const MANY = process.env["REGCTL_TEST_TARGET"] === "binary" ? 2000 : 500;

const TIMEOUT_MS = 180_000;
const COLUMNS = 80;
const CONCURRENCY = 8;
/** Of the least that the protocol allows; where few go, a tenth would hide a look at each of them. */
const ALLOWED = 1.05;

/** A registry that writes down each request. */
interface LoggingRegistry {
  readonly url: string;
  readonly host: string;
  readonly log: () => string;
}

/** What a run did. */
interface CountedRun extends ProgramResult {
  readonly counts: RequestCounts;
}

/** Runs something and counts what it asks a registry. */
async function counted(
  registry: LoggingRegistry,
  run: () => Promise<ProgramResult>,
): Promise<CountedRun> {
  const { length } = await settledLog(registry);
  const result = await run();
  assert.equal(result.exitCode, 0, `${result.stdout.slice(-2000)}${result.stderr}`);
  return { ...result, counts: countRequests((await settledLog(registry)).slice(length)) };
}

/** Runs the program with its standard output in a file, and all else on a terminal: the result's `stdout`. */
function runOnTerminal(
  words: readonly string[],
  { env, output }: { readonly env: Readonly<Record<string, string>>; readonly output: string },
): Promise<ProgramResult> {
  const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
  const line = [...programCommand(), ...words].map(quote).join(" ");
  const command = `stty cols ${COLUMNS} rows 24; exec ${line} >${quote(output)}`;
  return runCommand(["script", "-qec", command, "/dev/null"], {
    env: { SHELL: "/bin/sh", TERM: "xterm", ...env },
    timeoutMs: TIMEOUT_MS,
  });
}

/** What `apply` says on a terminal when all is done. */
// deno-lint-ignore no-control-regex
const END_NOTES = /(?:\x1b\[[\d;]+mnote:\x1b\[0m [^\r\n]+\r?\n)+$/;

/** The lines that were shown in one place, one over the other. */
function readProgress(screen: string): readonly string[] {
  const lines = screen.split("\r\x1b[K");
  for (const line of lines) assert.ok(line.length < COLUMNS, line);
  assert.equal(lines.at(-1), "", "the last one is cleared");
  return lines;
}

/** @param besides requests for what the protocol has no single one for */
function assertCounts(counts: RequestCounts, least: RequestCounts, { besides = 0 } = {}): void {
  const told = JSON.stringify({ counts, least });
  for (const [key, count] of Object.entries(least)) assert.ok((counts[key] ?? 0) >= count, told);
  assert.ok(sumRequests(counts) <= sumRequests(least) * ALLOWED + besides, told);
}

/** The tags of the repository `app` are these; where some of them point to is looked at, too. */
async function assertTags(url: string, images: readonly ManyImage[]): Promise<void> {
  const response = await fetch(`${url}/v2/app/tags/list`);
  const { tags } = await response.json() as { tags: string[] };
  assert.deepEqual(tags.toSorted(), images.flatMap(({ tags }) => tags).toSorted());
  const some = images.filter((_, i) => i % 10 === 0 || i === images.length - 1);
  await forEach(some, CONCURRENCY, async ({ tags, digest }) => {
    for (const tag of tags) assert.equal((await readManifest(url, "app", tag))?.digest, digest);
  });
  const few = some.filter((_, i) => i % 4 === 0);
  await forEach(few, CONCURRENCY, async ({ tags: [tag = ""] }) => {
    await assertWhole(url, "app", tag);
  });
}

/** Plans, applies and undoes on a terminal, and so many go. */
async function pruneAndUndo(
  registry: LoggingRegistry,
  images: readonly ManyImage[],
  going: number,
) {
  await using folder = await createTempFolder();
  const env = { XDG_STATE_HOME: folder.path };
  const all = images.length;
  const kept = all - going;
  const app = `${registry.host}/app`;
  const plan = folder.join("plan.json");

  const planning = await counted(
    registry,
    () => runOnTerminal(["prune", app, "--keep", `${kept}`, "-o", "json"], { env, output: plan }),
  );
  // The list of tags tells neither digests nor dates. A manifest tells the digest of a tag, and of
  // its configuration, and that alone tells the date: no request of the protocol gives two of them.
  assertCounts(planning.counts, { "GET tags/list": 1, "GET manifests": all, "GET blobs": all });
  for (const key of Object.keys(planning.counts)) assert.match(key, /^(GET|HEAD) /);
  const planned = readProgress(planning.stdout);
  for (const what of ["tags", "dates"]) {
    for (const done of [1, all / 2, all]) {
      const wanted = `${done} of ${all} ${what} read`;
      assert.ok(planned.some((line) => line.endsWith(wanted)), wanted);
    }
  }

  const applying = await counted(
    registry,
    () => runOnTerminal(["apply", plan, "--yes"], { env, output: folder.join("report") }),
  );
  // Of each tag that stays, where it points to now, since that must not go; of each that goes, the
  // bytes that undo puts back. Then one look at what is left.
  assertCounts(applying.counts, {
    "GET tags/list": 2,
    "HEAD manifests": kept,
    "GET manifests": all - kept,
    "DELETE manifests": all - kept,
  });
  assert.match(
    END_NOTES.exec(applying.stdout)?.[0] ?? "",
    / To put it back: regctl undo \S+\r?\n$/,
  );
  const applied = readProgress(applying.stdout.replace(END_NOTES, ""));
  assert.ok(applied.some((line) => line.endsWith(" tags looked at again")));
  assert.ok(
    applied.some((line) => /(\d+) of \1 deleted$/.test(line)),
    applied.slice(-5).join("\n"),
  );
  await assertTags(registry.url, newestFirst(images).slice(0, kept));

  const undoing = await runProgram(["undo", "--yes"], { env, timeoutMs: TIMEOUT_MS });
  assert.equal(undoing.exitCode, 0, undoing.stderr);
  await assertTags(registry.url, images);
}

test(
  `prune: ${MANY} tags of docker-registry, in few requests, and back again`,
  { skip: missing || skipTerminal },
  async () => {
    await using registry = await startDockerRegistry();
    const images = makeImages({ count: MANY });
    writeDockerStorage(`${registry.folder}/data`, "app", images);
    await pruneAndUndo(registry, images, MANY / 10);
  },
);

test(
  "prune: 300 tags of regctl serve, in few requests, and back again",
  { skip: skipTerminal },
  async () => {
    await using folder = await createTempFolder();
    const images = makeImages({ count: 300 });
    writeLayout(folder.join("app"), images);
    await using serving = await startServe(["-v", "--dir", folder.path]);
    await pruneAndUndo({ url: serving.url, host: serving.host, log: serving.stderr }, images, 120);
  },
);

test(
  "prune: 100 tags whose manifests stay, in few requests where only digests can be deleted",
  { skip: missing },
  async () => {
    await using registry = await startDockerRegistry();
    await using folder = await createTempFolder();
    const images = makeImages({ count: 100, tagsOf: (i) => [`build-${i}`, `release-${i}`] });
    writeDockerStorage(`${registry.folder}/data`, "app", images);
    const app = `${registry.host}/app`;
    const env = { XDG_STATE_HOME: folder.path };
    const run = (...words: readonly string[]) =>
      counted(registry, () => runProgram(words, { env, timeoutMs: TIMEOUT_MS }));

    const planning = await run("prune", app, "--match", "build-*", "-o", "json");
    // One that stays in any case is asked for no date.
    assertCounts(planning.counts, {
      "GET tags/list": 1,
      "GET manifests": 200,
      "GET blobs": 100,
    });
    for (const key of Object.keys(planning.counts)) assert.match(key, /^(GET|HEAD) /);
    assert.equal(planning.stderr, "");

    const plan = await folder.write("plan.json", planning.stdout);
    const applying = await run("apply", plan, "--yes");
    // A tag moves to a copy, which is deleted. Beside it, once: a DELETE of a tag, which is refused,
    // and one of a digest that nobody has.
    assertCounts(applying.counts, {
      "GET tags/list": 2,
      "GET manifests": 100,
      "PUT manifests": 100,
      "DELETE manifests": 102,
      // Where the tag points after that: HEAD, and GET since a HEAD that fails does not say why.
    }, { besides: 200 });
    // No progress where nobody looks.
    assert.match(applying.stderr, /^note: The registry cannot delete a tag alone: .*\n$/);
    await assertTags(
      registry.url,
      images.map((image) => ({ ...image, tags: image.tags.slice(1) })),
    );
  },
);
