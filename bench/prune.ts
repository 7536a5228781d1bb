import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startDockerRegistry } from "../tests/support/docker_registry.ts";
import { findProgram } from "../tests/support/find_program.ts";
import { makeImages, newestFirst, writeDockerStorage } from "../tests/support/many_images.ts";
import { countRequests, settledLog, sumRequests } from "../tests/support/request_counts.ts";
import { inFolder, measure } from "./measure.ts";

const TAGS = 2000;
const KEEP = 1200;
/** As many requests at a time as the program makes. */
const PROCESSES = 8;

/** What keeping the newest images took. */
export interface PruneFigures {
  readonly name: string;
  readonly requests: number;
  /** Seconds. */
  readonly wall: number;
  /** Seconds of processor time, without the registry's. */
  readonly cpu: number;
  /** Of the process that had the most. */
  readonly megabytes: number;
}

/** One way to do it: commands that run one after the other; what each prints is in the file of its name. */
interface Contestant {
  readonly name: string;
  readonly steps: (
    repository: string,
    folder: string,
  ) => readonly { readonly name: string; readonly words: readonly string[] }[];
}

/** What a shell script does without the program: a date of each tag, then the oldest go. */
const LOOP = `
skopeo list-tags --tls-verify=false "docker://$1" | sed -n 's/^ *"\\(build-[0-9]*\\)",*$/\\1/p' |
while read -r tag; do
  created=$(skopeo inspect -n --tls-verify=false --format '{{.Created}}' "docker://$1:$tag")
  echo "$created $tag"
done | sort -r | tail -n "+$(($2 + 1))" | sed 's/.* //' |
while read -r tag; do
  skopeo delete --tls-verify=false "docker://$1:$tag"
done
`;

/** The same, a few at a time. */
const XARGS = `
skopeo list-tags --tls-verify=false "docker://$1" | sed -n 's/^ *"\\(build-[0-9]*\\)",*$/\\1/p' |
xargs -P ${PROCESSES} -I '{}' sh -c '
  created=$(skopeo inspect -n --tls-verify=false --format "{{.Created}}" "docker://$0:{}")
  echo "$created {}"
' "$1" | sort -r | tail -n "+$(($2 + 1))" | sed 's/.* //' |
xargs -P ${PROCESSES} -I '{}' skopeo delete --tls-verify=false "docker://$1:{}"
`;

function toContestants(program: string): readonly Contestant[] {
  const shell = (name: string, script: string): Contestant => ({
    name,
    steps: (repository) => [{ name, words: ["sh", "-c", script, "sh", repository, `${KEEP}`] }],
  });
  return [
    {
      name: "regctl",
      steps: (repository, folder) => {
        // The journal goes with the folder.
        const words = ["env", `XDG_STATE_HOME=${folder}`, program];
        const keep = ["--keep", `${KEEP}`, "-o", "json"];
        return [
          { name: "regctl prune", words: [...words, "prune", repository, ...keep] },
          { name: "regctl apply", words: [...words, "apply", join(folder, "regctl prune"), "-y"] },
        ];
      },
    },
    ...(findProgram("skopeo")
      ? [shell("skopeo in a loop", LOOP), shell(`skopeo, xargs -P ${PROCESSES}`, XARGS)]
      : []),
  ];
}

/**
 * Deletes all but the newest 1,200 of 2,000 images, each with a tag and a configuration of its own,
 * from a local docker-registry: each way once, on a copy of the same storage.
 */
export async function measurePrune(program: string): Promise<PruneFigures[]> {
  return await inFolder(async (storage) => {
    const images = makeImages({ count: TAGS });
    writeDockerStorage(storage, "app", images);
    const kept = newestFirst(images).slice(0, KEEP).flatMap(({ tags }) => tags).sort();
    const figures: PruneFigures[] = [];
    for (const { name, steps } of toContestants(program)) {
      await inFolder(async (folder) => {
        await using registry = await startDockerRegistry();
        cpSync(storage, join(registry.folder, "data"), { recursive: true });
        const taken: PruneFigures[] = [];
        for (const step of steps(`${registry.host}/app`, folder)) {
          const { length } = await settledLog(registry);
          const { stdout, wall, cpu, megabytes } = await measure(step.words);
          writeFileSync(join(folder, step.name), stdout);
          const requests = sumRequests(countRequests((await settledLog(registry)).slice(length)));
          taken.push({ name: step.name, requests, wall, cpu, megabytes });
        }
        const response = await fetch(`${registry.url}/v2/app/tags/list`);
        const { tags } = await response.json() as { tags: string[] };
        if (tags.sort().join() !== kept.join()) throw new Error(`${name} left other tags`);
        figures.push(...taken);
        if (taken.length > 1) figures.push(addUp(`${name}, both`, taken));
      });
    }
    return figures;
  });
}

function addUp(name: string, figures: readonly PruneFigures[]): PruneFigures {
  return {
    name,
    requests: figures.reduce((sum, { requests }) => sum + requests, 0),
    wall: figures.reduce((sum, { wall }) => sum + wall, 0),
    cpu: figures.reduce((sum, { cpu }) => sum + cpu, 0),
    megabytes: Math.max(...figures.map(({ megabytes }) => megabytes)),
  };
}
