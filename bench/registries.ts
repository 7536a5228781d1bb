import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { OCI_MANIFEST } from "../core/oci/media_types.ts";
import { startDockerRegistry } from "../tests/support/docker_registry.ts";
import { pushImage } from "../tests/support/push.ts";
import { startRegistry } from "../tools/start_registry.ts";
import { writeRandomFile } from "./random_file.ts";

const BLOB_MEBIBYTES = 1024;
const ROUNDS = 5;
const REQUESTS = 20_000;

const run = promisify(execFile);

/** A registry under test. */
interface Contestant {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

/** What one registry did. */
export interface RegistryFigures {
  readonly name: string;
  /** Seconds; the best of a few rounds, in which the registries take turns. */
  readonly upload: number;
  readonly download: number;
  /** Of `GET` of a manifest by tag, on eight connections. */
  readonly requestsPerSecond: number;
  readonly peakMegabytes: number;
}

/** Pushes and pulls a blob of 1 GiB, with curl, and asks for a manifest, with ab. */
export async function measureRegistries(program: string): Promise<RegistryFigures[]> {
  const folder = mkdtempSync(join(tmpdir(), "regctl-bench-"));
  try {
    const file = join(folder, "blob");
    const digest = await writeRandomFile(file, BLOB_MEBIBYTES);
    await using own = await startRegistry(program, ["--dir", join(folder, "data")]);
    await using peer = await startDockerRegistry();
    const contestants: readonly Contestant[] = [
      { name: "regctl serve", url: own.url, pid: own.pid },
      { name: "docker-registry", url: peer.url, pid: peer.pid },
    ];
    const times = contestants.map(() => ({ upload: Infinity, download: Infinity }));
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, { url }] of contestants.entries()) {
        const best = times[i];
        if (!best) continue;
        best.upload = Math.min(best.upload, await upload(url, file, digest));
        best.download = Math.min(best.download, await download(url, digest));
        await fetch(`${url}/v2/big/blobs/${digest}`, { method: "DELETE" });
      }
    }
    const figures: RegistryFigures[] = [];
    for (const [i, { name, url, pid }] of contestants.entries()) {
      await pushImage(url, "small", "latest");
      const requestsPerSecond = await countRequests(`${url}/v2/small/manifests/latest`);
      const { upload = NaN, download = NaN } = times[i] ?? {};
      figures.push({ name, upload, download, requestsPerSecond, peakMegabytes: readPeak(pid) });
    }
    return figures;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function upload(url: string, file: string, digest: string): Promise<number> {
  const started = await fetch(`${url}/v2/big/blobs/uploads/`, { method: "POST" });
  const target = new URL(started.headers.get("location") ?? "", url);
  target.searchParams.set("digest", digest);
  const type = "content-type: application/octet-stream";
  return await curl(201, ["-H", type, "-H", "expect:", "-T", file, target.href]);
}

async function download(url: string, digest: string): Promise<number> {
  return await curl(200, [`${url}/v2/big/blobs/${digest}`]);
}

/** Gives the seconds that one request took. */
async function curl(status: number, words: readonly string[]): Promise<number> {
  const format = "%{http_code} %{time_total}";
  const { stdout } = await run("curl", ["-s", "-o", "/dev/null", "-w", format, ...words]);
  const [code, seconds] = stdout.split(" ").map(Number);
  if (code !== status) throw new Error(`curl ${words.at(-1)}: ${code}`);
  return seconds ?? NaN;
}

async function countRequests(url: string): Promise<number> {
  const accept = `accept: ${OCI_MANIFEST}`;
  const load = ["-q", "-k", "-c", "8", "-n", String(REQUESTS), "-H", accept];
  const { stdout } = await run("ab", [...load, url]);
  if (/Non-2xx responses/.test(stdout)) throw new Error(stdout);
  return Number(/^Requests per second: +([\d.]+)/m.exec(stdout)?.[1]);
}

/** The most memory that a process ever had, in MB; Linux alone tells. */
function readPeak(pid: number): number {
  if (process.platform !== "linux") return NaN;
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1000;
}
