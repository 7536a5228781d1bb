import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { startDockerRegistry } from "../tests/support/docker_registry.ts";
import { listen } from "../tests/support/listen.ts";
import { pushTags } from "../tests/support/push.ts";
import { measureDownloads } from "./downloads.ts";
import { type FactsFigures, measureFacts, measureGrowth } from "./facts.ts";
import { inFolder, measure } from "./measure.ts";
import { createPagedServer } from "./paged_server.ts";
import { PEERS, REGCTL } from "./peers.ts";
import { measurePrune } from "./prune.ts";
import { measureRegistries } from "./registries.ts";

const ROUNDS = 12;
const RUNS = 5;

// Never the kind that blocks: this process reads the log of the registry it measures.
const run = promisify(execFile);

/**
 * Median wall time in milliseconds of each command. They take turns, a few runs each, so that what
 * else the machine does falls on all of them alike.
 */
async function timeCommands(commands: readonly (readonly string[])[]): Promise<number[]> {
  const times: number[][] = commands.map(() => []);
  await inFolder(async (folder) => {
    const report = join(folder, "report.json");
    const flags = ["-N", "--warmup", "1", "--runs", String(RUNS), "--export-json", report];
    for (let round = 0; round < ROUNDS; round++) {
      await run("hyperfine", [...flags, ...commands.map((words) => words.join(" "))]);
      const { results } = JSON.parse(readFileSync(report, "utf8")) as {
        results: { times: number[] }[];
      };
      results.forEach((result, i) => times[i]?.push(...result.times));
    }
  });
  return times.map((list) => (list.sort((x, y) => x - y)[list.length >> 1] ?? NaN) * 1000);
}

function print(title: string, columns: readonly string[], rows: readonly (readonly string[])[]) {
  const lines = [columns, columns.map(() => "---"), ...rows];
  console.log(`\n${title}\n`);
  for (const line of lines) console.log(`| ${line.join(" | ")} |`);
}

/** Rows of milliseconds, and of how many times skopeo's they are. */
async function compare(commands: readonly (readonly string[])[]): Promise<string[][]> {
  const times = await timeCommands(commands);
  const base = times[PEERS.findIndex(({ name }) => name === "skopeo")] ?? NaN;
  return PEERS.map(({ name }, i) => {
    const time = times[i] ?? NaN;
    return [name, time.toFixed(1), (time / base).toFixed(2)];
  });
}

console.log(
  `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, ` +
    `${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}`,
);

print(
  `Start-up: print the version (median of ${ROUNDS * RUNS} runs)`,
  ["program", "ms", "times skopeo"],
  await compare(PEERS.map(({ version }) => version)),
);

{
  await using registry = await startDockerRegistry();
  const tags = Array.from({ length: 1000 }, (_, i) => `1.${i}`);
  await pushTags(registry.url, "app", tags);
  print(
    `List 1,000 tags of a local docker-registry (median of ${ROUNDS * RUNS} runs)`,
    ["program", "ms", "times skopeo"],
    await compare(PEERS.map(({ list }) => list(`${registry.host}/app`))),
  );
}

{
  await using server = await listen(createPagedServer(100, 1000));
  const rows: string[][] = [];
  for (const { name, list } of PEERS) {
    // Waited for one after the other, since this process is also the server.
    const { stdout, wall, cpu, megabytes } = await measure(list(`127.0.0.1:${server.port}/app`));
    const tags = stdout.match(/tag-\d{6}/g)?.length ?? 0;
    rows.push([name, String(tags), wall.toFixed(2), cpu.toFixed(2), megabytes.toFixed(0)]);
  }
  print(
    "List 100,000 tags in 100 pages",
    ["program", "tags printed", "wall s", "CPU s", "peak MB"],
    rows,
  );
}

{
  const figures = await measureRegistries(REGCTL);
  const base = figures.at(-1);
  const rows = figures.map((one) => [
    one.name,
    one.upload.toFixed(2),
    (one.upload / (base?.upload ?? NaN)).toFixed(2),
    one.download.toFixed(2),
    (one.download / (base?.download ?? NaN)).toFixed(2),
    one.requestsPerSecond.toFixed(0),
    one.peakMegabytes.toFixed(0),
  ]);
  print(
    "Serve: a blob of 1 GiB up and down (best of 5), GET of a manifest",
    ["registry", "up s", "ratio", "down s", "ratio", "requests/s", "peak MB"],
    rows,
  );
}

{
  const figures = await measureDownloads(REGCTL);
  const [base] = figures;
  print(
    "Download a blob of 1 GiB from a local docker-registry into a file (best of 5)",
    ["program", "wall s", "times curl", "CPU s", "peak MB"],
    figures.map(({ name, best: { wall, cpu, megabytes } }) => [
      name,
      wall.toFixed(2),
      (wall / (base?.best.wall ?? NaN)).toFixed(2),
      cpu.toFixed(2),
      megabytes.toFixed(0),
    ]),
  );
}

{
  const toCells = ({ requests, wall, cpu, megabytes }: FactsFigures) => [
    ...[String(requests), wall.toFixed(2), cpu.toFixed(2), megabytes.toFixed(0)],
  ];
  const figures = await measureFacts(REGCTL);
  const base = figures.at(-1);
  print(
    "Digest, date, size and platforms of 1,000 tags of a local docker-registry (once)",
    ["program", "requests", "wall s", "CPU s", "peak MB", "times skopeo"],
    figures.map((one) => [one.name, ...toCells(one), (one.wall / (base?.wall ?? NaN)).toFixed(2)]),
  );
  print(
    "The same of more and more tags",
    ["tags", "run", "requests", "wall s", "CPU s", "peak MB"],
    (await measureGrowth(REGCTL)).map((one) => [String(one.tags), one.name, ...toCells(one)]),
  );
}

{
  const figures = await measurePrune(REGCTL);
  print(
    "Keep the newest 1,200 of 2,000 tags of a local docker-registry (once)",
    ["program", "requests", "wall s", "CPU s", "peak MB"],
    figures.map(({ name, requests, wall, cpu, megabytes }) => [
      name,
      String(requests),
      wall.toFixed(1),
      cpu.toFixed(1),
      megabytes.toFixed(0),
    ]),
  );
}
