/** How many requests there were, by method and what they were about: `GET manifests`. */
export type RequestCounts = Readonly<Record<string, number>>;

/** A line of `docker-registry`: one a request, or one an error of it. */
const DOCKER_LINE =
  /msg="response completed(?: with error)?".* http\.request\.id=(\S+) http\.request\.method=(\w+) .*http\.request\.uri="?([^" ]+)/;
/** A line of `regctl serve -v`: time, address, method, path. */
const SERVE_LINE = /^(\d{4}-\S+Z \S+) ([A-Z]+) (\/\S*) /;

const SETTLE_MS = 200;

/** Counts the requests in the log of `docker-registry` or of `regctl serve -v`. */
export function countRequests(log: string): RequestCounts {
  const counts: Record<string, number> = {};
  const seen = new Set<string>();
  for (const line of log.split("\n")) {
    const docker = DOCKER_LINE.exec(line);
    const [, id, method, path = ""] = docker ?? SERVE_LINE.exec(line) ?? [];
    if (id === undefined || (docker && seen.has(id))) continue;
    seen.add(id);
    const kind = /\/(tags\/list|manifests|blobs|referrers)(?=[/?]|$)/.exec(path)?.[1] ?? "v2";
    const key = `${method} ${kind}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** All of them together. */
export function sumRequests(counts: RequestCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** A log that nothing has come to for a while: what it tells comes after the answers. */
export async function settledLog({ log }: { readonly log: () => string }): Promise<string> {
  for (let text = log();;) {
    await new Promise((go) => setTimeout(go, SETTLE_MS));
    const later = log();
    if (later.length === text.length) return later;
    text = later;
  }
}
