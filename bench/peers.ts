import { fileURLToPath } from "node:url";
import { findProgram } from "../tests/support/find_program.ts";

/** One program under test: its name, and the words that list the tags of a repository. */
export interface Peer {
  readonly name: string;
  readonly version: readonly string[];
  readonly list: (repository: string) => readonly string[];
}

/** The program itself. */
export const REGCTL = fileURLToPath(new URL("../dist/regctl", import.meta.url));

const KNOWN: readonly Peer[] = [
  {
    name: "regctl",
    version: [REGCTL, "--version"],
    list: (repository) => [REGCTL, "tags", repository],
  },
  {
    name: "skopeo",
    version: ["skopeo", "--version"],
    list: (repository) => ["skopeo", "list-tags", "--tls-verify=false", `docker://${repository}`],
  },
  {
    name: "crane",
    version: ["crane", "version"],
    list: (repository) => ["crane", "ls", repository],
  },
  {
    name: "oras",
    version: ["oras", "version"],
    list: (repository) => ["oras", "repo", "tags", "--plain-http", repository],
  },
];

/** This program, and those of its peers that are on PATH. */
export const PEERS: readonly Peer[] = KNOWN.filter(({ version: [program = ""] }) =>
  program === REGCTL || findProgram(program) !== undefined
);
