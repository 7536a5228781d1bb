import { join } from "node:path";
import { startDockerRegistry } from "../tests/support/docker_registry.ts";
import { findProgram } from "../tests/support/find_program.ts";
import { makeMixedTags, writeDockerStorage } from "../tests/support/many_images.ts";
import { countRequests, settledLog, sumRequests } from "../tests/support/request_counts.ts";
import { inFolder, measure } from "./measure.ts";

/** As many processes as have work with two cores. */
const PROCESSES = 8;
const TAGS = 1000;
/** The images of a platform share as many configurations. */
const CONFIGS = 120;
const SIZES = [100, 1000, 10_000];

/** What reading the facts of tags took. */
export interface FactsFigures {
  readonly name: string;
  readonly tags: number;
  readonly requests: number;
  /** Seconds. */
  readonly wall: number;
  /** Seconds of processor time, without the registry's. */
  readonly cpu: number;
  /** Of the process that had the most. */
  readonly megabytes: number;
}

/** What people do without the program. An index makes skopeo read one of its images. */
const XARGS = `
skopeo list-tags --tls-verify=false "docker://$1" | sed -n 's/^ *"\\(build-[0-9]*\\)",*$/\\1/p' |
xargs -P ${PROCESSES} -I '{}' skopeo inspect -n --tls-verify=false "docker://$1:{}"
`;

/** One way to do it. */
interface Contestant {
  readonly name: string;
  readonly words: readonly string[];
}

/** All facts of 1,000 tags, each fifth an index of four platforms: first and second run, and by skopeo. */
export async function measureFacts(program: string): Promise<FactsFigures[]> {
  return await inRepository(TAGS, async (repository, home, read) => {
    const words = ["env", `HOME=${home}`, program, "tags", repository, "-l"];
    const contestants: readonly Contestant[] = [
      { name: "regctl tags -l, first run", words },
      { name: "regctl tags -l, second run", words },
      ...(findProgram("skopeo")
        ? [{
          name: `skopeo inspect, xargs -P ${PROCESSES}`,
          words: ["sh", "-c", XARGS, "sh", repository],
        }]
        : []),
    ];
    const figures: FactsFigures[] = [];
    for (const contestant of contestants) figures.push(await read(contestant));
    return figures;
  });
}

/** How time and memory grow with the number of tags. */
export async function measureGrowth(program: string): Promise<FactsFigures[]> {
  const figures: FactsFigures[] = [];
  for (const size of SIZES) {
    await inRepository(size, async (repository, home, read) => {
      const words = ["env", `HOME=${home}`, program, "tags", repository, "-l"];
      for (const name of ["first run", "second run"]) figures.push(await read({ name, words }));
    });
  }
  return figures;
}

type Read = (contestant: Contestant) => Promise<FactsFigures>;

/** Gives a repository of so many tags to a task, and what reads and counts. */
async function inRepository<T>(
  tags: number,
  task: (repository: string, home: string, read: Read) => Promise<T>,
): Promise<T> {
  return await inFolder(async (home) => {
    await using registry = await startDockerRegistry();
    const images = makeMixedTags({ count: tags, indexEvery: 5, configs: CONFIGS });
    writeDockerStorage(join(registry.folder, "data"), "app", images);
    const read: Read = async ({ name, words }) => {
      const { length } = await settledLog(registry);
      const { stdout, wall, cpu, megabytes } = await measure(words);
      const told = stdout.match(/build-\d+|"Digest"/g)?.length ?? 0;
      if (told < tags) throw new Error(`${name} told of ${told} tags alone`);
      const requests = sumRequests(countRequests((await settledLog(registry)).slice(length)));
      return { name, tags, requests, wall, cpu, megabytes };
    };
    return await task(`${registry.host}/app`, home, read);
  });
}
